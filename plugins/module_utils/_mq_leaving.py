# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The half of mq_consumer_pause that tells the application, on its own host, and waits for its own word."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterator
from typing import Any

from . import _fence, _files, _gate, _lever, _poll, _target
from ._lever import Lever
from ._mq_task import OUT, Task
from ._poll import NotProved


class Telling:
    """One application and its lever. wrong: why there is something to do, as its own word has it."""

    def __init__(self, task: Task, lever: Lever, clock: _poll.Clock = time) -> None:
        self._task = task
        self._lever = lever
        self._clock = clock
        self.wrong: list[str] = []

    @contextlib.contextmanager
    def fenced(self, write: bool) -> Iterator[None]:
        """One change at a time at this member, and only by who holds its lease. Raises Fenced, LockTimeout."""
        task = self._task
        if task.token is None:
            yield
            return
        member = f"mq {task.group} {task.who}"
        with contextlib.ExitStack() as stack:
            if write:
                folder = os.path.join(task.state_dir, "locks")
                os.makedirs(folder, mode=0o700, exist_ok=True)
                path = os.path.join(folder, f"mq-{os.path.basename(_fence.path_of('', member))}.lock")
                stack.enter_context(_files.locked(path, deadline=task.deadline, what=f"another change at {member}"))
            _fence.admit(task.state_dir, member, task.token, task.ledger, write=write)
            yield

    def look(self) -> None:
        """What its own word is now. One that gives none has to be told. Raises ValueError where it cannot be told."""
        _lever.readable(self._lever)
        if not self._task.finished:
            self.wrong = ["it gives no word of its own"]
            return
        wrong = [one.saw for one in self._sweep() if not one.ok]
        self.wrong = wrong if self._task.state == OUT else [] if wrong else ["it has left"]

    def preview(self) -> str:
        return f"would be told to {self._lever.what} by {self._lever.text}"

    def tell(self) -> tuple[str, float]:
        """What it said, and the seconds until it did. Raises LeverError."""
        began = self._clock.monotonic()
        said = _lever.pull(self._lever, self._task.deadline)
        return said, self._clock.monotonic() - began

    def finish(self) -> tuple[str, float]:
        """Wait until it has finished, by its own word throughout the quiet window. Raises NotProved."""
        task = self._task
        record = _gate.Record([_target.name(one) for one in task.finished], self._clock)
        settings: dict[str, Any] = {
            "deadline": task.deadline,
            "interval": task.interval,
            "successes": 1,
            "window": task.quiet,
        }
        held = _gate.hold(self._sweep, record, None, clock=self._clock, **settings)
        told = _gate.told(held.ok, record, None, held.waited, **settings)
        if not held.ok:
            raise NotProved(told, held.waited)
        return told, held.waited

    def _sweep(self) -> list[_target.Seen]:
        limits = [one.get("timeout") or _target.TIMEOUT for one in self._task.finished]
        looks = [functools.partial(_target.check, one, limit) for one, limit in zip(self._task.finished, limits)]
        return _gate.sweep(looks, max(limits))
