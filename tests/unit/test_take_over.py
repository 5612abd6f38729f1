# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run whose death nobody here can prove is taken over by name: on the record, and never one that lives here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _guard
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import ALICE, BOB, Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "ledger", size=4)


@pytest.fixture
def run(fleet: Fleet) -> str:
    """alice's, from another machine than bob's: order-1 done, order-2 at attaching, order-3 only drained."""
    name = fleet.begin(fleet.hosts[:3])
    fleet.acquire(name, ["order-1"])
    fleet.ask("release", run=name, wanted=["order-1"], done=True)
    fleet.acquire(name, ["order-2", "order-3"], held=3600)
    fleet.ask("renew", run=name, wanted=["order-2"], step="attaching", held=3600)
    return name


def by_bob(fleet: Fleet, action: str, **params: Any) -> dict[str, Any]:
    hosts: dict[str, Any] = {"wanted": fleet.hosts, "pace": [2], "planned": fleet.hosts, "owner": BOB}
    return fleet.ask(action, **{**hosts, **params})


def test_the_refusal_names_the_way_out(fleet: Fleet, run: str) -> None:
    blocked = by_bob(fleet, "plan")["blocked"]
    assert {"order-2", "order-3"} <= set(blocked)
    assert blocked["order-2"].endswith(
        f"Wait for that run, or stop it; if its controller is dead, take it over at once with -e fleet_take_over={run}"
    )


def test_a_run_of_this_machine_or_another_service_has_no_such_way_out(fleet: Fleet, run: str) -> None:
    here = by_bob(fleet, "plan", owner={**BOB, "machine": ALICE["machine"]})["blocked"]["order-2"]
    assert here.endswith("Wait for that run, or stop it")
    other = [{"id": "service/pay-svc", "kind": "service", "name": "pay-svc", "floor": None, "hosts": fleet.hosts}]
    foreign = by_bob(fleet, "plan", service="pay-svc", pools=other + fleet.described()["pools"])["blocked"]["order-2"]
    assert foreign.endswith("Wait for that run, or stop it")


def test_taken_over_at_once(fleet: Fleet, run: str) -> None:
    """The plan says so, the run goes on with its leases and what it did, and its former process is fenced off."""
    plan = by_bob(fleet, "plan", take_over=run)
    assert plan["msg"].splitlines()[:2] == [
        f"taking over run {run} of alice, pid 100, last heard of 08:00Z",
        f"resuming run {run} of 08:00Z, 1 of 3 done",
    ]
    assert plan["blocked"] == {} and plan["batches"][0] == ["order-2", "order-3"] and plan["done"] == ["order-1"]
    before = fleet.leases()
    taken = by_bob(fleet, "begin", take_over=run, reason="ctl-1 burnt down")
    assert (taken["run"], taken["resumed"], taken["done"]) == (run, True, ["order-1"])
    assert {host: lease["step"] for host, lease in taken["leases"].items()} == {
        "order-2": "attaching",
        "order-3": "granted",
    }
    assert all(lease["token"] > before[host]["token"] for host, lease in taken["leases"].items())
    with pytest.raises(Refused, match="belongs to another process now: bob"):
        fleet.ask("renew", run=run, wanted=["order-3"], step="restarting", held=60)
    event = next(one for one in fleet.ask("status", run=run)["events"] if one["event"] == "taken over")
    assert (event["from"], event["owner"], event["by"], event["why"]) == (ALICE, BOB, run, "ctl-1 burnt down")


def test_taken_over_by_a_new_run(fleet: Fleet, run: str) -> None:
    new = by_bob(fleet, "begin", take_over=run, new=True)
    assert new["run"] != run and not new["resumed"] and list(new["leases"]) == ["order-2", "order-3"]
    events = fleet.ask("status", run=run)["events"]
    assert [one["by"] for one in events if one["event"] == "taken over"] == [new["run"]]


def test_the_named_one_is_resumed_whatever_else_was_left(fleet: Fleet, run: str) -> None:
    fleet.begin(["order-4"], owner={**BOB, "pid": 201})
    fleet.now += 1
    taken = by_bob(fleet, "begin", take_over=run, dead=[{**BOB, "pid": 201}])
    assert taken["run"] == run


@pytest.mark.parametrize("action", ["plan", "begin"])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"owner": {**ALICE, "pid": 101}}, "run RUN lives: alice, pid 100, on this machine"),
        ({"take_over": "20270115T080000-bbbbbb"}, "is not in the ledger, or has finished"),
        ({"take_over": "all"}, "take_over 'all' is no id of a run"),
    ],
)
def test_refused(fleet: Fleet, run: str, action: str, asked: dict[str, Any], said: str) -> None:
    before = fleet.leases()
    with pytest.raises(Refused, match=said.replace("RUN", run)):
        by_bob(fleet, action, **{"take_over": run, **asked})
    assert fleet.leases() == before and fleet.ask("status", run=run)["runs"][0]["owner"] == ALICE


def test_nothing_of_it_selected_is_refused(fleet: Fleet, run: str) -> None:
    with pytest.raises(Refused, match="has left none of the selected hosts"):
        by_bob(fleet, "begin", take_over=run, planned=["order-1", "order-4"])


def test_one_of_another_service_is_refused(fleet: Fleet, run: str) -> None:
    asked = {"action": "begin", "ledger": str(fleet.ledger), "service": "pay-svc", "planned": ["order-2"]}
    with pytest.raises(Refused, match=f"run {run} is one of order-svc, not of pay-svc"):
        _guard.run({**asked, "owner": BOB, "take_over": run}, clock=lambda: fleet.now)


def test_one_that_is_proved_dead_needs_no_more(fleet: Fleet, run: str) -> None:
    taken = by_bob(fleet, "begin", take_over=run, dead=[ALICE], owner={**ALICE, "pid": 101})
    assert taken["run"] == run and taken["resumed"]
