# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who goes out together."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _plan
from hypothesis import given
from hypothesis import strategies as st

POOLS = ("p", "q", "r")


@pytest.mark.parametrize(
    ("pace", "selected", "sizes"),
    [
        ([1, "25%"], 10, [1, 2]),
        ([1, "25%"], 3, [1, 1]),
        ([1, 2, 3], 6, [1, 2, 3]),
        (["100%"], 7, [7]),
        (["33.3%"], 10, [3]),
        (["1%"], 10, [1]),
        (["2"], 10, [2]),
        ([20], 10, [20]),
    ],
)
def test_pace(pace: Any, selected: int, sizes: list[int]) -> None:
    assert _plan.parse_pace(pace, selected) == sizes


@pytest.mark.parametrize(
    "pace", [[], [0], ["0%"], ["a"], [True], [-1], ["101%"], [1, None], [1.5], "25%", 2, None, {}, [[1]], ["-1"], [""]]
)
def test_no_pace(pace: Any) -> None:
    with pytest.raises(ValueError, match="pace"):
        _plan.parse_pace(pace, 10)


def costs(**hosts: str) -> dict[str, frozenset[str]]:
    return {host: frozenset(pools) for host, pools in hosts.items()}


@pytest.mark.parametrize(
    ("cost", "room", "largest"),
    [
        (costs(a="p", b="p", c="p"), {"p": 2}, ["a", "b"]),
        (costs(a="p", b="p", c="p"), {"p": 0}, []),
        (costs(a="p", b="", c="p"), {"p": 0}, ["b"]),
        (costs(a="p", b="", c="p"), {"p": -1}, ["b"]),
        (costs(a="pq", b="p", c="q"), {"p": 1, "q": 1}, ["b", "c"]),
        (costs(a="pq", b="p", c="q"), {"p": 2, "q": 1}, ["a", "b"]),
        (costs(a="pqr", b="p", c="q", d="r"), {"p": 1, "q": 1, "r": 1}, ["b", "c", "d"]),
    ],
)
def test_largest(cost: dict[str, frozenset[str]], room: dict[str, int], largest: list[str]) -> None:
    assert _plan.largest(list(cost), cost, room) == largest


COSTS = st.lists(st.frozensets(st.sampled_from(POOLS)), min_size=1, max_size=8).map(
    lambda found: {f"h{number}": pools for number, pools in enumerate(found)}
)
ROOM = st.fixed_dictionaries({pool: st.integers(-1, 4) for pool in POOLS})


def spends(hosts: Any, cost: dict[str, frozenset[str]], pool: str) -> int:
    return sum(pool in cost[host] for host in hosts)


@given(COSTS, ROOM)
def test_largest_against_every_part(cost: dict[str, frozenset[str]], room: dict[str, int]) -> None:
    chosen = _plan.largest(list(cost), cost, room)
    for pool in POOLS:
        assert spends(chosen, cost, pool) <= max(0, room[pool])
    safe = [
        part
        for size in range(len(cost) + 1)
        for part in itertools.combinations(cost, size)
        if all(spends(part, cost, pool) <= max(0, room[pool]) for pool in POOLS)
    ]
    assert len(chosen) == max(len(part) for part in safe)


@given(st.lists(st.frozensets(st.sampled_from(POOLS)), min_size=13, max_size=40), ROOM)
def test_many_are_safe_and_none_is_left_that_fits(found: list[frozenset[str]], room: dict[str, int]) -> None:
    cost = {f"h{number}": pools for number, pools in enumerate(found)}
    chosen = _plan.largest(list(cost), cost, room)
    for pool in POOLS:
        assert spends(chosen, cost, pool) <= max(0, room[pool])
    for host in set(cost) - set(chosen):
        assert any(spends([*chosen, host], cost, pool) > room[pool] for pool in cost[host])


def test_batches_follow_the_pace() -> None:
    cost = {f"h{number}": frozenset("p") for number in range(1, 7)}
    made = _plan.batches([], list(cost), [1, 2], cost, {"p": 4}, {})
    assert made.batches == [["h1"], ["h2", "h3"], ["h4", "h5"], ["h6"]]
    assert (made.left, made.notes, made.lowest) == ([], [], {"p": -2})


def test_the_room_cuts_a_step_and_says_so() -> None:
    cost = {f"h{number}": frozenset("p") for number in range(1, 6)}
    made = _plan.batches([], list(cost), [5], cost, {"p": 2}, {})
    assert made.batches == [["h1", "h2"], ["h3", "h4"], ["h5"]]
    assert made.notes == [
        "batch 1 has 2 instead of 5: there is no room for more",
        "batch 2 has 2 instead of 3: there is no room for more",
    ]


def test_what_is_held_already_is_the_first_batch() -> None:
    cost = {"h1": frozenset("p"), "h2": frozenset(""), "h3": frozenset(""), "h4": frozenset("p")}
    made = _plan.batches(
        ["h3", "h2"], ["h1", "h4"], [1, 2], cost, {"p": 1}, {"h2": frozenset("p"), "h3": frozenset("p")}
    )
    assert made.batches == [["h3", "h2"], ["h1"], ["h4"]]


def test_what_comes_back_makes_room() -> None:
    """Two of three hang: there is no room for the third until they are back."""
    cost = {"h1": frozenset(""), "h2": frozenset(""), "h3": frozenset("p")}
    back = {"h1": frozenset("p"), "h2": frozenset("p"), "h3": frozenset("")}
    made = _plan.batches([], list(cost), [1], cost, {"p": 0}, back)
    assert made.batches == [["h1"], ["h2"], ["h3"]]
    assert made.lowest == {"p": 0}


def test_what_never_fits_is_left() -> None:
    made = _plan.batches([], ["h1", "h2"], [1], costs(h1="p", h2="q"), {"p": 0, "q": 1}, {})
    assert (made.batches, made.left) == ([["h2"]], ["h1"])


@given(COSTS, ROOM, st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_every_host_once_and_never_beyond_the_room(
    cost: dict[str, frozenset[str]], room: dict[str, int], sizes: list[int]
) -> None:
    made = _plan.batches([], list(cost), sizes, cost, room, {})
    assert sorted([*itertools.chain(*made.batches), *made.left]) == sorted(cost)
    for number, batch in enumerate(made.batches):
        assert 0 < len(batch) <= sizes[min(number, len(sizes) - 1)]
        for pool in POOLS:
            assert spends(batch, cost, pool) <= max(0, room[pool])
