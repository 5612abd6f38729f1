# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is told of a run, as it arrived; and that nothing fails where somebody cannot be told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _channels

from tests.lab.demo import wait_for
from tests.lab.hooks_double import SECRET, Hooks, hooks
from tests.lab.stage import LONG, Ended, Stage

pytestmark = pytest.mark.timeout(900)

NO_TRAFFIC = {"instance_verify_requests": 0}


def entries(there: Hooks, folder: Path) -> list[dict[str, Any]]:
    """All kinds of them, with their secrets from all places."""
    address, secret = folder / "wecom.txt", folder / "secret.txt"
    address.write_text(f"{there.wecom}\n")
    secret.write_text(f"{SECRET}\n")
    return [
        {"kind": "dingtalk", "name": "ops", "url_env": "OPS_ROBOT", "secret_file": str(secret)},
        {"kind": "wecom", "url_file": str(address)},
        {"name": "hook", "url": there.webhook},
        {"name": "mail", "url": there.mail},
        {"name": "slack", "url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23ops"},
    ]


class Told:
    """A fleet whose people are told, and where it arrives."""

    def __init__(self, fleet: Stage, there: Hooks) -> None:
        self.fleet, self.there = fleet, there

    def roll(self, *words: str, **more: Any) -> Ended:
        self.there.received.clear()
        environment = {**self.there.proxied, "OPS_ROBOT": self.there.dingtalk, "BUILD_URL": "https://ci.test/job/7/"}
        return self.fleet.roll("-e", "instance_restart_retries=0", *words, environment=environment, **more)

    def titles(self, service: str = "webhook") -> list[str]:
        return [text.splitlines()[0] for text in self.there.of(service)]

    def on_record(self, name: str = "told") -> list[dict[str, Any]]:
        """Such entries of the journal, by the ledger's own files."""
        pieces = sorted((self.fleet.folder / "ledger" / "journal").iterdir())
        lines = [line for path in pieces for line in path.read_text().splitlines()]
        return [event for event in map(json.loads, lines) if event["event"] == name]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    with contextlib.ExitStack() as stack:
        there = stack.enter_context(hooks(folder / "tls"))
        variables = {"fleet_notify": entries(there, folder), "fleet_used_by": ["cart", "checkout"], **NO_TRAFFIC}
        fleet = stack.enter_context(Stage(folder / "fleet", balancers=1, variables=variables))
        yield Told(fleet, there)


def test_a_roll(told: Told) -> None:
    """Two messages to each, with who, why, whom it concerns, where to look, and the journal's head."""
    ended = told.roll("-e", "fleet_reason=CVE-2026-1")
    assert ended.code == 0 and "NOT TOLD" not in ended.text, ended.text
    for service in ("dingtalk", "wecom", "webhook", "mail"):
        assert told.titles(service) == ["order-svc: restart started", "order-svc: restart done, 3 of 3"]
        first, last = told.there.of(service)
        for text in (
            "because: CVE-2026-1",
            "used by: cart, checkout",
            "order-1, order-2, order-3",
            "https://ci.test/job/7/",
        ):
            assert text in first
        assert "journal: " in first and "journal: " in last
    assert len(told.there.of("slack")) == 2 and "restart started" in told.there.of("slack")[0]
    assert [(event["about"], sorted(event["told"]), event["untold"]) for event in told.on_record()[-2:]] == [
        (about, ["hook", "mail", "ops", "slack", "wecom 2"], {}) for about in ("started", "done")
    ]
    run = told.on_record("began")[-1]["run"]
    with told.fleet.playbook("-l", "order-svc", "-e", f"fleet_run={run}", name="report.yml") as playbook:
        assert playbook.wait(LONG) == 0 and "from: https://ci.test/job/7/" in playbook.text
    assert told.on_record("began")[-1]["link"] == "https://ci.test/job/7/"


