# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Broken glass: one run goes below the floor, with a reason on record, and never to nothing unless that is said too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import ALICE, BOB, Fleet

WHY = "the payment provider is down until it is restarted"


def ask(fleet: Fleet, glass: str, hosts: list[str], owner: Any = ALICE, **more: Any) -> list[str]:
    """What is granted to a run that began so."""
    run = fleet.begin(hosts, glass=glass, owner=owner)
    return list(fleet.acquire(run, hosts, glass=glass, owner=owner, **more)["granted"])


def test_the_floor_is_broken_down_to_one(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=4)
    hosts = fleet.hosts[:3]
    with pytest.raises(Refused, match="floor 30% = 2; may take out 2 more, and the others"):
        ask(fleet, "", hosts)
    assert ask(fleet, WHY, hosts, owner=BOB) == hosts
    with pytest.raises(Refused, match=r"floor 30% = 2, BROKEN GLASS leaves 1; may take out 0 more"):
        ask(fleet, WHY, fleet.hosts[3:], owner={**ALICE, "pid": 7})


def test_another_run_keeps_to_the_floor(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=4)
    ask(fleet, WHY, fleet.hosts[:2])
    with pytest.raises(Refused, match="floor 30% = 2; may take out 0 more"):
        ask(fleet, "", fleet.hosts[2:3], owner=BOB)


def test_it_is_on_record(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=4)
    run = fleet.begin(glass=WHY)
    assert [one["glass"] for one in fleet.ask("status")["runs"]] == [WHY]
    assert fleet.ask("status", run=run)["events"][0]["glass"] == WHY


def test_what_is_not_on_record_breaks_nothing(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=4)
    run = fleet.begin()
    with pytest.raises(Refused, match="began without glass"):
        fleet.acquire(run, fleet.hosts[:3], glass=WHY)
    assert fleet.leases() == {}


def test_a_pool_of_one_takes_a_second_word(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=1)
    with pytest.raises(Refused, match="it would be empty. Only fleet_break_glass_empty lets that happen"):
        ask(fleet, WHY, fleet.hosts)
    assert ask(fleet, WHY, fleet.hosts, owner=BOB, empty=True) == fleet.hosts


def test_the_second_word_empties_no_larger_pool(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=2)
    with pytest.raises(Refused, match="BROKEN GLASS leaves 1"):
        ask(fleet, WHY, fleet.hosts, empty=True)
