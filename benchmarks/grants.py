# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a grant takes in the process, with many leases and a long history; probes are not counted."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.lossless.restart.plugins.module_utils import _sweep, _target

from tests.unit.guard_fleet import Fleet

from .figure import Figure

LIMIT = 0.050
ROUNDS = 20


def measure(folder: Path, leases: int, past: int, judge: bool) -> Iterator[Figure]:
    """A ticket and a grant, and a release after it, over and over."""
    fleet = Fleet(folder / "ledger", size=2 * leases)
    fleet.now = time.time()
    crowd = fleet.begin(fleet.hosts[:leases])
    fleet.acquire(crowd, fleet.hosts[:leases])
    history(fleet, crowd, past)
    mine = {"name": "bob", "machine": "ctl-2", "boot": "b2", "pid": 200, "start": 7}
    wanted = fleet.hosts[-1:]
    run = fleet.begin(wanted, owner=mine)
    asked: dict[str, Any] = {"run": run, "owner": mine, "wanted": wanted}
    seen, times = _target.Seen(True, "connected"), []
    with mock.patch.object(_sweep, "sweep", lambda probes, *_: dict.fromkeys(probes, seen)):
        for _unused in range(ROUNDS):
            ticket = fleet.ask("ticket")["ticket"]
            described = fleet.described()
            began = time.perf_counter()
            granted = fleet.ask("acquire", ticket=ticket, held=60, **asked, **described)["granted"]
            times.append(time.perf_counter() - began)
            assert list(granted) == wanted
            fleet.ask("release", **asked)
    middle = statistics.median(times)
    yield Figure(
        f"a grant beside {leases} leases and {past} past runs, probes not counted",
        f"{1000 * middle:.1f} ms (from {1000 * min(times):.1f} to {1000 * max(times):.1f})",
        f"< {1000 * LIMIT:.0f} ms",
        middle < LIMIT if judge else None,
        {"seconds": times, "leases": leases, "past": past},
    )


def history(fleet: Fleet, like: str, past: int) -> None:
    """So many past runs, as the ledger writes them."""
    run = json.loads((fleet.ledger / "state.json").read_text())["runs"][like]
    for number in range(past):
        name = f"20250101T{number // 3600:02}{number // 60 % 60:02}{number % 60:02}-{number:06x}"
        record = {
            "format": 2,
            **run,
            "id": name,
            "state": "finished",
            "ended": run["began"],
            "done": run["planned"][:3],
        }
        path = fleet.ledger / "runs" / f"{name}.json"
        path.write_text(json.dumps(record))
        path.chmod(0o600)
