# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The floor under everything that can go wrong: see tests/unit/machine. FLOOR_SCHEDULES and FLOOR_SEED ask for more."""

from __future__ import annotations

import os
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.unit.machine import schedule
from tests.unit.machine.judge import Judge, Violation
from tests.unit.machine.wires import wired

SCHEDULES = int(os.environ.get("FLOOR_SCHEDULES", "2500"))
SEED = int(os.environ.get("FLOOR_SEED", "1"))
STORIES = st.binary(min_size=61, max_size=161)


@pytest.mark.timeout(0)
def test_no_schedule_breaks_a_promise() -> None:
    with wired() as wires:

        @hypothesis.seed(SEED)
        @settings(
            max_examples=SCHEDULES,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[*HealthCheck],
        )
        @given(STORIES)
        def stories(data: bytes) -> None:
            schedule.play(wires, data)

        stories()


def test_a_story_is_the_same_each_time() -> None:
    data = bytes(range(7, 168))
    told: list[list[str]] = [[], []]
    for lines in told:
        with wired() as wires:
            schedule._play(wires, data, lines.append)
    assert told[0] == told[1] and len(told[0]) > 100


def test_zeros_are_a_roll_in_which_nothing_happens() -> None:
    lines: list[str] = []
    with wired() as wires:
        schedule._play(wires, bytes(161), lines.append)
    assert [line.split(" ", 1)[1] for line in lines if "restart" in line and line.startswith("ctl-1/101")] != []
    assert not [line for line in lines if line.startswith(("LOST", "KILLED", "LATE", "    "))]


@pytest.mark.parametrize("name", ["changed", "restarting", "wrote"])
def test_the_judge_is_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Callable[..., None]:
        raise Violation(name)

    monkeypatch.setattr(Judge, name, refuse)
    with wired() as wires, pytest.raises(Violation, match=name):
        schedule.play(wires, bytes(161))
