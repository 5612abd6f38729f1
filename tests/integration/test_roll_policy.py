# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The button as people press it: one asks, another approves, and every try to get around the rules changes nothing."""

from __future__ import annotations

import json
import re
import select
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.button import Button
from tests.lab.demo import clean
from tests.lab.logins import Logins
from tests.lab.stage import LONG, Stage

pytestmark = pytest.mark.timeout(900)

POLICY = """
format: 1
contact: the platform team
zone: UTC
awx_accounts: [tower]
environments:
  production:
    may:
      - {groups: [order-team], kinds: [single, rolling]}
      - {groups: [sre], kinds: [single, rolling, forced, break_glass]}
      - {awx_users: [root], kinds: [rolling]}
    approval: {groups: [sre, order-team]}
    change: "CHG-[0-9]+"
"""
LEASED = (
    "lossless.restart.instance_process: {restart: '{{ instance_restart }}', address: '{{ instance_address }}', "
    "state: restarted, leased: true}",
    "lossless.restart.nginx_upstream_member: {leases: [order-1], steps: [granted], state: down}",
)


@pytest.fixture(scope="module")
def button(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Button]:
    folder = tmp_path_factory.mktemp("policy")
    people = Logins(
        folder / "people",
        *("alice", "bob", "carol", "mallory"),
        groups={"order-team": ["alice", "carol"], "sre": ["bob"]},
    )
    people.write("policy.yml", POLICY)
    people.sign("alice", "bob", "carol", "mallory")
    variables: dict[str, Any] = {"fleet_used_by": ["cart", "checkout"], "fleet_receipts": str(folder / "receipts")}
    # There is no traffic, and so none to wait for.
    variables["instance_verify_requests"] = 0
    with Stage(folder / "fleet", instances=2, balancers=1, variables=variables) as fleet:
        yield Button(fleet, people)


@pytest.fixture(autouse=True)
def as_it_was(button: Button) -> None:
    button.change += 1
    button.people.write("policy.yml", POLICY)
    button.people.sign("alice", "bob", "carol", "mallory")


def test_from_the_request_to_the_restart(button: Button) -> None:
    """One asks, another looks and approves, the same command runs; once."""
    request = button.ask()
    listed = button.press("bob", name="approve.yml")
    assert listed.code == 0 and f"request {request} waits for another person's word" in listed.text, listed.text
    assert "rolling restart of order-svc (production), asked for by alice" in listed.text
    approved = button.approve("bob", request)
    assert approved.code == 0 and f"{request} has the word of bob: alice may begin it, once" in approved.text
    starts = button.fleet.starts()
    with button.fleet.watched() as (client, observer):
        ended = button.press("alice", *button.good)
    assert ended.code == 0, ended.text
    assert "policy: production" in ended.text and "used by: cart, checkout" in ended.text
    assert button.fleet.starts() == {name: count + 1 for name, count in starts.items()}
    assert clean(client.result), client.losses
    assert observer.lowest["order_svc"] >= 1
    [past] = [json.loads(one.read_text()) for one in (button.fleet.folder / "ledger" / "runs").glob("*.json")]
    assert (past["account"], past["approved"]["by"], past["approved"]["id"]) == ("alice", "bob", request)
    assert button.requests() == []
    receipts(button, past["id"], ended.text)
    on_record(button, past["id"], ended.text)
    # It was good for one run.
    assert button.ask() != request


def receipts(button: Button, run: str, text: str) -> None:
    """Three files, of which report.yml makes the same again from the ledger."""
    folder = Path(button.fleet.folder.parent, "receipts")
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == {f"{run}.{ending}" for ending in ("html", "json", "txt")} and f"{folder}/{run}.html" in text
    receipt = json.loads(made[f"{run}.json"])
    assert (receipt["by"], receipt["approved"]["by"], receipt["done"]) == ("alice", "bob", ["order-1", "order-2"])
    assert {pool["pool"]: pool["lowest"] for pool in receipt["pools"]}["nginx/order_svc"] == 1
    assert "2 of 2 restarted" in made[f"{run}.html"] and "RECEIPT of run" in made[f"{run}.txt"]
    again = button.press("mallory", "-e", f"fleet_run={run}", "-e", f"fleet_receipts={folder}-again", name="report.yml")
    assert again.code == 0, again.text
    anew = json.loads(Path(f"{folder}-again", f"{run}.json").read_text())
    # What the process noted, the ledger does not have.
    gone = ("verified", "waited", "journal")
    assert {**receipt, **dict.fromkeys(gone)} == {**anew, **dict.fromkeys(gone)}


