# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who goes out together: the largest safe part of what is wanted, and the batches of a whole run. Pure.

`costs`: for each host, the pools in which it is in traffic now. `room`: for each pool, how many more may go out.
A host that costs nothing is out already.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _floor

Costs = Mapping[str, frozenset[str]]
Room = Mapping[str, int]

# Up to here every combination is tried (4096 at most). Above it grows too fast; taking one after the other
# in the order wanted is as safe, and may grant fewer only where pools overlap in part.
EXACT = 12


@dataclass(frozen=True)
class Batches:
    """The batches; what no batch can take; in words, which batches the room made smaller; each pool's lowest level
    as a change against now."""

    batches: list[list[str]]
    left: list[str]
    notes: list[str]
    lowest: dict[str, int]


def parse_pace(pace: Any, selected: int) -> list[int]:
    """Batch sizes from `[1, '25%']`: counts, or shares of `selected` rounded down and at least 1; the last repeats."""
    if not isinstance(pace, list) or not pace:
        raise ValueError(f"pace {pace!r} is no list of batch sizes, as in [1, '25%']")
    return [_floor.amount(step, selected, "pace step") for step in pace]


def fits(hosts: Iterable[str], costs: Costs, room: Room) -> bool:
    """Whether all of `hosts` may be out together; whoever costs nothing always may."""
    spent = Counter(pool for host in hosts for pool in costs[host])
    return all(count <= room[pool] for pool, count in spent.items())


def largest(wanted: Sequence[str], costs: Costs, room: Room) -> list[str]:
    """The largest part of `wanted` that fits; among equals the one that comes first in the order wanted."""
    free = [host for host in wanted if not costs[host]]
    paid = [host for host in wanted if fits([host], costs, room) and costs[host]]
    chosen = set(free) | set(_combination(paid, costs, room) if len(paid) <= EXACT else _one_by_one(paid, costs, room))
    return [host for host in wanted if host in chosen]


def _combination(paid: Sequence[str], costs: Costs, room: Room) -> Sequence[str]:
    for size in range(len(paid), 0, -1):
        for part in itertools.combinations(paid, size):
            if fits(part, costs, room):
                return part
    return ()


def _one_by_one(paid: Iterable[str], costs: Costs, room: Room, size: int | None = None) -> list[str]:
    taken: list[str] = []
    left = Counter(room)
    for host in paid:
        if size is not None and len(taken) >= size:
            break
        if all(left[pool] > 0 for pool in costs[host]):
            left.subtract(costs[host])
            taken.append(host)
    return taken


def batches(
    first: Sequence[str], order: Sequence[str], sizes: Sequence[int], costs: Costs, room: Room, back: Costs
) -> Batches:
    """The batches of a run: `first` (what it holds already) together, then `order` by `sizes`, never beyond the room.

    back: for each host that is out now and comes back with its batch, the pools to which it comes back.
    """
    done = [list(first)] if first else []
    rooms = Counter(room)
    spent = Counter(pool for host in first for pool in costs[host])
    lowest = {pool: -spent[pool] for pool in room}
    gained: Counter[str] = Counter()
    notes: list[str] = []
    _come_back(first, back, rooms, gained)
    remaining = list(order)
    for step in itertools.count():
        size = min(sizes[min(step, len(sizes) - 1)], len(remaining))
        batch = _one_by_one(remaining, costs, rooms, size)
        if not batch:
            return Batches(done, remaining, notes, lowest)
        done.append(batch)
        if len(batch) < size:
            notes.append(f"batch {len(done)} has {len(batch)} instead of {size}: there is no room for more")
        spent = Counter(pool for host in batch for pool in costs[host])
        for pool in lowest:
            lowest[pool] = min(lowest[pool], gained[pool] - spent[pool])
        _come_back(batch, back, rooms, gained)
        remaining = [host for host in remaining if host not in set(batch)]
    raise AssertionError("unreachable")


def _come_back(batch: Iterable[str], back: Costs, rooms: Counter[str], gained: Counter[str]) -> None:
    for host in batch:
        rooms.update(back.get(host, ()))
        gained.update(back.get(host, ()))