def test_in_chinese(told: Told) -> None:
    ended = told.roll("-e", "fleet_language=zh")
    assert ended.code == 0, ended.text
    assert told.titles("dingtalk") == ["order-svc：开始重启", "order-svc：重启完成，3/3"]


def test_secrets_are_not_shown(told: Told) -> None:
    ended = told.roll("-vvv", "--check", "--diff")
    assert ended.code == 0, ended.text
    assert not told.there.received, "a check tells nobody"
    assert "kdnlazkcOXrIdevi7FQ" not in ended.text and SECRET not in ended.text


def test_a_rehearsal(told: Told) -> None:
    """Everything but a change: messages that say so, and a receipt of what would have been done."""
    before, starts, reloads = told.fleet.files(), told.fleet.starts(), told.fleet.reloads()
    ended = told.roll("-e", "fleet_rehearse=true")
    assert ended.code == 0, ended.text
    assert "REHEARSAL of order-svc: 3 would be restarted. Nothing was touched" in ended.text
    assert "batch 2: order-3" in ended.text and "lowest in traffic 1 of 3, floor 1" in ended.text
    assert told.titles() == ["[REHEARSAL] order-svc: restart started", "[REHEARSAL] order-svc: restart done, 3 of 3"]
    assert (told.fleet.starts(), told.fleet.reloads()) == (starts, reloads)
    after = told.fleet.files()
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} <= {
        str(told.fleet.folder / "ledger" / "lock")
    }, "the journal apart, which has who was told"
    assert not told.fleet.runs() and not told.fleet.held()


def test_refused(told: Told) -> None:
    if not (told.fleet.folder / "ledger").exists():
        assert told.roll(limit="order-3").code == 0
    ended = told.roll("-e", "fleet_floor=90%")
    assert ended.code != 0
    [text] = told.there.of("dingtalk")
    assert text.startswith("order-svc: restart refused") and "none may ever be out" in text
    assert "Nothing was touched" in text
    event = told.on_record()[-1]
    assert (event["about"], event["run"], len(event["told"])) == ("refused", "", 5)


def test_failed_and_stopped(told: Told) -> None:
    """What failed, what is left, and what to do; then the same command goes on."""
    told.fleet.switch("order-1", "fail_start")
    ended = told.roll("-e", '{"fleet_break_glass": "the disks are filling up"}')
    assert ended.code == 2, ended.text
    assert told.titles() == [
        "order-svc: BROKEN GLASS, this restart may go below the floor",
        "order-svc: restart started",
        "order-svc: restart FAILED, 1 of 3 done",
    ]
    text = told.there.of("wecom")[-1]
    assert "STILL OUT OF TRAFFIC: order-1" in text and "not done: order-3" in text and "same command again" in text
    told.fleet.switch("order-1", "fail_start", None)
    ended = told.roll()
    assert ended.code == 0, ended.text
    assert told.titles() == ["order-svc: restart started", "order-svc: restart done, 2 of 2"]
    assert "resuming run" in told.there.of("webhook")[0]