def on_record(button: Button, run: str, receipt: str) -> None:
    """Mallory, who may start nothing, sees all of it, and that somebody altered it."""
    listed = button.press("mallory", name="report.yml")
    assert listed.code == 0, listed.text
    assert re.search(rf"  {run}  .*2 of 2 done, finished; by alice; approved by bob; CHG-", listed.text), listed.text
    one = button.press("mallory", "-e", f"fleet_run={run}", name="report.yml")
    assert one.code == 0 and f"RECEIPT of run {run}: 2 of 2 restarted" in one.text, one.text
    assert "rolling restart of order-svc by alice" in one.text and "order-2  out" in one.text
    [head] = re.findall(r"  journal: (\d+:[0-9a-f]{16})", receipt)
    verify = ("-e", "verify=true", "-e", f"fleet_journal_head={head}")
    assert button.press("mallory", *verify, name="report.yml").code == 0
    [journal] = (button.fleet.folder / "ledger" / "journal").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    number = int(head.partition(":")[0])
    for spoiled, said in (
        ([line.replace(b'"by":"bob"', b'"by":"eve"') for line in lines], "the one before it, was altered"),
        ([*lines[:3], *lines[4:]], f"{journal} line 4: its number is 5 and that of the line before it 3"),
        (lines[: number - 1], f"it ends with line {number - 1}, and line {number} was there ({head})"),
    ):
        journal.write_bytes(b"".join(spoiled))
        altered = button.press("mallory", *verify, name="report.yml")
        assert altered.code == 2 and said in altered.text, altered.text
    journal.write_bytes(b"".join(lines))
    assert button.press("mallory", *verify, name="report.yml").code == 0


def test_who_cannot_approve(button: Button) -> None:
    request = button.ask()
    tries = [
        ("alice", "alice", "alice asked for"),
        # By another login, and by another's key.
        ("bob", "alice", "alice asked for"),
        ("alice", "bob", "alice asked for"),
        ("mallory", "mallory", "mallory may not approve order-svc; who may: group sre, group order-team"),
        ("bob", "stranger", "no key among the allowed signers made it"),
    ]
    for who, key, said in tries:
        ended = button.approve(who, request, key)
        assert ended.code != 0 and said in ended.text, (who, key, ended.text)
    assert f"fleet_approve={request}" in button.refused("alice", *button.good)


def test_another_plan_than_the_approved_one(button: Button) -> None:
    request = button.ask()
    assert button.approve("bob", request).code == 0
    for words in (
        ("-e", '{"fleet_pace": [1]}'),
        ("-e", "fleet_floor=10%"),
        ("-e", "fleet_change=CHG-999"),
        ("-e", "fleet_reason=another"),
        ("-e", "fleet_max_out=1"),
        ("-l", "order-1"),
    ):
        said = button.refused("alice", *button.good, *words)
        assert "needs another person's word" in said and request not in said, (words, said)
    # Nor does it serve another person.
    said = button.refused("carol", *button.good)
    assert "needs another person's word" in said and request not in said, said
    assert request in button.requests()


def test_rules_that_changed_meanwhile(button: Button) -> None:
    request = button.ask()
    button.people.write("policy.yml", POLICY.replace("CHG-[0-9]+", "CHG-[0-9]{1,8}"))
    ended = button.approve("bob", request)
    assert ended.code != 0 and f"the rules have changed since {request} was asked for" in ended.text
    button.people.write("policy.yml", POLICY)
    assert button.approve("bob", request).code == 0
    button.people.write("policy.yml", POLICY.replace("CHG-[0-9]+", "CHG-[0-9]{1,8}"))
    assert "needs another person's word" in button.refused("alice", *button.good)


