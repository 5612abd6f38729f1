# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is in traffic, who is out and why, and when the sources cannot be counted on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _levels, _sources, _target
from ansible_collections.lossless.restart.plugins.module_utils._levels import Level, Pool

from tests.unit.guard_fleet import Fleet

OK, SICK = _target.Seen(True, "connected"), _target.Seen(False, "refused")


def pools_of(fleet: Fleet) -> list[Pool]:
    return [
        Pool(one["id"], one["kind"], one["name"], Fraction(30, 100), "30%", tuple(one["hosts"]))
        for one in fleet.described()["pools"]
    ]


def measured(fleet: Fleet, leased: dict[str, str] | None = None) -> dict[str, Level]:
    described = fleet.described()
    seen = {host: SICK if host in fleet.sick else OK for host in described["instances"]}
    found = _levels.levels(pools_of(fleet), described["instances"], _sources.said_by(described["readings"]), seen)
    return {level.pool.id: level.with_leases(leased or {}) for level in found}


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(Path("/nowhere"), size=10, pools={"admin": ["order-1", "order-2", "order-3"]})


def test_the_answer_has_numbers_and_names(fleet: Fleet) -> None:
    fleet.sick = {"order-9"}
    fleet.states["lb-2", "order-4"] = "down"
    level = measured(fleet, {"order-2": "run 7f, since 12:03Z", "order-5": "run 7f, since 12:03Z"})["nginx/order_svc"]
    assert level.text() == (
        "order_svc: 10 configured, 6 in traffic, 4 out (order-2, order-5: run 7f, since 12:03Z; "
        "order-4: drained by hand (down in nginx/order_svc at lb-2); order-9: unhealthy: refused); "
        "floor 30% = 3; may take out 3 more"
    )


def test_all_in_traffic(fleet: Fleet) -> None:
    level = measured(fleet)["service/order-svc"]
    assert level.text() == "order-svc: 10 configured, 10 in traffic, 0 out; floor 30% = 3; may take out 7 more"


def test_below_its_floor(fleet: Fleet) -> None:
    fleet.sick = set(fleet.hosts[:8])
    level = measured(fleet)["nginx/order_svc"]
    assert (level.in_traffic, level.room) == (2, -1)
    assert level.facts()["below"] == 1
    assert level.text() == (
        "order_svc: 10 configured, 2 in traffic, 8 out (order-1, order-2, order-3, order-4, order-5 and 3 more: "
        "unhealthy: refused); floor 30% = 3; BELOW ITS FLOOR by 1"
    )


@pytest.mark.parametrize(
    ("states", "why"),
    [
        ({"lb-1": "up", "lb-2": "up"}, None),
        ({"lb-1": "down", "lb-2": "up"}, "drained"),
        ({"lb-1": "up", "lb-2": "drain"}, "drained"),
        ({"lb-1": "down", "lb-2": "backup"}, "drained"),
        ({"lb-1": "backup", "lb-2": "backup"}, "backup"),
        ({"lb-1": "up", "lb-2": "backup"}, "backup"),
    ],
)
def test_every_source_must_say_up(fleet: Fleet, states: dict[str, str], why: str | None) -> None:
    for source, state in states.items():
        fleet.states[source, "order-1"] = state
    outs = measured(fleet)["nginx/order_svc"].outs
    assert (outs["order-1"].why if "order-1" in outs else None) == why


@pytest.mark.parametrize("state", ["gone", "partly"])
@pytest.mark.parametrize(("sick", "why"), [(False, "drained"), (True, "unhealthy")])
def test_what_left_a_registry_is_drained_only_while_it_is_well(fleet: Fleet, state: str, sick: bool, why: str) -> None:
    fleet.states["lb-1", "order-1"] = state
    fleet.sick = {"order-1"} if sick else set()
    assert measured(fleet)["nginx/order_svc"].outs["order-1"].why == why


def test_parts_have_the_floor_of_their_whole(fleet: Fleet) -> None:
    """One with all the members says nothing more; two with the same members are one."""
    described, pools = fleet.described(), pools_of(fleet)
    members = {host: described["instances"][host]["points"][0]["member"] for host in fleet.hosts}
    two = [members["order-1"], members["order-2"]]
    parts = {"Pay": two, "Same": two, "All": list(members.values()), "None": ["10.9.9.9:1"]}
    readings = [{**one, "parts": parts} if one["pool"] == "nginx/order_svc" else one for one in described["readings"]]
    found = _sources.with_parts(pools, described["instances"], readings)
    assert found[: len(pools)] == pools
    [part] = found[len(pools) :]
    assert (part.id, part.name, part.hosts) == ("nginx/order_svc/Pay", "Pay of order_svc", ("order-1", "order-2"))
    assert (part.floor, part.within) == (Fraction(30, 100), "nginx/order_svc")
    fleet.states["lb-1", "order-1"] = "down"
    seen = dict.fromkeys(described["instances"], OK)
    said = _sources.said_by(fleet.described()["readings"])
    [level] = _levels.levels([part], described["instances"], said, seen)
    assert (level.in_traffic, level.least, level.room) == (1, 1, 0)


