# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The look at a service: every pool, who is out and why; what cannot be read is named and the rest is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.guard_fleet import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "ledger", size=4)


def levels(look: dict[str, Any]) -> dict[str, tuple[int, int, bool]]:
    """By pool: in traffic, below, at most."""
    return {one["pool"]: (one["in_traffic"], one["below"], one["at_most"]) for one in look["levels"]}


def test_all_is_well_and_no_ledger_is_made(fleet: Fleet) -> None:
    look = fleet.ask("look")
    assert levels(look) == {"service/order-svc": (4, 0, False), "nginx/order_svc": (4, 0, False)}
    assert (look["id"], look["runs"], look["leases"], look["strays"]) == ("", [], [], {})
    assert (look["troubles"], look["ledger_trouble"], look["changed"]) == ([], "", False)
    assert not fleet.ledger.exists()


def test_who_is_out_and_why(fleet: Fleet) -> None:
    fleet.floor = "50%"
    run = fleet.begin(["order-1"])
    fleet.acquire(run, ["order-1"])
    fleet.states["lb-1", "order-2"] = "down"
    fleet.sick = {"order-1", "order-3"}
    look = fleet.ask("look")
    assert levels(look) == {"service/order-svc": (1, 1, False), "nginx/order_svc": (1, 1, False)}
    assert {host: one["why"] for host, one in look["strays"].items()} == {"order-2": "drained", "order-3": "unhealthy"}
    assert [(one["host"], one["healthy"], one["saw"]) for one in look["leases"]] == [("order-1", False, "refused")]
    assert look["levels"][0]["out"]["order-2"]["detail"] == "drained by hand (down in nginx/order_svc at lb-1)"


def test_a_standby_server_is_no_stray(fleet: Fleet) -> None:
    fleet.states.update({("lb-1", "order-2"): "backup", ("lb-2", "order-2"): "backup"})
    look = fleet.ask("look")
    assert levels(look)["nginx/order_svc"] == (3, 0, False) and look["strays"] == {}


def test_a_source_that_is_not_read_speaks_against_nobody(fleet: Fleet) -> None:
    fleet.states["lb-1", "order-2"] = "down"
    readings = [one for one in fleet.readings() if one["source"] == "lb-1"]
    look = fleet.ask("look", readings=[*readings, {"source": "lb-2", "error": "no way there"}])
    assert levels(look) == {"service/order-svc": (3, 0, True), "nginx/order_svc": (3, 0, True)}
    assert look["troubles"] == ["lb-2: cannot be read: no way there"]


def test_a_member_that_was_changed_under_another_ledger(fleet: Fleet) -> None:
    fleet.begin()
    readings = fleet.readings()
    readings[0]["members"][0]["ledger"] = {"id": "f00", "place": "laptop:/tmp/ledger"}
    [trouble] = fleet.ask("look", readings=readings)["troubles"]
    assert trouble.startswith("order-1.internal:8080 at lb-1: it was changed last under ledger f00 (laptop:/tmp/led")


def test_a_member_that_no_balancer_lists_is_out(fleet: Fleet) -> None:
    readings = fleet.readings()
    readings[0]["members"].pop(0)
    look = fleet.ask("look", readings=readings)
    assert levels(look)["nginx/order_svc"] == (3, 0, False)
    assert look["strays"]["order-1"]["detail"] == "drained by hand (absent in nginx/order_svc at lb-1)"
    [trouble] = look["troubles"]
    assert trouble == "lb-1: nginx/order_svc does not list order-1.internal:8080, which the inventory has as order-1"


def test_a_ledger_that_cannot_be_read(fleet: Fleet) -> None:
    fleet.begin()
    (fleet.ledger / "state.json").write_text("{")
    look = fleet.ask("look")
    assert "is damaged or of another version" in look["ledger_trouble"]
    assert levels(look)["nginx/order_svc"] == (4, 0, True) and look["runs"] == []


def test_only_the_services_own_runs_and_strays(fleet: Fleet, tmp_path: Path) -> None:
    other = Fleet(tmp_path / "ledger", size=4)
    described = other.described()
    described["pools"][0] = {**described["pools"][0], "id": "service/pay-svc", "name": "pay-svc", "hosts": ["order-1"]}
    other.ask("begin", **{**described, "service": "pay-svc", "planned": ["order-1"]})
    run = fleet.begin(["order-2"])
    fleet.sick = {"order-1", "order-3"}
    assert [one["id"] for one in fleet.ask("look")["runs"]] == [run]
    look = fleet.ask("look", **{**described, "service": "pay-svc"})
    assert [one["service"] for one in look["runs"]] == ["pay-svc"] and list(look["strays"]) == ["order-1"]