def test_a_person_who_left(button: Button) -> None:
    assert button.approve("bob", button.ask()).code == 0
    button.people.sign("alice", "carol")
    said = button.refused("alice", *button.good)
    assert "does not count: the approval of" in said and "no key among the allowed signers made it" in said, said
    request = button.ask()
    assert button.approve("carol", request).code == 0
    state = json.loads((button.fleet.folder / "ledger" / "state.json").read_text())
    assert state["requests"][request]["approved"]["by"] == "carol"


def test_what_was_signed_for_another_purpose(button: Button, tmp_path: Path) -> None:
    """The right text and the right key, in another namespace; and the ledger's record altered by hand."""
    request = button.ask()
    state = button.fleet.folder / "ledger" / "state.json"
    record = json.loads(state.read_text())
    assert button.approve("bob", request).code == 0
    good = json.loads(state.read_text())["requests"][request]["approved"]
    forged = json.loads(state.read_text())
    forged["requests"][request]["approved"] = {**good, "signature": signed_as_file(button, record, request, tmp_path)}
    state.write_text(json.dumps(forged))
    assert "is not bob's signature of this very plan" in button.refused("alice", *button.good)
    forged["requests"][request]["approved"] = good
    forged["requests"][request]["until"] += 3600
    state.write_text(json.dumps(forged))
    assert "is not bob's signature of this very plan" in button.refused("alice", *button.good)


def signed_as_file(button: Button, record: dict[str, object], request: str, folder: Path) -> str:
    """Bob's signature of a file of his."""
    text = folder / "text"
    text.write_text(json.dumps(record))
    key = str(button.people.key("bob"))
    subprocess.run(["ssh-keygen", "-Y", "sign", "-n", "file", "-f", key, str(text)], check=True, timeout=30)
    return text.with_suffix(".sig").read_text()


def test_everything_against_it_at_once(button: Button) -> None:
    said = button.refused("mallory", "-e", "fleet_kind=forced")
    assert "mallory (groups mallory) may not do forced with order-svc; who may: group sre" in said
    assert "change (/etc/lossless_restart/policy.yml line 13): -e fleet_change='' does not match" in said
    assert "Who can lift it: the platform team" in said


WAYS: list[tuple[tuple[str, ...], dict[str, str]]] = [
    (("-e", "awx_user_name=root", "-e", "awx_job_id=1", "-e", "awx_job_template_name=x"), {}),
    (("-e", "tower_user_name=root"), {"JOB_ID": "1"}),
    ((), {"SUDO_USER": "bob", "LOGNAME": "bob", "USER": "bob", "SUDO_UID": "61001"}),
    (("-e", "ansible_user=bob"), {}),
    (("--skip-tags", "all"), {}),
    (("--start-at-task", "Restart | restart the process"), {}),
    (("-e", '{"fleet_planned": {"todo": ["order-1"], "batches": [["order-1"]], "sizes": [1]}}'), {}),
    (("-e", '{"fleet_described": {"checked": [], "selected": ["order-1"]}}'), {}),
]


@pytest.mark.parametrize(("words", "environment"), WAYS, ids=[" ".join(words)[:40] for words, _more in WAYS])
def test_ways_around_it(button: Button, words: tuple[str, ...], environment: dict[str, str]) -> None:
    # Where nothing of the play is left, there is nothing to refuse.
    empty = bool({"--skip-tags", "--start-at-task"} & {*words})
    button.refused("mallory", *button.good, *words, nothing=empty, **environment)


def test_another_ledger(button: Button, tmp_path: Path) -> None:
    """The balancers know the service under the other one; and on the same host the same policy holds."""
    words = (*button.good, "-e", f"fleet_ledger={tmp_path}/mine")
    said = button.refused("mallory", *words)
    other = re.search(r"two ledgers guard nothing.*fleet_ledger_replaces=([0-9a-f-]+)", said)
    if other:
        said = button.refused("mallory", *words, "-e", f"fleet_ledger_replaces={other[1]}")
    assert "mallory (groups mallory) may not do rolling" in said, said


def test_another_configuration(button: Button, tmp_path: Path) -> None:
    config = tmp_path / "ansible.cfg"
    config.write_text("[defaults]\nstdout_callback = default\nany_errors_fatal = false\n")
    collections = str(Path(__file__).parents[2] / ".venv" / "collections")
    said = button.refused("mallory", *button.good, ANSIBLE_CONFIG=str(config), ANSIBLE_COLLECTIONS_PATH=collections)
    assert "may not do rolling" in said