def test_a_lease_holds_out_whatever_the_sources_say(fleet: Fleet) -> None:
    levels = measured(fleet, {"order-1": "run 7f"})
    assert [level.in_traffic for level in levels.values()] == [9, 9, 2]
    assert {level.outs["order-1"].why for level in levels.values()} == {"leased"}


def test_costs_are_where_it_is_in_traffic(fleet: Fleet) -> None:
    fleet.sick = {"order-2"}
    levels = list(measured(fleet).values())
    assert _levels.costs("order-1", levels) == {"service/order-svc", "nginx/order_svc", "nginx/admin"}
    assert _levels.costs("order-2", levels) == set()
    assert _levels.costs("order-9", levels) == {"service/order-svc", "nginx/order_svc"}


def sources_say(fleet: Fleet, change: Callable[[dict[str, Any]], None]) -> list[str]:
    described = fleet.described()
    change(described)
    return _sources.disagreements(pools_of(fleet), described["instances"], described["readings"])


def lb1(described: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = described["readings"][0]
    return found


def broken(described: dict[str, Any]) -> None:
    unread_lb1 = [one for one in described["readings"] if one["source"] != "lb-1"]
    described["readings"] = [{"source": "lb-1", "error": "unreachable"}, *unread_lb1]


def unread(described: dict[str, Any]) -> None:
    described["readings"] = [one for one in described["readings"] if one["source"] != "lb-2"]


def address_for_a_name(described: dict[str, Any]) -> None:
    lb1(described)["members"][0].update(member="o1", addresses=["order-1.internal:8080"])


def same_address(described: dict[str, Any]) -> None:
    described["instances"]["order-2"]["points"][0]["member"] = "order-1.internal:8080"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (broken, ["lb-1: cannot be read: unreachable"]),
        (unread, ["lb-2: nothing was found of nginx/order_svc", "lb-2: nothing was found of nginx/admin"]),
        (
            lambda d: lb1(d)["members"].clear(),
            ["lb-1: nothing was found of nginx/order_svc; the inventory has 10 there"],
        ),
        (lambda d: lb1(d)["members"].pop(), ["lb-1: nginx/order_svc does not list order-10.internal:8080"]),
        (
            lambda d: lb1(d)["members"].append({"member": "x:1", "state": "up"}),
            ["lb-1: nginx/order_svc lists x:1, which is no member in this inventory"],
        ),
        (lambda d: lb1(d)["members"].append({"member": "x:1", "state": "backup"}), []),
        (lambda d: lb1(d)["members"].append({"member": "x:1", "state": "absent"}), []),
        (
            lambda d: lb1(d)["members"].append(dict(lb1(d)["members"][0])),
            ["lb-1: order-1.internal:8080 is listed twice in nginx/order_svc"],
        ),
        (
            lambda d: lb1(d)["members"][0].update(state="absent"),
            ["lb-1: nginx/order_svc does not list order-1.internal:8080, which the inventory has as order-1"],
        ),
        (lambda d: lb1(d)["members"][0].update(state="weird"), ["says 'weird' of order-1.internal:8080"]),
        (address_for_a_name, ["it lists o1 with this address: say so with 'member'", "lists o1, which is no member"]),
        (
            same_address,
            ["order-1.internal:8080 in nginx/order_svc is both order-1 and order-2", "lists order-2.internal"],
        ),
        (
            lambda d: d["instances"]["order-4"].update(points=[]),
            [
                "lists order-4",
                "lists order-4",
                "service/order-svc: no source is named for order-4",
                "nginx/order_svc: no s",
            ],
        ),
    ],
)
def test_disagreements(fleet: Fleet, change: Callable[[dict[str, Any]], None], said: list[str]) -> None:
    found = sources_say(fleet, change)
    assert len(found) == len(said)
    for line, part in zip(found, said, strict=True):
        assert part in line


def test_a_slice_of_the_inventory_is_seen(fleet: Fleet) -> None:
    described = fleet.described()
    sliced = [
        Pool(
            pool.id,
            pool.kind,
            pool.name,
            pool.floor,
            pool.share,
            tuple(host for host in pool.hosts if host != "order-7"),
        )
        for pool in pools_of(fleet)
    ]
    del described["instances"]["order-7"]
    found = _sources.disagreements(sliced, described["instances"], described["readings"])
    assert [line.partition(":")[0] for line in found] == ["lb-1", "lb-2"]
    assert all(
        "order-7.internal:8080, which is no member in this inventory (is the inventory sliced" in one for one in found
    )


@pytest.mark.parametrize(("at", "text"), [(1_800_000_000, "08:00Z"), (1_799_900_000, "2027-01-14 04:13Z")])
def test_moment(at: float, text: str) -> None:
    assert _levels.moment(at, 1_800_000_060) == text
