# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWX: what is loaded into it, another person's word read back from it, and pipelines that press its button."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.button import Button
from tests.lab.awx_double import TOKEN, AwxDouble, approval_page, awx_double, job_page
from tests.lab.demo import wait_for
from tests.lab.logins import Logins
from tests.lab.stage import LONG, Stage

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "awx" / "pipelines"
RECAP = re.compile(r"changed=(\d+) .*failed=(\d+)")
SETTINGS = {
    "awx_image": "registry.example.com/restart:0.1.0",
    "awx_project_url": "https://git.example.com/lossless.restart",
    "awx_project_branch": "0.1.0",
    "awx_inventory_url": "https://git.example.com/inventory",
    "awx_credentials": ["Deploy"],
    "awx_canary_limit": "staging-svc",
    "awx_notifications": [
        {
            "name": "On call",
            "notification_type": "webhook",
            "notification_configuration": {"url": "https://hooks.example.com", "username": "awx", "password": "hush"},
        }
    ],
}


@pytest.fixture
def awx() -> Iterator[AwxDouble]:
    with awx_double() as found:
        found.add("organizations", name="Default")
        found.add("credentials", name="Deploy")
        yield found


def load(awx: AwxDouble, folder: Path, *words: str, token: str = TOKEN, **more: Any) -> tuple[str, int, int]:
    """What was said, and how many tasks changed something and failed."""
    settings = folder / "mine.yml"
    settings.write_text(yaml.safe_dump({**SETTINGS, **more}))
    command: list[str | Path] = [
        Path(sys.executable).parent / "ansible-playbook",
        ROOT / "awx" / "load.yml",
        "-e",
        f"@{settings}",
        *words,
    ]
    environment = {**os.environ, "CONTROLLER_HOST": awx.url, "CONTROLLER_OAUTH_TOKEN": token}
    done = subprocess.run(
        command,
        env={**environment, "ANSIBLE_PIPELINING": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    found = RECAP.search(done.stdout)
    assert found, done.stdout + done.stderr
    return done.stdout + done.stderr, int(found[1]), int(found[2])


@pytest.mark.variant
def test_load(awx: AwxDouble, tmp_path: Path) -> None:
    """All is loaded, then loaded again: nothing is left to do."""
    said, _changed, failed = load(awx, tmp_path)
    assert not failed, said
    loaded(awx)
    before = awx.writes
    awx.named("job_templates", "Restart a service")["allow_simultaneous"] = False
    said, changed, failed = load(awx, tmp_path, "-vvv")
    assert (failed, changed, awx.writes - before) == (0, 1, 1), said
    assert "job_templates Restart a service: changes allow_simultaneous" in said
    assert TOKEN not in said and "hush" not in said


def test_load_is_only_looked_at(awx: AwxDouble, tmp_path: Path) -> None:
    said, changed, failed = load(awx, tmp_path, "--check", awx_workflows=[], awx_schedules=[])
    assert (failed, awx.writes) == (0, 0) and changed > 10 and "job_templates Restart a service: is made" in said, said


def loaded(awx: AwxDouble) -> None:
    """What AWX has now."""
    restart = awx.named("job_templates", "Restart a service")
    assert restart["project"] == awx.named("projects", "Lossless restart")["id"]
    assert restart["inventory"] == awx.named("inventories", "Services")["id"]
    assert restart["ask_limit_on_launch"] and not restart["ask_variables_on_launch"] and restart["job_slice_count"] == 1
    link = f"{awx.url}/#/jobs/playbook/{{{{ awx_job_id }}}}/output"
    assert json.loads(restart["extra_vars"]) == {"fleet_link": link}
    [deploy] = awx.objects["credentials"]
    assert {tuple(ids) for path, ids in awx.joined.items() if path.endswith("/credentials")} == {(deploy,)}
    workflow = awx.named("workflow_job_templates", "Restart a production service")
    all_nodes = awx.objects["workflow_job_template_nodes"].values()
    nodes = {one["identifier"]: one for one in all_nodes if one["workflow_job_template"] == workflow["id"]}
    place = "workflow_job_template_nodes/{}/{}"
    for first, when, then in (
        ("ask", "success", "approve"),
        ("approve", "success", "restart"),
        ("restart", "failure", "restore"),
    ):
        assert awx.joined[place.format(nodes[first]["id"], f"{when}_nodes")] == [nodes[then]["id"]]
    canary = awx.named("workflow_job_templates", "Restart a production service behind a canary")
    both = {one["identifier"]: one["id"] for one in all_nodes if one["workflow_job_template"] == canary["id"]}
    assert awx.joined[place.format(both["approve"], "success_nodes")] == [both["restart"], both["go on"]]
    approval = awx.objects["workflow_approval_templates"][nodes["approve"]["unified_job_template"]]
    assert (approval["name"], approval["timeout"]) == ("Another person's word", 14400)
    [told] = awx.objects["notification_templates"]
    assert awx.joined[f"workflow_job_templates/{workflow['id']}/notification_templates_approvals"] == [told]
    schedules = {one["name"]: one for one in awx.objects["schedules"].values()}
    assert (schedules["Canary of the night"]["limit"], len(schedules)) == ("staging-svc", 2)


@pytest.mark.parametrize(
    ("more", "token", "said"),
    [
        ({"awx_image": ""}, TOKEN, "awx_image and awx_project_url are needed. Nothing was changed"),
        ({"awx_credentials": ["Nobody's"]}, TOKEN, "AWX has 0 credentials named Nobody's, and exactly one is needed"),
        ({}, "a-wrong-token", "answered 401 to GET /api/v2/credentials/?name=Deploy"),
        ({"awx_url": "http://127.0.0.1:9"}, TOKEN, "AWX at http://127.0.0.1:9 answered -1"),
        ({"awx_organization": ["x"]}, TOKEN, "a setting that is a text in awx/settings.yml is not one here"),
    ],
    ids=["no image", "no such credential", "bad token", "nobody there", "bad value"],
)
def test_load_bad_input(awx: AwxDouble, tmp_path: Path, more: dict[str, Any], token: str, said: str) -> None:
    text, changed, failed = load(awx, tmp_path, token=token, **more)
    assert failed == 1 and said in " ".join(text.split()), text
    assert token not in text.replace(awx.url, "")


# Another person's word

POLICY = """
format: 1
contact: the platform team
awx_accounts: [tower]
awx: {{url: "{url}", headers_file: "{headers}"}}
environments:
  production:
    may:
      - {{awx_templates: [Restart a service, Ask for a restart], kinds: [rolling, canary]}}
    approval: {{awx_users: [dana, alice]}}
"""


class Workflow:
    """Of AWX, as a real one (24.6.1) answers: job 7 asks, 8 is the approval, 9 restarts, 12 is one beside it."""

    def __init__(self, awx: AwxDouble) -> None:
        self.awx = awx
        self.job("9", "alice", 6)
        after = {7: [10], 8: [11, 14], 9: [], 12: []}
        nodes = [
            {"id": number + 2, "job": number, "success_nodes": then, "failure_nodes": [], "always_nodes": []}
            | {"summary_fields": {"job": {"type": "workflow_approval" if number in (8, 12) else "job"}}}
            for number, then in after.items()
        ]
        awx.pages["/api/v2/workflow_jobs/6/workflow_nodes/"] = [
            {"results": nodes[:1], "next": "/api/v2/?page=2"},
            {"results": nodes[1:], "next": None},
        ] * 50
        self.given("pending", "")
        self.given("pending", "", 12)

    def job(self, number: str, user: str, workflow: int | None, status: str = "running") -> None:
        self.awx.pages[f"/api/v2/jobs/{number}/"] = [job_page(user, status, workflow)]

    def given(self, status: str, by: str, approval: int = 8) -> None:
        self.awx.pages[f"/api/v2/workflow_approvals/{approval}/"] = [approval_page(status, by)]


@pytest.fixture(scope="module")
def button(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Button]:
    folder = tmp_path_factory.mktemp("awx")
    people = Logins(folder / "people", "tower", "mallory")
    # There is no traffic, and so none to wait for.
    with Stage(folder / "fleet", instances=3, balancers=1, variables={"instance_verify_requests": 0}) as fleet:
        yield Button(fleet, people)


@pytest.fixture
def workflow(button: Button, awx: AwxDouble, tmp_path: Path) -> Workflow:
    headers = tmp_path / "headers"
    headers.write_text(f"Authorization: Bearer {TOKEN}\n")
    button.people.write("policy.yml", POLICY.format(url=awx.url, headers=headers))
    return Workflow(awx)


def job(
    number: int, *words: str, user: str = "alice", template: str = "Restart a service"
) -> tuple[tuple[str, ...], Any]:
    """What AWX gives its job, and in which environment."""
    given = {"awx_user_name": user, "awx_job_template_name": template, "fleet_confirm": "order-svc"}
    return ("-e", json.dumps(given), *words), {"JOB_ID": str(number)}


def ask(button: Button) -> str:
    words, environment = job(7, "-e", "fleet_ask=true", template="Ask for a restart")
    said = button.refused("tower", *words, nothing=True, **environment)
    assert "It is asked for as" in said and "in AWX by the approval that follows job 7" in said, said
    [request] = button.requests()
    return request


def test_a_word_in_awx(button: Button, workflow: Workflow) -> None:
    """Asked for, given by another person, used once."""
    request = ask(button)
    assert ask(button) == request, "asked for twice, it is one"
    words, environment = job(9)
    for status, by, why in (
        ("pending", "", "AWX's approval 8 is pending, by nobody"),
        ("failed", "dana", "AWX's approval 8 is failed, by dana"),
        ("successful", "alice", f"awx:alice asked for {request}, and cannot approve it too"),
        ("successful", "eve", "awx:eve may not approve order-svc; who may: AWX user dana, AWX user alice"),
    ):
        workflow.given(status, by)
        assert why in button.refused("tower", *words, **environment)
    workflow.given("successful", "dana")
    for number, user, of, status, why in (
        (9, "eve", 6, "running", "AWX's job 9 is of eve, not of alice"),
        (9, "alice", 6, "successful", "AWX's job 9 is successful, not running"),
        (9, "alice", None, "running", "AWX's job 9 is of no workflow"),
    ):
        workflow.job(str(number), user, of, status)
        assert why in button.refused("tower", *words, **environment)
    workflow.job("9", "alice", 6)
    for changed in (("-e", '{"fleet_pace": [1]}'), ("-e", "fleet_reason=other"), ("-l", "order-1")):
        more, environment = job(9, *changed)
        said = button.refused("tower", *more, **environment)
        assert "needs another person's word" in said and "does not count" not in said, said
    starts = button.fleet.starts()
    ended = button.press("tower", *words, **environment)
    assert ended.code == 0, ended.text
    assert button.fleet.starts() == {name: count + 1 for name, count in starts.items()}
    assert request not in button.requests()
    [past] = past_runs(button)
    assert (past["account"], past["approved"]["by"], past["approved"]["awx"]) == ("awx:alice", "awx:dana", 8)
    again = button.refused("tower", *words, **environment)
    assert "needs another person's word" in again, "it was good for one run"
    report = button.press("tower", "-e", f"fleet_run={past['id']}", name="report.yml")
    assert f"approved by awx:dana, request {request}" in report.text, report.text


def past_runs(button: Button) -> list[dict[str, Any]]:
    return [json.loads(one.read_text()) for one in (button.fleet.folder / "ledger" / "runs").glob("*.json")]


def test_what_awx_says_is_believed_of_its_own_login_only(button: Button, workflow: Workflow) -> None:
    workflow.given("successful", "dana")
    words, environment = job(9)
    said = button.refused("mallory", *words, **environment)
    assert "mallory (groups mallory) may not do rolling" in said


def test_no_word_from_awx_that_does_not_answer(button: Button, workflow: Workflow, tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    button.people.write("policy.yml", POLICY.format(url="http://127.0.0.1:9", headers=headers))
    ask(button) if not button.requests() else None
    words, environment = job(9)
    said = button.refused("tower", *words, **environment)
    assert "needs another person's word" in said, said


def test_a_slice_is_refused(button: Button, workflow: Workflow, tmp_path: Path) -> None:
    """A sliced job has a part of the inventory, and the balancer the whole upstream."""
    whole = json.loads(json.dumps(yaml.safe_load(button.fleet.inventory.read_text())))
    text = yaml.safe_dump(without(whole, "order-3"))
    part = tmp_path / "slice.yml"
    part.write_text(text)
    words, environment = job(9, "-i", str(part))
    before = button.fleet.inventory.read_text()
    button.fleet.inventory.write_text(text)
    try:
        said = button.refused("tower", *job(9)[0], **environment)
    finally:
        button.fleet.inventory.write_text(before)
    assert "order_svc" in said and "inventory" in said, said


def without(tree: Any, host: str) -> Any:
    if isinstance(tree, dict):
        return {name: without(value, host) for name, value in tree.items() if name != host}
    return tree


@pytest.mark.variant
def test_a_canary_in_awx(button: Button, workflow: Workflow) -> None:
    """Its run goes on by the approval beside its job, once somebody gave it who may; and ends where it is denied, which
    leaves a stopped run: this is the fleet's last test."""
    canary = json.dumps({"fleet_kind": "canary", "fleet_bake": "confirm", "fleet_pace": [1]})
    asking, environment = job(7, "-e", "fleet_ask=true", "-e", canary, template="Ask for a restart")
    button.refused("tower", *asking, nothing=True, **environment)
    workflow.given("successful", "dana")
    words, environment = job(9, "-l", "order-svc", "-e", canary)
    starts = button.fleet.starts()
    before = button.people.before("tower")
    with button.fleet.playbook(*words, environment=environment, before=before) as roll:
        wait_for("the question", lambda: "CANARY: " in roll.text, 120)
        assert button.fleet.starts() == {name: count + (name == "order-1") for name, count in starts.items()}
        workflow.given("successful", "alice", 12)
        assert roll.wait(LONG) == 0, roll.text
    assert button.fleet.starts() == {name: count + 1 for name, count in starts.items()}
    [past] = [one for one in past_runs(button) if one["kind"] == "canary"]
    assert (past["word"]["by"], past["word"]["awx"]) == ("awx:alice", 12)
    button.refused("tower", *asking, nothing=True, JOB_ID="7")
    workflow.given("failed", "dana", 12)
    ended = button.press("tower", *words[:2], "-e", canary, **environment)
    assert ended.code == 2 and "AWX's approval 12 was denied, or not given in time" in ended.text, ended.text
    assert button.fleet.starts() == {name: count + 1 + (name == "order-1") for name, count in starts.items()}


# Pipelines


def steps(name: str) -> str:
    """The commands of an example, as a shell gets them."""
    if name == "curl":
        return './restart.sh "$LIMIT" "$REASON" "$CHANGE"'
    text = (PIPELINES / name).read_text()
    if name == "Jenkinsfile":
        [command] = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
        return str(command)
    return "\n".join(yaml.safe_load(text)["restart"]["script"])


@pytest.fixture
def templates(awx: AwxDouble) -> AwxDouble:
    surveys = yaml.safe_load((ROOT / "awx" / "surveys.yml").read_text())
    for endpoint, name in (
        ("workflow_job_templates", "Restart a production service"),
        ("job_templates", "Restart a service"),
    ):
        made = awx.add(endpoint, name=name, ask_limit_on_launch=True)
        spec = {"name": "", "description": "", "spec": surveys["awx_survey_restart"]}
        awx.surveys[f"{endpoint}/{made['id']}/survey_spec"] = spec
    return awx


def press(awx: AwxDouble, command: str, **more: str) -> subprocess.CompletedProcess[str]:
    given = {
        "LIMIT": "order-svc",
        "REASON": 'say "it\'s" $HOME',
        "CHANGE": "CHG-1",
        "CONFIRM": "order-svc",
        "POLL": "0.1",
    }
    where = {"CONTROLLER_HOST": awx.url, "CONTROLLER_OAUTH_TOKEN": TOKEN}
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=PIPELINES,
        env={"PATH": os.environ["PATH"], **where, **given, **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def will(awx: AwxDouble, kind: str, *statuses: str) -> str:
    """What the next job of that kind will say of itself; its link."""
    number = awx.number + 1
    awx.pages[f"/api/v2/{kind}s/{number}/"] = [{"status": status} for status in statuses]
    return f"{awx.url}/#/jobs/{'workflow' if kind == 'workflow_job' else 'playbook'}/{number}/output"


@pytest.mark.parametrize("name", ["curl", "Jenkinsfile", "gitlab-ci.yml"])
def test_pipelines(templates: AwxDouble, name: str) -> None:
    link = will(templates, "workflow_job", "pending", "running", "running", "successful")
    done = press(templates, steps(name))
    assert done.returncode == 0, done
    assert done.stdout.count(link) == 2 and "running" in done.stdout and TOKEN not in done.stdout + done.stderr
    [(template, body)] = templates.launched
    assert (template, body["limit"]) == ("Restart a production service", "order-svc")
    assert body["extra_vars"]["fleet_reason"] == 'say "it\'s" $HOME'
    assert body["extra_vars"]["fleet_change"] == "CHG-1"


@pytest.mark.parametrize("status", ["failed", "error", "canceled"])
def test_pipeline_of_what_fails(templates: AwxDouble, status: str) -> None:
    link = will(templates, "job", "running", status)
    done = press(templates, steps("curl"), TEMPLATE="Restart a service")
    assert done.returncode == 1 and f"still out: {link}" in done.stdout, done


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"CONFIRM": ""}, 'AWX did not launch it: {"variables_needed_to_start": ["\'fleet_confirm\' value missing"]}'),
        ({"KIND": "sudden"}, "AWX did not launch it"),
        ({"TEMPLATE": "Nothing"}, "AWX has no template named Nothing that you may launch"),
        ({"CONTROLLER_OAUTH_TOKEN": "bad"}, "Authentication credentials were not provided"),
        ({"CONTROLLER_OAUTH_TOKEN": ""}, "CONTROLLER_HOST and CONTROLLER_OAUTH_TOKEN must be set"),
        ({"CONTROLLER_HOST": "http://127.0.0.1:9", "PATH": ""}, ""),
    ],
    ids=["no answer", "bad answer", "no template", "bad token", "no token", "no curl"],
)
def test_pipeline_bad_input(templates: AwxDouble, more: dict[str, str], said: str) -> None:
    if more.get("PATH") == "":
        more = {**more, "PATH": "/nonexistent"}
        done = press(templates, f"/bin/sh {shlex.quote(str(PIPELINES / 'restart.sh'))} a b", **more)
    else:
        done = press(templates, steps("curl"), **more)
    assert done.returncode != 0 and said in done.stderr, done
    assert not templates.launched
