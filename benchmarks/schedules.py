# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state machine of the floor (tests/unit/machine) over many schedules, on every core."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator

from tests.unit.machine import schedule
from tests.unit.machine.judge import Violation
from tests.unit.machine.wires import wired

from .figure import Figure

AT_ONCE = 250


def some(lot: tuple[int, int]) -> str:
    """What the first broken promise was, of a seed and a number of schedules; empty where none was broken."""
    seed, schedules = lot
    chance = random.Random(seed)
    with wired() as wires:
        for number in range(schedules):
            data = chance.randbytes(161)
            try:
                schedule.play(wires, data)
            except Violation as violation:
                return f"seed {seed}, schedule {number}, {data.hex()}\n{violation}"
    return ""


def measure(schedules: int, seed: int, say: Callable[[str], None]) -> Iterator[Figure]:
    """So many, each lot of them with a seed of its own."""
    say(f"{schedules} schedules of the state machine, seed {seed}")
    lots = [(seed * 1_000_000 + first, min(AT_ONCE, schedules - first)) for first in range(0, schedules, AT_ONCE)]
    began = time.monotonic()
    broken: list[str] = []
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        for said in filter(None, pool.imap_unordered(some, lots)):
            broken.append(said)
            say(said)
    seconds = time.monotonic() - began
    yield Figure(
        f"promises broken in {schedules} schedules of the state machine",
        f"{len(broken)} ({schedules / seconds:.0f} schedules a second)",
        "0",
        not broken,
        {"schedules": schedules, "seed": seed, "seconds": seconds, "broken": broken},
    )
