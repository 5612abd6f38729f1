# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What dead runs left out is taken over to be put back: never what a live run holds, never what is sick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import ALICE, BOB, NOON, Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "ledger", size=6)


def run_of(fleet: Fleet, *held: str, done: str = "", owner: dict[str, Any] = ALICE) -> str:
    """A run over all that holds these and has done one."""
    run = fleet.begin(owner=owner)
    for host in filter(None, [done, *held]):
        fleet.acquire(run, [host], owner=owner)
    if done:
        fleet.ask("release", run=run, wanted=[done], done=True, owner=owner)
    return run


def recover(fleet: Fleet, dead: list[str], **params: Any) -> dict[str, Any]:
    owners = [run["owner"] for run in fleet.ask("status")["runs"] if run["id"] in dead]
    return fleet.ask("recover", **{"wanted": fleet.hosts, "owner": BOB, "dead": owners, "held": 300, **params})


def runs(fleet: Fleet) -> dict[str, dict[str, Any]]:
    return {run["id"]: run for run in fleet.ask("status")["runs"]}


def test_a_dead_runs_leases_are_taken_over_with_new_tokens(fleet: Fleet) -> None:
    run = run_of(fleet, "order-2", "order-3", done="order-1")
    before = fleet.leases()
    fleet.now += 100
    result = recover(fleet, [run])
    after = fleet.leases()
    assert list(result["granted"]) == ["order-2", "order-3"] and result["recovered"] == [run]
    last = max(lease["token"] for lease in before.values())
    assert [after[host]["token"] for host in ("order-2", "order-3")] == [last + 1, last + 2]
    assert {host: {**after[host], "token": 0, "until": 0} for host in after} == {
        host: {**before[host], "token": 0, "until": 0} for host in before
    }
    assert {lease["until"] for lease in after.values()} == {NOON + 400}
    now = runs(fleet)[run]
    assert (now["state"], now["owner"], now["done"]) == ("stopped", BOB, ["order-1"])
    assert now["why"] == "its process was gone, last heard of 08:00Z; bob restored"


def test_its_former_process_can_do_nothing_more(fleet: Fleet) -> None:
    run = run_of(fleet, "order-2")
    recover(fleet, [run])
    for action, params in (("renew", {"wanted": ["order-2"], "held": 60}), ("release", {"wanted": ["order-2"]})):
        with pytest.raises(Refused, match="belongs to another process now: bob, pid 200"):
            fleet.ask(action, run=run, **params)


def test_what_was_put_back_is_not_done_and_the_same_command_goes_on(fleet: Fleet) -> None:
    run = run_of(fleet, "order-2", done="order-1")
    recover(fleet, [run])
    fleet.ask("release", run=run, wanted=["order-2"], owner=BOB)
    fleet.ask("finish", run=run, owner=BOB)
    again = fleet.ask("begin", planned=fleet.hosts)
    assert (again["run"], again["resumed"], again["done"], again["leases"]) == (run, True, ["order-1"], {})
    assert again["since"] == NOON


def test_what_was_restarted_and_put_back_is_not_restarted_again_by_the_same_command(fleet: Fleet) -> None:
    """Also where that was all of it: who began the run has not heard so yet."""
    run = fleet.begin(["order-2"])
    fleet.acquire(run, ["order-2"])
    recover(fleet, [run])
    fleet.ask("release", run=run, wanted=["order-2"], done=True, owner=BOB)
    fleet.ask("finish", run=run, owner=BOB, stopped=True)
    again = fleet.ask("begin", planned=["order-2"])
    assert (again["run"], again["resumed"], again["done"], again["leases"]) == (run, True, ["order-2"], {})
    assert fleet.ask("finish", run=run)["state"] == "finished"
    assert fleet.begin(["order-2"]) != run


@pytest.mark.parametrize("reported", [False, True])
def test_while_it_is_restored_nobody_else_goes_on_with_it(fleet: Fleet, reported: bool) -> None:
    run = run_of(fleet, "order-2")
    if reported:
        fleet.ask("finish", run=run)
    recover(fleet, [run], stopped=True)
    again = fleet.ask("begin", planned=fleet.hosts)
    assert again["run"] != run and list(again["left_out"]) == ["order-2"]
    with pytest.raises(Refused, match="order-2: held by run"):
        fleet.acquire(again["run"], ["order-2"])


def test_a_live_runs_leases_are_not_touched(fleet: Fleet) -> None:
    run_of(fleet, "order-2")
    before = fleet.leases()
    result = recover(fleet, [])
    assert (result["changed"], result["granted"], fleet.leases()) == (False, {}, before)
    assert result["kept"]["order-2"]["left"] is False
    assert "of alice, pid 100 is at work with it" in result["kept"]["order-2"]["detail"]


def test_a_silent_run_counts_as_dead(fleet: Fleet) -> None:
    run_of(fleet, "order-2")
    fleet.now += 301
    assert list(recover(fleet, [])["granted"]) == ["order-2"]


def test_what_is_sick_stays_with_the_dead_run(fleet: Fleet) -> None:
    run = run_of(fleet, "order-2", "order-3")
    before = fleet.leases()
    fleet.sick = {"order-3"}
    result = recover(fleet, [run])
    assert list(result["granted"]) == ["order-2"] and fleet.leases()["order-3"] == before["order-3"]
    assert result["kept"] == {"order-3": {"left": True, "detail": f"unhealthy: refused. Left out by run {run}"}}


