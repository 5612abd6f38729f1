# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that go on only when the story says so: a controller, and each module that it runs on a host.

Both are greenlets, so that the collection's code runs in them as it is and can still be left in its middle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import greenlet

Result = dict[str, Any]


def pause() -> None:
    """Inside a job: let the story decide what happens elsewhere before it goes on."""
    current = greenlet.getcurrent()
    if current.parent is not None:
        current.parent.switch()


def leave(left: greenlet.greenlet) -> None:
    """End what is in its middle: nothing else frees what it holds."""
    while left:
        left.parent = greenlet.getcurrent()
        left.throw()


class Job:
    """One module on its host. It ends whatever becomes of the controller that started it."""

    def __init__(self, what: str, effect: Callable[[], Result]) -> None:
        self.what = what
        self.effect = effect
        self.result: Result | None = None
        self._greenlet = greenlet.greenlet(self._work)

    def _work(self) -> None:
        self.result = self.effect()

    @property
    def begun(self) -> bool:
        return bool(self._greenlet)

    def step(self) -> None:
        """Go on until it pauses or ends."""
        self._greenlet.parent = greenlet.getcurrent()
        self._greenlet.switch()

    def end(self) -> Result:
        while self.result is None:
            self.step()
        return self.result

    def leave(self) -> None:
        leave(self._greenlet)


class Process:
    """A controller's process: runs `main` until it waits for a job."""

    def __init__(self, main: Callable[[], None]) -> None:
        self._greenlet = greenlet.greenlet(main)
        self.job: Job | None = None

    def call(self, job: Job) -> Result:
        """Inside `main`: wait for the job's answer."""
        self.job = job
        current = greenlet.getcurrent()
        assert current.parent is not None
        answer: Result = current.parent.switch()
        return answer

    def go_on(self, answer: Result | None = None) -> bool:
        """With the answer that it waits for, until its next question. Whether it has one."""
        self.job = None
        self._greenlet.parent = greenlet.getcurrent()
        self._greenlet.switch() if answer is None else self._greenlet.switch(answer)
        return not self._greenlet.dead

    def leave(self) -> None:
        if self.job:
            self.job.leave()
        leave(self._greenlet)