def test_neutral(told: Told) -> None:
    """What is said is not interpreted, by us or by whom it is told."""
    ended = told.roll("-e", '{"fleet_reason": "<b>!</b> <!channel> {done} %s *x* [y](http://z)"}', limit="order-1")
    assert ended.code == 0, ended.text
    for service in ("dingtalk", "wecom", "webhook", "mail"):
        assert "because: <b>!</b> <!channel> {done} %s *x* [y](http://z)" in told.there.of(service)[0]
    assert "&lt;b&gt;!&lt;/b&gt; &lt;!channel&gt;" in told.there.of("slack")[0]
    assert "<b>" not in told.there.of("slack")[0] and not told.there.of("page")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "dingtalk", "secret": "wrong"}, "the robot refused it: 310000 sign not match"),
        ({"kind": "wecom", "secret": None, "url": "{base}/cgi-bin/webhook/send?key=no"}, "93000 invalid webhook url"),
        ({"kind": "wecom", "url": "{base}/elsewhere"}, "the robot answered 404"),
        ({"kind": "wecom", "url": "http://127.0.0.1:9/hook"}, "the robot was not reached: Connection refused"),
        ({"kind": "wecom", "url": "{base}/silent"}, "not"),
        ({"kind": "apprise", "url": "nothing://at-all"}, "Apprise does not know this address"),
        ({"kind": "apprise", "url": "json://127.0.0.1:9/hook"}, "Apprise could not send it"),
        ({"kind": "wecom", "url_file": "/nowhere", "url": None}, "url_file '/nowhere' cannot be read"),
        ({"kind": "wecom", "url_env": "NO_SUCH", "url": None}, "url_env 'NO_SUCH' is not set"),
    ],
)
def test_not_told(told: Told, change: dict[str, Any], why: str) -> None:
    """By name and with the reason, and without the address; bounded in time."""
    base = f"http://127.0.0.1:{told.there.port}"
    entry = {"name": "x", "url": told.there.dingtalk, **change}
    entry = {name: value.replace("{base}", base) for name, value in entry.items() if value is not None}
    failed = _channels.send([entry], "title", "body")
    assert why in failed["x"] and "127.0.0.1" not in failed["x"].replace("json://127.0.0.1", "")


class TestARoll:
    """A roll goes on whoever cannot be told, says so, and has it on record."""

    def roll(self, told: Told, **entry: Any) -> tuple[Ended, dict[str, Any]]:
        given = json.dumps({"fleet_notify": [{"name": "gone", **entry}, {"name": "hook", "url": told.there.webhook}]})
        ended = told.roll("-e", given, limit="order-1")
        assert ended.code == 0, ended.text
        assert told.titles() == ["order-svc: restart started", "order-svc: restart done, 1 of 1"]
        return ended, told.on_record()[-1]

    def test_while_nobody_listens(self, told: Told) -> None:
        ended, event = self.roll(told, kind="wecom", url="http://127.0.0.1:9/send?key=s3cret")
        assert "NOT TOLD (done): gone: the robot was not reached" in ended.text and "s3cret" not in ended.text
        assert event["told"] == ["hook"] and "not reached" in event["untold"]["gone"]

    def test_while_one_never_answers(self, told: Told) -> None:
        ended, event = self.roll(told, kind="dingtalk", url=told.there.silent)
        assert "NOT TOLD (started): gone: " in ended.text and list(event["untold"]) == ["gone"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("fleet_notify=slack://s3cret", "fleet_notify (not shown) is a text, and must be a list"),
        ('{"fleet_notify": ["slack://s3cret"]}', "fleet_notify[0] (not shown) must be a mapping"),
        ('{"fleet_notify": [{"urll": "s3cret"}]}', "urll"),
        ('{"fleet_notify": [{"kind": "telegraph", "url": "s3cret"}]}', "telegraph"),
        ('{"fleet_notify": [{"url": "s3cret", "events": ["all"]}]}', "all"),
        ('{"fleet_notify": [{"kind": "dingtalk"}]}', "fleet_notify[0] has no address"),
        ("fleet_language=de", "fleet_language"),
    ],
)
def test_bad_input(told: Told, given: str, said: str) -> None:
    before = told.fleet.files()
    ended = told.roll("-e", given)
    assert ended.code != 0 and said in " ".join(ended.text.split()), ended.text
    assert not told.there.received and told.fleet.files() == before


def test_waiting(told: Told) -> None:
    """Once for a wait, however often it asks."""
    with told.fleet.playbook("-l", "order-1,order-2", "-e", '{"fleet_pace": [2]}') as first:
        wait_for("the first one to have something out", lambda: bool(told.fleet.held()), seconds=LONG)
        ended = told.roll("-e", "fleet_fit=wait", "-e", '{"fleet_pace": [2]}', limit="order-2,order-3")
        assert first.wait(LONG) == 0, first.text
    assert ended.code == 0, ended.text
    assert told.titles().count("order-svc: restart waits for its turn") == 1
