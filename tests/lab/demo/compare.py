# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The usual ways to restart a fleet beside ours: on the same fleet, each with a client and an observer of its own."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .fleet import Fleet
from .sessions import clean, wait_for


@dataclass
class Way:
    """How one way went. seconds: of the restarts, without the client's start and end. ok: as the way itself said."""

    name: str
    client: dict[str, Any]
    lowest: dict[str, int]
    seconds: float
    ok: bool

    @property
    def clean(self) -> bool:
        return self.ok and clean(self.client)


def bare(fleet: Fleet) -> bool:
    """Restart one by one, the next when it is healthy."""
    for instance in fleet.instances:
        restart(fleet, instance)
    return True


def taken_out(fleet: Fleet) -> bool:
    """Take the line out, reload, restart at once, put back when it is healthy, reload."""
    for instance in fleet.instances:
        mark(fleet, instance, "down")
        restart(fleet, instance)
        mark(fleet, instance, "")
    return True


def restart(fleet: Fleet, instance: str) -> None:
    """SIGTERM, as every service manager does it, but without the second that supervisorctl takes to get there."""
    before = fleet.kill(instance, signal.SIGTERM)
    wait_for(f"{instance} restarted", lambda: fleet.pid(instance) not in (0, before) and fleet.healthy(instance))


def mark(fleet: Fleet, instance: str, words: str) -> None:
    for balancer in fleet.balancers:
        for pool, members in fleet.members.items():
            if instance in members:
                fleet.line(balancer, pool, instance, words)
        fleet.reload(balancer)


def measure(fleet: Fleet, name: str, way: Callable[[Fleet], bool], **options: float) -> Way:
    """One way, from a fleet at rest: balancers that hold nothing against anybody, no old worker."""
    for balancer in fleet.balancers:
        fleet.reload(balancer)
    fleet.wait_reloaded()
    mark_ = name.replace(" ", "-")
    with fleet.client(f"client-{mark_}", **options) as client, fleet.observer(f"observer-{mark_}") as observer:
        client.wait(200)
        began = time.monotonic()
        ok = way(fleet)
        seconds = time.monotonic() - began
        client.wait(200)
    return Way(name, client.result, observer.lowest, seconds, ok)


def broken(ways: Sequence[Way]) -> str:
    """Why the comparison proves nothing, or what is wrong with ours, the last one; empty where all is well."""
    if ways[0].client["lost"] == 0:
        return "The bare restart lost nothing: this comparison is broken and proves nothing."
    if not ways[-1].clean:
        return "Ours lost something, or failed."
    return ""


def table(ways: Iterable[Way]) -> str:
    """One line for each way."""
    head = ("way", "sent", "lost", "duplicated", "idle closes", "seconds", "lowest in traffic")
    lines: list[tuple[str, ...]] = [head]
    for way in ways:
        lowest = ", ".join(f"{pool} {level}" for pool, level in sorted(way.lowest.items()))
        counts = [way.client.get(name, "?") for name in ("sent", "lost", "duplicated", "idle_closes")]
        lines.append((way.name, *map(str, counts), f"{way.seconds:.1f}", lowest))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for name, *rest in lines:
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        rows.append("  ".join(cells))
    return "\n".join(rows)
