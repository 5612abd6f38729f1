# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A short storm: runs at once whose controllers are killed. `make bench-floor` is the long one, on each backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.storm import Size, directory_records, fleet_of, storm, turns, twice

SIZE = Size(runs=4, instances=9, seconds=60.0, life=(8.0, 25.0), rate=60.0)


@pytest.mark.timeout(1500)
@pytest.mark.variant
def test_a_short_storm(tmp_path: Path) -> None:
    said: list[str] = []
    with fleet_of(tmp_path / "fleet", SIZE, {}) as fleet:
        outcome = storm(fleet, SIZE, 7, lambda: directory_records(fleet.folder / "ledger"), said.append)
    assert outcome.holds, outcome


def test_who_was_at_it() -> None:
    """From the first restart under a run to its release, or to another run's grant; renewed by a resumed one or not."""
    events = [
        {"run": "a", "at": 1.0, "event": "granted", "tokens": {"order-1": 1}},
        {"run": "a", "at": 2.0, "event": "step", "step": "restarting", "hosts": ["order-1"]},
        {"run": "a", "at": 5.0, "event": "step", "step": "restarting", "hosts": ["order-1"]},
        {"run": "b", "at": 7.0, "event": "granted", "tokens": {"order-1": 2}},
        {"run": "b", "at": 8.0, "event": "step", "step": "restarting", "hosts": ["order-1"]},
        {"run": "b", "at": 9.0, "event": "released", "hosts": ["order-1"]},
    ]
    assert list(turns(events)) == [("a", "order-1", 2.0, 7.0), ("b", "order-1", 8.0, 9.0)]
    assert twice(events, {"order-1": [0.0, 3.0, 8.5]}) == []
    assert twice(events, {"order-1": [0.0, 3.0, 6.0, 8.5]}) == ["order-1 was started 2 times by run a"]
