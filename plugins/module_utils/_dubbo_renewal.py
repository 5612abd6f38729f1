# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings back a process whose nodes were deleted: it believes to be registered, so it has to leave before it comes."""

from __future__ import annotations

import time

from . import _dubbo_member, _dubbo_switch, _dubbo_way, _poll
from ._dubbo_change import Change
from ._dubbo_proof import Proof
from ._dubbo_task import Task


class Renewal(Change):
    """For a process that was not restarted: another one registers by itself."""

    def __init__(self, task: Task, port: int, proof: Proof, clock: _poll.Clock = time) -> None:
        super().__init__(task, port, clock)
        self._proof = proof

    @property
    def _lost(self) -> list[str]:
        """The services of which it says that they are registered, and the registries that they are not."""
        there = _dubbo_member.registered(self._proof.last)
        return sorted(key for key, is_in in self._goal.items() if is_in and key not in there and key in self._said)

    @property
    def wrong(self) -> list[str]:
        lost = [] if self._task.restarted else self._lost
        return [*super().wrong, *(f"{key} is registered nowhere, and its process does not know" for key in lost)]

    def make(self) -> str:
        leave = {} if self._task.restarted else dict.fromkeys(self._lost, False)
        if leave:
            _dubbo_switch.tell(self._qos, _dubbo_way.QOS, self._said, leave)
            self._said, _waited = self._wait({**self._goal, **leave})
        return super().make()