def test_a_copy_of_the_playbook_without_the_guard(button: Button, tmp_path: Path) -> None:
    """What the roles do to hosts they do with a lease only, whatever the variables say that they are granted."""
    text = (Path(__file__).parents[2] / "playbooks" / "rolling_restart.yml").read_text()
    text = re.sub(r"- name: Plan\n.*?\n\n", "", text, flags=re.DOTALL)
    text = re.sub(r" *- name: Guard\n.*\n", "", text)
    text = re.sub(r"hosts: \"{{ hostvars.localhost.fleet_planned.*", "hosts: order-svc", text)
    text = re.sub(r"serial: .*", "serial: 1", text)
    granted = {host: {"step": "granted"} for host in button.fleet.instances}
    batch = f'instance_batch: ["{{{{ inventory_hostname }}}}"]\n    instance_guard: {{granted: {json.dumps(granted)}}}'
    text = re.sub(r"instance_batch: .*", lambda _found: batch, text)
    assert "Guard" not in text and "Plan" not in text and "tasks_from: restart" in text
    copy = tmp_path / "copy.yml"
    copy.write_text(text)
    said = button.refused("mallory", name=str(copy))
    assert "no run was begun" in said or "has granted this run no lease" in said, said
    for task in LEASED:
        copy.write_text(f"- hosts: order-1\n  gather_facts: false\n  tasks:\n    - {task}\n")
        said = button.refused("mallory", name=str(copy), nothing=True)
        assert "has granted this run no lease" in said or "nothing of this batch" in said or not said, said


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda people: people.write("policy.yml", POLICY + "    aproval: false\n"), "has the unknown key 'aproval'"),
        (lambda people: people.write("policy.yml", POLICY.replace("zone: UTC", "zone: Mars")), "line 4: zone 'Mars'"),
        (lambda people: people.remove("policy.yml"), "policy.yml is gone, and runs began under one"),
    ],
    ids=["unknown key", "bad zone", "gone"],
)
def test_a_policy_that_is_none(button: Button, spoil: object, said: str) -> None:
    assert callable(spoil)
    spoil(button.people)
    if "zone" in said:
        button.people.write("policy.yml", POLICY.replace("zone: UTC", "zone: Mars") + WINDOW)
    assert said in button.refused("bob", *button.good)
    assert button.press("bob", name="status.yml").code == 0


WINDOW = "    freeze: [{name: a, from: '09:00', until: '10:00'}]\n"


def test_the_name_is_asked_for_on_a_terminal(button: Button) -> None:
    """And nowhere else: there it must be given."""
    said = button.refused("alice", *button.good[:2])
    assert "say its name once more, as in -e fleet_confirm=order-svc" in said
    for typed, expected in (("order-svc", "needs another person's word"), ("order", "say its name once more")):
        said = on_a_terminal(button, typed)
        assert "Type the name of the service to go on (order-svc):" in said
        assert expected in said, said
    assert not button.fleet.held() and not button.fleet.runs()


def on_a_terminal(button: Button, typed: str) -> str:
    """The command in a terminal of its own, where somebody types this once it is asked for.

    The engine throws away what was typed before it listened, and says nothing of when it does: so it is typed again.
    """
    playbook = button.fleet.playbook("-l", "order-svc", *button.good[:2], before=button.people.before("alice"))
    command = ["script", "--quiet", "--return", "--flush", "--command", shlex.join(playbook.command), "/dev/null"]
    surroundings, said, end = playbook.surroundings, b"", time.monotonic() + LONG
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0, **surroundings
    ) as terminal:
        assert terminal.stdin and terminal.stdout
        try:
            while time.monotonic() < end:
                if not select.select([terminal.stdout], [], [], 3)[0]:
                    if b"to go on" in said and terminal.poll() is None:
                        terminal.stdin.write(f"{typed}\n".encode())
                    continue
                more = terminal.stdout.read(4096)
                if not more:
                    return said.decode()
                said += more
        finally:
            terminal.kill()
    raise AssertionError(f"it did not end: {said.decode()}")
