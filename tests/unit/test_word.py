# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A person's word after the canary, as the ledger keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import ALICE, BOB, Fleet
from tests.unit.policies import Rules, rules

__all__ = ["rules"]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "ledger", size=10)


def waits(fleet: Fleet, run: str, within: float = 600.0) -> dict[str, object]:
    found = fleet.ask("wait", run=run, owner=ALICE, within=within)
    return {name: found[name] for name in ("given", "stopped", "over")}


NOTHING = {"given": False, "stopped": False, "over": False}


def test_given_by_somebody(fleet: Fleet, rules: Rules) -> None:
    run = fleet.begin(kind="canary")
    with pytest.raises(Refused, match=f"run {run} waits for nobody's word now"):
        fleet.ask("go_on", run=run)
    assert waits(fleet, run) == NOTHING
    assert "waits for a person's word after its canary, until" in fleet.ask("status")["msg"]
    fleet.now += 599
    assert waits(fleet, run) == NOTHING, "it waits from its first call on"
    given = fleet.ask("go_on", run=run)
    assert given["changed"] and given["by"] == "chen"
    assert waits(fleet, run) == {**NOTHING, "given": True}
    assert not fleet.ask("go_on", run=run)["changed"]
    fleet.now += 60
    assert waits(fleet, run)["given"], "a word that came in time stays"
    assert [one["by"] for one in fleet.ask("status", run=run)["events"] if one["event"] == "word"] == ["chen"]
    assert "waits for a person's word" not in fleet.ask("status")["msg"]


def test_too_late(fleet: Fleet, rules: Rules) -> None:
    run = fleet.begin(kind="canary")
    waits(fleet, run)
    fleet.now += 600
    assert waits(fleet, run) == {**NOTHING, "over": True}
    with pytest.raises(Refused, match=f"run {run} waits no more, since"):
        fleet.ask("go_on", run=run)


def test_stopped_meanwhile(fleet: Fleet, rules: Rules) -> None:
    run = fleet.begin(kind="canary")
    waits(fleet, run)
    fleet.ask("stop", run=run, why="by bob")
    assert waits(fleet, run) == {**NOTHING, "stopped": True}
    with pytest.raises(Refused, match="waits for nobody's word now"):
        fleet.ask("go_on", run=run)


def test_who_may(fleet: Fleet, rules: Rules) -> None:
    rules.production()
    run = fleet.begin(kind="rolling")
    waits(fleet, run)
    rules.comes("eve", "users")
    with pytest.raises(Refused, match="eve .groups users. may not do rolling with order-svc"):
        fleet.ask("go_on", run=run)
    assert waits(fleet, run) == NOTHING


def test_only_its_own_process_waits(fleet: Fleet, rules: Rules) -> None:
    run = fleet.begin(kind="canary")
    with pytest.raises(Refused, match="belongs to another process now"):
        fleet.ask("wait", run=run, owner=BOB, within=600.0)


def test_a_resumed_run_waits_anew(fleet: Fleet, rules: Rules) -> None:
    run = fleet.begin(kind="canary")
    waits(fleet, run)
    fleet.ask("go_on", run=run)
    fleet.ask("finish", run=run, owner=ALICE)
    assert fleet.begin(kind="canary", owner=BOB) == run
    found = fleet.ask("wait", run=run, owner=BOB, within=600.0)
    assert not found["given"] and not found["over"]
