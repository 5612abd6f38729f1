# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings back a process whose nodes were deleted: it believes to be registered, so it has to leave before it comes."""

from __future__ import annotations

import time

from . import _dubbo_back, _dubbo_switch, _dubbo_way, _poll
from ._dubbo_change import Change
from ._dubbo_proof import Proof
from ._dubbo_task import Task

# Dubbo 3 removes an instance from the application level so many seconds after offline, if it is still so: its
# dubbo.application.metadata.publish.delay, and a second. What comes back before has never left, and registers nothing.
_PAUSE = 2.0


class Renewal(Change):
    """For a process that was not restarted: another one registers by itself."""

    def __init__(self, task: Task, port: int, proof: Proof, clock: _poll.Clock = time) -> None:
        super().__init__(task, port, clock)
        self._proof = proof

    @property
    def _lost(self) -> list[str]:
        """The services of which it says that they are registered, and the registries that they are not."""
        there = _dubbo_back.registered(self._proof.last)
        return sorted(key for key, is_in in self._goal.items() if is_in and key not in there and key in self._said)

    @property
    def wrong(self) -> list[str]:
        lost = [] if self._task.restarted else self._lost
        return [*super().wrong, *(f"{key} is registered nowhere, and its process does not know" for key in lost)]

    def make(self) -> str:
        """Again with a longer pause where the process did not take notice."""
        if self._task.restarted or not self._lost:
            return super().make()
        began, pause = self._clock.monotonic(), _PAUSE
        while True:
            told = self._renew(self._lost, pause)
            self._look_for(pause)
            self.result["seconds"] = self._clock.monotonic() - began
            if not self._lost or self.result["seconds"] >= self._task.deadline:
                return told
            pause *= 2

    def _renew(self, lost: list[str], pause: float) -> str:
        leave = dict.fromkeys(lost, False)
        _dubbo_switch.tell(self._qos, _dubbo_way.QOS, self._said, leave)
        self._said, _waited = self._wait({**self._goal, **leave})
        self._clock.sleep(pause)
        return super().make()

    def _look_for(self, seconds: float) -> None:
        """Until the registries have it."""
        self._said = self._qos.services()
        _poll.poll(
            self._proof.look,
            lambda _now: not self._lost,
            deadline=seconds,
            interval=self._task.interval,
            clock=self._clock,
        )
