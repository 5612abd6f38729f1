# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests lost and duplicated: the usual ways, and ours until enough was restarted and sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.lab.demo import Fleet, compare

from .figure import Figure, roll

RATE = 600.0


def measure(folder: Path, requests: int, restarts: int, say: Callable[[str], None]) -> Iterator[Figure]:
    """Each way over all of a fleet of six, 64 connections, 30% POST."""
    with Fleet(folder, start_seconds=0.5) as fleet:
        for name, way in (("one by one", compare.bare), ("line out first", compare.taken_out)):
            say(f"the usual way: {name}")
            yield usual(compare.measure(fleet, name, way, rate=RATE))
        done = 0

        def ours(_unused: Fleet) -> bool:
            nonlocal done
            sent = 0
            while done < restarts or sent < requests:
                done += roll(fleet, len(fleet.instances), "-l", fleet.service).instances
                sent = fleet.client("client-ours").live()["sent"]
                say(f"ours: {done} restarts, {sent} requests sent")
            return True

        yield judged(compare.measure(fleet, "ours", ours, rate=RATE), done, requests, restarts)


def usual(way: compare.Way) -> Figure:
    """A usual way that loses nothing would make the comparison worthless; only the bare restart is held to that."""
    lost = way.client["lost"]
    bare = way.name == "one by one"
    return Figure(
        f"1. {way.name}, 6 restarts",
        f"{way.client['sent']} sent, {lost} lost, {way.client['duplicated']} duplicated",
        "loses, or the comparison is broken" if bare else "for comparison",
        lost > 0 if bare else None,
        {"result": way.client, "lowest": way.lowest, "seconds": way.seconds},
    )


def judged(way: compare.Way, done: int, requests: int, restarts: int) -> Figure:
    sent = way.client["sent"]
    return Figure(
        f"1. ours, {done} restarts, 64 connections, 30% POST",
        f"{sent} sent, {way.client['lost']} lost, {way.client['duplicated']} duplicated",
        f"0 lost, 0 duplicated of >= {requests} over >= {restarts}",
        way.clean and sent >= requests and done >= restarts,
        {"result": way.client, "lowest": way.lowest, "seconds": way.seconds, "restarts": done},
    )
