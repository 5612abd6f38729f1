# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state machine finds what it is there for: each fault planted in the guard's code, within so many schedules."""

from __future__ import annotations

import random

import pytest

from tests.unit.machine import schedule
from tests.unit.machine.faults import FAULTS
from tests.unit.machine.judge import Violation
from tests.unit.machine.wires import wired

SCHEDULES = 4000


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    FAULTS[name](monkeypatch)
    with wired() as wires, pytest.raises(Violation) as found:
        for _unused in range(SCHEDULES):
            schedule.play(wires, chance.randbytes(161))
    print(f"{name}: {str(found.value).splitlines()[0]}")
