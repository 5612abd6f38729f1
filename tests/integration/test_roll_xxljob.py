# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on real executors of XXL-JOB; its admin is a double, since nobody publishes it.

Each job's beginning and end is in its executor's journal. The processes are killed at once when stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_roll_killed import boundary
from tests.lab.demo import clean, wait_for
from tests.lab.stage import LONG
from tests.lab.stage.jobs import Giver, Jobs
from tests.lab.xxljob.admin_double import JOBS, PASSWORD, AdminDouble

pytestmark = pytest.mark.timeout(600)
WHOLE = ["began", "ended"]


@pytest.fixture
def admin() -> Iterator[AdminDouble]:
    with AdminDouble() as double:
        yield double


@pytest.mark.parametrize(("by", "new"), [("endpoint", False), pytest.param("list", True, marks=pytest.mark.variant)])
def test_no_job_is_killed(tmp_path: Path, by: str, new: bool) -> None:
    """None is interrupted, run twice or lost; and the group is automatic again in the end."""
    seen: dict[str, set[str]] = {}
    with AdminDouble(new=new) as admin, Jobs(tmp_path / "fleet", admin, by=by, variables={"fleet_pace": [1]}) as fleet:

        def look(name: str) -> None:
            seen[name] = {other for other, one in fleet.executors.items() if one.member not in admin.registered}

        for name in fleet.instances:
            fleet.moments.before(f"supervisorctl stop {name}", 1, partial(look, name))
        with fleet.watched() as (client, observer), Giver(fleet) as giver:
            wait_for("jobs to run", lambda: len(fleet.journal()) > 5, 30)
            ended = fleet.roll()
            assert ended.code == 0, ended.text
            assert seen == {name: {name} for name in fleet.instances}
            assert admin.automatic and fleet.all_get_jobs() and fleet.held() == {}
            count = len(giver.given)
            wait_for("more jobs", lambda: len(giver.given) > count + 5, 30)
        assert giver.lost == []
        wait_for("every job to end", lambda: all(fleet.journal().get(one) == WHOLE for one in giver.given), 60)
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
    assert clean(client.result), client.losses
    assert observer.lowest["order_svc"] >= 2


def test_a_long_job_is_waited_for(tmp_path: Path, admin: AdminDouble) -> None:
    """Also one that waits behind another; where it does not end in time, the instance goes back, and none is killed."""
    short = {"instance_drain_deadline": 6}
    with Jobs(tmp_path / "fleet", admin, instances=2, balancers=1, variables=short, by="list") as fleet:
        with fleet.watched() as (client, _observer):
            one = fleet.executors["order-1"].member
            jobs: list[str] = []
            while sum(admin.given[job] == one for job in jobs) < 2:
                jobs.append(admin.trigger(JOBS[0], 8000))
            ended = fleet.roll(limit="order-1")
            assert ended.code == 2 and f"job {JOBS[0]} runs or waits at {one}" in ended.text, ended.text
            assert fleet.starts()["order-1"] == 1 and fleet.held() == {}
            assert admin.automatic and fleet.all_get_jobs()
            wait_for("the jobs to end", lambda: all(fleet.journal().get(job) == WHOLE for job in jobs), 60)
            ended = fleet.roll(limit="order-1")
            assert ended.code == 0 and fleet.starts()["order-1"] == 2, ended.text
        assert clean(client.result), client.losses


