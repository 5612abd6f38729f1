# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of each message, from the journals that the consumers wrote.

A consumer appends one JSON line for each step of a message, before it goes on, and a line is one write:

    {"time": seconds of Unix time, "consumer": its name, "pid": its process, "id": the message's, "event": what}

event: `began` when the handler has it, `ended` when the handler has done its work, `interrupted` where the client's
library interrupted the handler. What was begun and neither ended nor interrupted was cut with its process. One that is
told to leave writes `leaving` then, without an id.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

BEGAN, ENDED, INTERRUPTED, LEAVING = "began", "ended", "interrupted", "leaving"


@dataclass(frozen=True)
class Step:
    time: float
    consumer: str
    pid: int
    id: str
    event: str


@dataclass(frozen=True)
class Account:
    """Of all messages that were sent. Each is a list of ids.

    lost: nobody ended it. cut: begun by a process that neither ended it nor was interrupted in it.
    again_after_leaver: ended by one of the leavers first, and begun by another when that one had begun to leave. again:
    ended more than once.
    """

    sent: int
    lost: list[str]
    cut: list[str]
    interrupted: list[str]
    again_after_leaver: list[str]
    again: list[str]

    @property
    def clean(self) -> bool:
        """Whether the leavers did no harm; what moves between those who stay is no fault of theirs."""
        return not (self.lost or self.cut or self.interrupted or self.again_after_leaver)

    def text(self) -> str:
        return (
            f"{self.sent} sent, {len(self.lost)} lost, {len(self.cut)} cut, {len(self.interrupted)} interrupted, "
            f"{len(self.again_after_leaver)} again after a leaver, {len(self.again)} again in all"
        )


def steps(journals: Iterable[Path]) -> list[Step]:
    """All that was written, in the order of time; the last line of a killed process may be torn, and says nothing."""
    found = []
    for journal in journals:
        for line in journal.read_text("utf-8").splitlines(keepends=True) if journal.exists() else ():
            if line.endswith("\n"):
                found.append(Step(**json.loads(line)))
    return sorted(found, key=lambda step: step.time)


def account(sent: Collection[str], found: Iterable[Step], leavers: Collection[int]) -> Account:
    """leavers: the pids of the processes that were drained and then stopped."""
    told: dict[str, list[Step]] = defaultdict(list)
    left: dict[int, float] = {}
    for step in found:
        told[step.id].append(step)
        # Who was not told to leave left at its last sign of life.
        left[step.pid] = step.time
    left |= {step.pid: step.time for step in told[""] if step.event == LEAVING}
    ended = {id_: [step for step in told[id_] if step.event == ENDED] for id_ in sent}
    again = [id_ for id_, ends in ended.items() if len(ends) > 1]
    return Account(
        sent=len(sent),
        lost=[id_ for id_, ends in ended.items() if not ends],
        cut=[id_ for id_ in sent if _cut(told[id_])],
        interrupted=[id_ for id_ in sent if any(step.event == INTERRUPTED for step in told[id_])],
        again_after_leaver=[
            id_ for id_ in again if (pid := ended[id_][0].pid) in leavers and _after(told[id_], pid, left[pid])
        ],
        again=again,
    )


def _after(told: Iterable[Step], pid: int, left: float) -> bool:
    """Whether another process began it once this one had begun to leave."""
    return any(step.event == BEGAN and step.pid != pid and step.time >= left for step in told)


def _cut(told: Iterable[Step]) -> bool:
    """Whether a process began it more often than it came to an end with it."""
    open_: dict[int, int] = defaultdict(int)
    for step in told:
        open_[step.pid] += 1 if step.event == BEGAN else -1
    return any(count > 0 for count in open_.values())