def test_what_was_about_to_be_restarted_is_taken_over_however_it_is(fleet: Fleet) -> None:
    """The dead run's module may be between its stop and its start."""
    run = run_of(fleet, "order-2")
    fleet.ask("renew", run=run, wanted=["order-2"], step="restarting", held=60)
    fleet.sick = {"order-2"}
    assert list(recover(fleet, [run])["granted"]) == ["order-2"]


def test_where_all_is_sick_nothing_is_changed(fleet: Fleet) -> None:
    run = run_of(fleet, "order-2")
    fleet.sick = {"order-2"}
    assert not recover(fleet, [run])["changed"] and runs(fleet)[run]["owner"] == ALICE


@pytest.mark.parametrize("stopped", [False, True])
def test_what_a_run_kept_out_on_purpose_waits_for_a_person(fleet: Fleet, stopped: bool) -> None:
    run = run_of(fleet, "order-2")
    fleet.ask("stop", run=run, why="order-2: answers badly")
    fleet.ask("finish", run=run)
    result = recover(fleet, [], stopped=stopped)
    assert list(result["granted"]) == (["order-2"] if stopped else [])
    assert result["reported"] == ([run] if stopped else [])
    if not stopped:
        detail = f"kept out by run {run}, which stopped: order-2: answers badly"
        assert result["kept"] == {"order-2": {"left": True, "detail": detail}}


def test_another_services_runs_are_nobodys_business(fleet: Fleet) -> None:
    """They share the ledger and, here, the hosts."""
    described = fleet.described()
    described["pools"][0] = {**described["pools"][0], "id": "service/pay-svc", "name": "pay-svc"}
    own, other = fleet.begin(), fleet.ask("begin", **{**described, "service": "pay-svc", "planned": ["order-1"]})["run"]
    fleet.acquire(other, ["order-1"], **{**described, "service": "pay-svc"})
    result = recover(fleet, [own, other])
    assert (result["recovered"], result["granted"]) == ([own], {})
    assert fleet.ask("stop", owner=None)["stopped"] == [] and runs(fleet)[other]["state"] == "running"


def test_only_what_is_wanted(fleet: Fleet) -> None:
    run = run_of(fleet, "order-2", "order-3")
    assert list(recover(fleet, [run], wanted=["order-3", "order-4"])["granted"]) == ["order-3"]


def test_a_dead_run_that_holds_nothing_is_brought_to_an_end(fleet: Fleet) -> None:
    run = run_of(fleet, done="order-1")
    assert recover(fleet, [run])["recovered"] == [run]
    fleet.ask("finish", run=run, owner=BOB)
    assert (runs(fleet)[run]["state"], runs(fleet)[run]["ended"]) == ("stopped", NOON)


def test_in_check_mode_it_says_the_same_and_writes_nothing(fleet: Fleet) -> None:
    run = run_of(fleet, "order-2")
    before = (fleet.ledger / "state.json").read_bytes()
    assert list(recover(fleet, [run], check_mode=True)["granted"]) == ["order-2"]
    assert (fleet.ledger / "state.json").read_bytes() == before


def test_without_a_ledger_there_is_nothing_to_do_and_none_is_made(fleet: Fleet) -> None:
    assert recover(fleet, [])["msg"] == "nothing was left out"
    assert not fleet.ledger.exists()


def test_a_person_stops_every_live_run_of_the_service(fleet: Fleet) -> None:
    one, other = run_of(fleet, "order-1"), fleet.begin(owner=BOB)
    result = fleet.ask("stop", owner=None, why="by ann: disks")
    assert set(result["stopped"]) == {one, other} and {run["why"] for run in runs(fleet).values()} == {"by ann: disks"}
    assert set(result["msg"].splitlines()) == {
        f"run {one} of alice, pid 100, began 08:00Z, 0 of 6 done, is granted nothing more; "
        "what it holds it still ends: order-1",
        f"run {other} of bob, pid 200, began 08:00Z, 0 of 6 done, is granted nothing more; it holds nothing",
    }
    again = fleet.ask("stop", owner=None, why="once more")
    assert (again["changed"], again["msg"]) == (False, "no run goes on: nothing to stop")
    with pytest.raises(Refused, match=r"was stopped \(by ann: disks\): nothing more is granted"):
        fleet.acquire(one, ["order-2"])
    fleet.ask("renew", run=one, wanted=["order-1"], step="restarting", held=60)


def test_a_person_stops_one_run_of_the_service_and_no_other(fleet: Fleet) -> None:
    one, other = fleet.begin(), fleet.begin(owner=BOB)
    fleet.ask("stop", owner=None, run=one)
    assert {name: run["state"] for name, run in runs(fleet).items()} == {one: "stopped", other: "running"}
    with pytest.raises(Refused, match="is one of order-svc, not of pay-svc. Nothing was changed"):
        fleet.ask("stop", owner=None, run=other, service="pay-svc")


def test_where_nothing_is_live_a_stop_makes_no_ledger(fleet: Fleet) -> None:
    assert not fleet.ask("stop", owner=None)["changed"]
    assert not fleet.ledger.exists()
