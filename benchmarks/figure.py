# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a measurement ends in: a line of the table, and an entry of the JSON file."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.lab.demo import Fleet

WAITED = re.compile(r"([\d.]+) s of waiting for the service")


class Broken(Exception):
    """A measurement that cannot be made; the message says what happened."""


@dataclass(frozen=True)
class Figure:
    """what was measured, its value and limit as people read them, whether it holds, and the numbers behind it.

    ok is None where the limit is not judged: times in a small run.
    """

    what: str
    value: str
    limit: str
    ok: bool | None
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Roll:
    """One run of the playbook. seconds: of the whole command. waited: seconds of it for the service, as it says."""

    seconds: float
    waited: float
    instances: int

    @property
    def overhead(self) -> float:
        """Seconds of our own for an instance."""
        return (self.seconds - self.waited) / self.instances


def roll(fleet: Fleet, instances: int, *words: str) -> Roll:
    """Restart so many instances, the selected ones. Raises Broken where not all were."""
    before = {name: fleet.pid(name) for name in fleet.instances}
    began = time.monotonic()
    code, text = fleet.play(*words)
    seconds = time.monotonic() - began
    restarted = sum(fleet.pid(name) != pid for name, pid in before.items())
    waited = WAITED.search(text)
    if code or restarted != instances or not waited:
        raise Broken(f"{restarted} of {instances} restarted, exit code {code}:\n{text[-3000:]}")
    return Roll(seconds, float(waited[1]), instances)


def table(figures: Iterable[Figure]) -> str:
    """One line for each figure."""
    rows = [("", "measured", "value", "limit")]
    marks = {True: "ok", False: "FAILED", None: "-"}
    rows += [(marks[figure.ok], figure.what, figure.value, figure.limit) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
