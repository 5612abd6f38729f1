# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls to a process that has just started, so that what is slow the first time is not slow for a user."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _poll, _sweep, _target

# Between a call that was not answered as expected and the next one.
_PAUSE = 0.1


@dataclass
class Warmed:
    """good: by target, how many calls were answered as expected. wrong: how many were not, and last: what the last of
    them saw, by target. seconds: how long each good call took."""

    good: list[int]
    wrong: int = 0
    last: dict[int, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    waited: float = 0.0

    def lacking(self, count: int) -> list[int]:
        """The targets that were not answered as expected `count` times."""
        return [place for place, good in enumerate(self.good) if good < count]


def run(
    targets: Sequence[Mapping[str, Any]],
    count: int,
    concurrency: int,
    deadline: float,
    check: _sweep.Check = _target.check,
    clock: _poll.Clock = time,
) -> Warmed:
    """Call each target until it was answered as expected `count` times, `concurrency` calls at a time, in turn.

    What is not answered as expected is called again. deadline in seconds: the calls that are under way then still
    count, and none is begun after it.
    """
    work = _Work(targets, count, clock.monotonic() + deadline, check, clock)
    began = clock.monotonic()
    threads = [threading.Thread(target=work.work, daemon=True) for _number in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.1, began + deadline + _target.TIMEOUT - clock.monotonic()))
    with work.lock:
        work.warmed.waited = clock.monotonic() - began
        return work.warmed


class _Work:
    """What is still to be called, shared by the threads."""

    def __init__(
        self, targets: Sequence[Mapping[str, Any]], count: int, end: float, check: _sweep.Check, clock: _poll.Clock
    ) -> None:
        self.lock = threading.Lock()
        self.warmed = Warmed([0] * len(targets))
        self._targets = targets
        self._todo = collections.deque(list(range(len(targets))) * count)
        self._end, self._check, self._clock = end, check, clock

    def work(self) -> None:
        while True:
            began = self._clock.monotonic()
            with self.lock:
                if not self._todo or began >= self._end:
                    return
                place = self._todo.popleft()
            seen = self._check(self._targets[place], max(0.05, min(_target.TIMEOUT, self._end - began)))
            took = self._clock.monotonic() - began
            with self.lock:
                if seen.ok:
                    self.warmed.good[place] += 1
                    self.warmed.seconds.append(took)
                else:
                    self.warmed.wrong += 1
                    self.warmed.last[place] = seen.saw
                    self._todo.append(place)
            if not seen.ok:
                self._clock.sleep(_PAUSE)
