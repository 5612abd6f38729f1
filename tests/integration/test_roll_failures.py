# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What fails in the middle of a roll: who is back, who stays out, and that nothing more goes out.

Each fleet rolls order-1 and order-2 together, then order-3; what fails, fails in the first batch.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.lab.demo import Client, Observer, clean, wait_for
from tests.lab.stage import FAIL, LONG, Stage, long_request

pytestmark = pytest.mark.timeout(600)

ALL = {"order-1", "order-2", "order-3"}


def untouched(observer: Observer, instance: str) -> bool:
    """Whether it was in traffic throughout, as far as anybody outside could see."""
    return [event["state"] for event in observer.events if event["instance"] == instance] == ["in traffic"]


def again(fleet: Stage, starts: dict[str, int]) -> None:
    """The same command finishes what was left; nobody was started more often than `starts` says."""
    ended = fleet.roll()
    assert ended.code == 0 and "resuming run" in ended.text, ended.text
    assert all(fleet.takers(balancer) == ALL for balancer in fleet.balancers)
    assert fleet.down() == set() and fleet.held() == {} and fleet.runs() == []
    assert fleet.starts() == starts


def test_restart_fails_on_one(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet")
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.before("supervisorctl start order-1", 1, partial(fleet.switch, "order-1", "fail_start"))
        ended = fleet.roll()
        assert ended.code == 2, ended.text
        assert "NOT DONE, lease kept: order-1" in ended.text and "NOT DONE: order-3" in ended.text
        assert fleet.down() == {("lb-1", "order-1"), ("lb-2", "order-1")}
        assert fleet.takers("lb-1") == fleet.takers("lb-2") == {"order-2", "order-3"}
        assert fleet.starts()["order-2"] == 2 and fleet.pid("order-1") == 0
        assert fleet.held() == {"order-1": "restarting"} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-3")
    assert clean(client.result), client.losses


@pytest.mark.variant
def test_gate_fails_on_one(tmp_path: Path) -> None:
    """Its peer finishes, it stays out; once it is healthy, the same command does the rest."""
    fleet = Stage(tmp_path / "fleet", balancers=1, own={"order-1": {"instance_health_deadline": 3.0}})
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.before("supervisorctl start order-1", 1, partial(fleet.switch, "order-1", "unhealthy"))
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE, lease kept: order-1" in ended.text, ended.text
        assert fleet.down() == {("lb-1", "order-1")}
        assert fleet.takers("lb-1") == {"order-2", "order-3"}
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
        assert fleet.held() == {"order-1": "restarting"} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-3")
        fleet.switch("order-1", "unhealthy", None)
        again(fleet, {"order-1": 2, "order-2": 2, "order-3": 2})
    assert clean(client.result), client.losses


@pytest.mark.variant
def test_both_fail(tmp_path: Path) -> None:
    """One does not start, the other does not become healthy."""
    fleet = Stage(tmp_path / "fleet", balancers=1, own={"order-2": {"instance_health_deadline": 3.0}})
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.before("supervisorctl start order-1", 1, partial(fleet.switch, "order-1", "fail_start"))
        fleet.moments.before("supervisorctl start order-2", 1, partial(fleet.switch, "order-2", "unhealthy"))
        ended = fleet.roll()
        assert ended.code == 2, ended.text
        assert "NOT DONE, lease kept: order-1" in ended.text and "NOT DONE, lease kept: order-2" in ended.text
        assert fleet.down() == {("lb-1", "order-1"), ("lb-1", "order-2")}
        assert fleet.takers("lb-1") == {"order-3"}
        assert fleet.held() == {"order-1": "restarting", "order-2": "restarting"}
        assert untouched(observer, "order-3")
    assert clean(client.result), client.losses


def test_quiet_window_fails_on_one(tmp_path: Path) -> None:
    """A job that takes a minute keeps order-1 busy: it is put back, and the job goes on."""
    fleet = Stage(tmp_path / "fleet", balancers=1, own={"order-1": {"instance_drain_deadline": 6.0}})
    with fleet, long_request(fleet, "order-1") as answer, fleet.watched() as (client, observer):
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE: order-1" in ended.text and "in_flight" in ended.text, ended.text
        assert answer() in ("", "200")
        assert fleet.down() == set()
        assert fleet.takers("lb-1") == ALL
        assert fleet.starts() == {"order-1": 1, "order-2": 2, "order-3": 1}
        assert fleet.held() == {} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-3")
    assert clean(client.result), client.losses


def test_drain_does_not_end(tmp_path: Path) -> None:
    """A long request through the balancer: the batch's one call fails, and all of it is put back."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"instance_drain_deadline": 6.0})
    with fleet, long_request(fleet, "order-1", through="lb-1") as answer, fleet.watched() as (client, observer):
        ended = fleet.roll()
        assert ended.code == 2 and "NOT proved out within 6 s" in ended.text, ended.text
        assert answer() in ("", "200")
        assert fleet.down() == set()
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1)
        assert fleet.held() == {} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-3")
    assert clean(client.result), client.losses


@pytest.mark.parametrize(
    "moment",
    [("lb-2 test", 2), pytest.param(("lb-2 reload", 1), marks=pytest.mark.variant)],
    ids=lambda moment: moment[0],
)
def test_drain_fails_at_one_balancer(tmp_path: Path, moment: tuple[str, int]) -> None:
    fleet = Stage(tmp_path / "fleet")
    with fleet, fleet.watched() as (client, observer):
        files = fleet.configurations()
        fleet.moments.before(*moment, lambda: FAIL)
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE: order-1" in ended.text, ended.text
        assert fleet.configurations() == files
        assert fleet.takers("lb-1") == fleet.takers("lb-2") == ALL
        assert fleet.reloads()["lb-1"] == 2
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1)
        assert fleet.held() == {} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-3")
    assert clean(client.result), client.losses


def test_attach_fails_at_one_balancer(tmp_path: Path) -> None:
    """Out there, back at the other one; the rest waits for the same command."""
    fleet = Stage(tmp_path / "fleet")
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.before("lb-2 test", 4, lambda: FAIL)
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE, lease kept: order-1" in ended.text, ended.text
        assert fleet.down() == {("lb-2", "order-1"), ("lb-2", "order-2")}
        assert fleet.takers("lb-1") == ALL and fleet.takers("lb-2") == {"order-3"}
        assert fleet.held() == {"order-1": "attaching", "order-2": "attaching"}
        assert untouched(observer, "order-3")
        again(fleet, dict.fromkeys(fleet.instances, 2))
    assert clean(client.result), client.losses


def test_verify_fails(tmp_path: Path) -> None:
    """order-1 is healthy and answers badly: it loses requests until it is out again, and none after that."""
    fleet = Stage(tmp_path / "fleet")
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.before("supervisorctl start order-1", 1, partial(fleet.switch, "order-1", "errors"))
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE, lease kept: order-1" in ended.text, ended.text
        assert fleet.down() == {("lb-1", "order-1"), ("lb-2", "order-1")}
        assert fleet.takers("lb-1") == fleet.takers("lb-2") == {"order-2", "order-3"}
        lost = client.live()["lost"]
        client.wait(150)
        assert client.live()["lost"] == lost > 0
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
        assert fleet.held() == {"order-1": "attaching"} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-3")
    assert client.result["reasons"] == {"status 500": lost} and client.result["duplicated"] == 0


def test_guard_refuses_in_the_middle(tmp_path: Path) -> None:
    """While order-1 restarts, a person takes order-3 and order-4 out: nothing more goes out, and theirs stays."""
    variables = {"fleet_pace": [1], "fleet_floor": "50%"}
    fleet = Stage(tmp_path / "fleet", instances=4, balancers=1, variables=variables)

    def person() -> None:
        for instance in ("order-3", "order-4"):
            fleet.by_hand(instance, "down")

    with fleet, fleet.watched() as (client, observer):
        fleet.moments.after("supervisorctl start order-1", 1, person)
        ended = fleet.roll()
        assert ended.code == 2 and "floor 50% = 2" in ended.text and "NOT DONE: order-2" in ended.text, ended.text
        assert fleet.down() == {("lb-1", "order-3"), ("lb-1", "order-4")}
        assert fleet.takers("lb-1") == {"order-1", "order-2"}
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1, "order-4": 1}
        assert fleet.held() == {} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-2")
    assert clean(client.result), client.losses


def test_ledger_dies_in_the_drain(tmp_path: Path) -> None:
    """Nothing is restarted without it; what is out is put back; the report says that it cannot be reached."""
    fleet = Stage(tmp_path / "fleet")
    ledger, away = fleet.folder / "ledger", fleet.folder / "away"
    with fleet, fleet.watched() as (client, observer):
        files = fleet.configurations()
        fleet.moments.after("lb-1 reload", 1, lambda: ledger.rename(away))
        ended = fleet.roll()
        assert ended.code == 2 and f"the ledger {ledger} on localhost does not answer" in ended.text, ended.text
        assert fleet.configurations() == files
        assert fleet.takers("lb-1") == fleet.takers("lb-2") == ALL
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1)
        assert untouched(observer, "order-3")
        assert not ledger.exists()
        away.rename(ledger)
        assert set(fleet.held()) == {"order-1", "order-2"}
        again(fleet, dict.fromkeys(fleet.instances, 2))
    assert clean(client.result), client.losses


def dead_after(fleet: Stage, moment: str, *names: str) -> None:
    """Let hosts die just after a command was given for the first time."""

    def die() -> None:
        assert fleet.hosts
        for name in names:
            fleet.hosts.kill(name)

    fleet.moments.after(moment, 1, die)


def mourned(fleet: Stage, client: Client, observer: Observer, back: set[str]) -> None:
    """Nobody noticed; `back` take traffic, and nobody else; order-3 was left alone."""
    assert fleet.takers("lb-1") == back
    assert fleet.down() == {("lb-1", name) for name in ALL - back}
    assert fleet.runs() == ["stopped"]
    assert untouched(observer, "order-3")
    assert client.finish() and clean(client.result), client.losses


@pytest.mark.variant
def test_host_dead_in_the_drain(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet", ssh=True, balancers=1)
    with fleet, fleet.watched() as (client, observer):
        dead_after(fleet, "lb-1 reload", "order-1")
        ended = fleet.roll()
        assert ended.code == 2 and "order-1 is unreachable" in ended.text, ended.text
        assert fleet.starts() == {"order-1": 1, "order-2": 2, "order-3": 1}
        assert fleet.held() == {}
        mourned(fleet, client, observer, ALL)


def test_service_dead_in_the_drain(tmp_path: Path) -> None:
    """Who serves no more is not put back into traffic; once it does, the same command restarts it with the rest."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"instance_drain_deadline": 6.0})
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.after("lb-1 reload", 1, partial(fleet.die, "order-1"))
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE, lease kept: order-1" in ended.text, ended.text
        lost = client.live()["lost"]
        assert fleet.down() == {("lb-1", "order-1")} and fleet.held() == {"order-1": "granted"}
        assert fleet.takers("lb-1") == {"order-2", "order-3"}
        assert untouched(observer, "order-3")
        fleet.switch("order-1", "fail_start", None)
        # Supervisor has tried it before, more than once.
        tried = fleet.starts()["order-1"]
        again(fleet, {"order-1": tried + 1, "order-2": 2, "order-3": 2})
    assert client.result["lost"] == lost and client.result["duplicated"] == 0, client.losses


@pytest.mark.variant
def test_both_hosts_dead_in_the_drain(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet", ssh=True, balancers=1)
    with fleet, fleet.watched() as (client, observer):
        dead_after(fleet, "lb-1 reload", "order-1", "order-2")
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE: order-2" in ended.text, ended.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1)
        assert fleet.held() == {}
        mourned(fleet, client, observer, ALL)


@pytest.mark.variant
def test_one_dead_and_one_does_not_start(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet", ssh=True, balancers=1)
    with fleet, fleet.watched() as (client, observer):
        dead_after(fleet, "lb-1 reload", "order-1")
        fleet.moments.before("supervisorctl start order-2", 1, partial(fleet.switch, "order-2", "fail_start"))
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE, lease kept: order-2" in ended.text, ended.text
        assert fleet.starts()["order-1"] == 1
        assert fleet.held() == {"order-2": "restarting"}
        mourned(fleet, client, observer, {"order-1", "order-3"})


def test_host_dead_after_its_restart(tmp_path: Path) -> None:
    """It serves, but nobody can tell whether it should: it stays out until the same command can look."""
    fleet = Stage(tmp_path / "fleet", ssh=True, balancers=1)
    with fleet, fleet.watched() as (client, observer):
        dead_after(fleet, "supervisorctl start order-1", "order-1")
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE, lease kept: order-1" in ended.text, ended.text
        assert fleet.held() == {"order-1": "restarting"}
        assert fleet.takers("lb-1") == {"order-2", "order-3"}
        assert untouched(observer, "order-3")
        assert fleet.hosts
        fleet.hosts.start("order-1")
        again(fleet, dict.fromkeys(fleet.instances, 2))
    assert clean(client.result), client.losses


@pytest.mark.variant
def test_balancer_dead_in_the_drain(tmp_path: Path) -> None:
    """lb-1 has drained; lb-2 dies with its file written and not read: put back at lb-1, and the leases are kept."""
    fleet = Stage(tmp_path / "fleet", ssh=True)

    def die() -> None:
        wait_for("lb-1's reload", lambda: fleet.reloads()["lb-1"] == 1, LONG)
        fleet.kill_balancer("lb-2")

    with fleet, fleet.watched() as (client, observer):
        fleet.moments.before("lb-2 reload", 1, die)
        ended = fleet.roll()
        assert ended.code == 2 and "lb-2 is unreachable" in ended.text, ended.text
        assert fleet.takers("lb-1") == ALL
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1)
        assert fleet.held() == {"order-1": "granted", "order-2": "granted"}
        assert fleet.down() == {("lb-2", "order-1"), ("lb-2", "order-2")}
        assert untouched(observer, "order-3")
        assert fleet.hosts
        fleet.hosts.start("lb-2")
        fleet.start_balancer("lb-2")
        wait_for("traffic at lb-2", lambda: fleet.takers("lb-2") == {"order-3"})
        again(fleet, dict.fromkeys(fleet.instances, 2))
    assert {loss["balancer"] for loss in client.losses} == {fleet.balancers["lb-2"]}
    assert client.result["duplicated"] == 0


def test_calls_to_others_fail(tmp_path: Path) -> None:
    """What it depends on does not answer it after the restart: it goes out again and the roll ends."""
    never = {"url": "http://{{ instance_address }}/internal/status", "expect": {"in_flight": -1}}
    variables = {"instance_dependencies": [never], "instance_verify_deadline": 3, "fleet_pace": [1]}
    fleet = Stage(tmp_path / "fleet", balancers=1, variables=variables)
    with fleet, fleet.watched() as (client, _observer):
        ended = fleet.roll()
        assert ended.code == 2 and "see that its calls to others succeed" in ended.text, ended.text
        assert fleet.down() == {("lb-1", "order-1")} and fleet.held() == {"order-1": "attaching"}
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
        ended = fleet.roll("-e", '{"instance_dependencies": []}')
        assert ended.code == 0, ended.text
        assert fleet.down() == set() and fleet.starts() == dict.fromkeys(fleet.instances, 2)
    assert clean(client.result), client.losses


@pytest.mark.variant
def test_canary_that_breaks_its_limits(tmp_path: Path) -> None:
    """It takes its traffic back and falls sick: seen twice in a row, it is out again and the roll ends."""
    fleet = Stage(
        tmp_path / "fleet", balancers=1, variables={"fleet_kind": "canary", "fleet_bake": 60, "fleet_pace": [1]}
    )
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.after("lb-1 reload", 2, partial(fleet.switch, "order-1", "unhealthy"))
        ended = fleet.roll()
        assert ended.code == 2 and "twice in a row" in ended.text, ended.text
        assert fleet.down() == {("lb-1", "order-1")}
        assert fleet.takers("lb-1") == {"order-2", "order-3"}
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
        assert fleet.held() == {"order-1": "attaching"} and fleet.runs() == ["stopped"]
        assert untouched(observer, "order-2") and untouched(observer, "order-3")
    assert clean(client.result), client.losses