@pytest.mark.parametrize(
    ("by", "killed", "restored"),
    [
        # It was restarted, which is not done again: a second time its application would never come back.
        ("endpoint", "Attach | put the batch back", True),
        pytest.param("list", "Restart | tell the ledger", True, marks=pytest.mark.variant),
        pytest.param("endpoint", "Restart | tell the ledger", False, marks=pytest.mark.variant),
        pytest.param("list", "Attach | put the batch back", False, marks=pytest.mark.variant),
    ],
)
def test_a_killed_controller(tmp_path: Path, admin: AdminDouble, by: str, killed: str, restored: bool) -> None:
    """The same command goes on, also after restore.yml has put back what was left out; each is restarted once."""
    more = {"instance_verify_requests": 0, "fleet_pace": [1]}
    with Jobs(tmp_path / "fleet", admin, instances=2, balancers=1, by=by, variables=more) as fleet:
        died = fleet.roll(environment=boundary(tmp_path / "steps", f"1 {killed}"))
        assert died.code == -9 and list(fleet.held()) == ["order-1"], died.text
        assert by == "endpoint" or not (admin.automatic or fleet.all_get_jobs())
        if restored:
            with fleet.playbook("-l", fleet.service, name="restore.yml") as restore:
                assert restore.wait(LONG) == 0, restore.text
            assert fleet.held() == {} and admin.automatic and fleet.all_get_jobs()
        ended = fleet.roll()
        assert ended.code == 0 and fleet.starts() == dict.fromkeys(fleet.instances, 2), ended.text
        assert fleet.held() == {} and admin.automatic and fleet.all_get_jobs()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    variables, folder = {"instance_verify_requests": 0}, tmp_path_factory.mktemp("refused") / "fleet"
    with AdminDouble() as admin, Jobs(folder, admin, instances=2, balancers=1, variables=variables) as fleet:
        yield fleet


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"admin": "http://127.0.0.1:1/xxl-job-admin"}, "connection refused"),
        ({"admin": []}, "admin is empty"),
        ({"application": "nix-jobs"}, "has no group of executors called 'nix-jobs'"),
        ({"auth": {"file": "{wrong}"}}, "does not let the user 'admin' in: wrong password"),
        ({"auth": {"file": "/nowhere"}}, "auth: file /nowhere"),
        ({"auth": {"user": "admin"}}, "is not {file: PATH}"),
        ({"member": "10.0.0.9:9999"}, "is no member in this inventory"),
        ({"jobs": ["12"]}, "jobs ['12'] is no list"),
        ({"leave": {"command": ["true"]}}, "leave has no url"),
        ({"settle": "3"}, "settle '3' is no number of seconds"),
    ],
)
def test_refused(started: Jobs, entry: dict[str, Any], said: str) -> None:
    """One clear error, and nothing touched."""
    wrong = started.folder / "wrong"
    wrong.write_text("admin:nix\n")
    wrong.chmod(0o600)
    started.describe(
        {name: {"file": str(wrong)} if value == {"file": "{wrong}"} else value for name, value in entry.items()}
    )
    before = started.starts(), started.configurations(), started.admin.registered
    ended = started.roll()
    assert ended.code != 0 and said in ended.text and PASSWORD not in ended.text, ended.text
    assert (started.starts(), started.configurations(), started.admin.registered) == before
    assert started.admin.automatic and started.held() == {}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"headers_file": None}, "does not say whether job 12 runs: The access token is wrong."),
        ({"leave": {"url": "{nothing}"}}, "is in the group still"),
    ],
)
def test_what_is_found_in_the_drain_is_put_back(started: Jobs, entry: dict[str, Any], said: str) -> None:
    if "leave" in entry:
        entry = {"leave": {"url": started.executors["order-1"].url("nothing")}}
    started.describe(entry, "order-1")
    before = started.configurations()
    ended = started.roll("-e", "instance_drain_deadline=6", limit="order-1")
    assert ended.code == 2 and said in ended.text, ended.text
    assert started.configurations() == before and started.all_get_jobs() and started.held() == {}
    assert started.starts() == dict.fromkeys(started.instances, 1)


def test_addresses_that_a_person_has_set(started: Jobs) -> None:
    started.describe({})
    addresses = list(started.admin.addresses)
    started.admin.by_hand(addresses)
    try:
        ended = started.roll(limit="order-1")
        assert ended.code == 2 and "a person has set the addresses of the group order-jobs by hand" in ended.text
        assert started.admin.addresses == addresses and not started.admin.automatic
    finally:
        started.admin.by_hand(None)
