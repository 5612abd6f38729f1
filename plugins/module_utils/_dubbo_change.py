# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The half of dubbo_provider_state that changes something: one process, at its QoS port, fenced by its host."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

from . import _dubbo_switch, _dubbo_way, _fence, _files, _poll
from ._dubbo_qos import DEADLINE, Qos
from ._dubbo_switch import OUT
from ._dubbo_task import Task


class Change:
    """result: what the module returns of it, known so far."""

    def __init__(self, task: Task, port: int, clock: _poll.Clock = time) -> None:
        self._task = task
        self._clock = clock
        self._qos = Qos(port, min(DEADLINE, task.deadline), patience=task.deadline)
        self._port = port
        self._said: _dubbo_switch.Said = {}
        self._goal: dict[str, bool] = {}
        self._way = ""
        self.result: dict[str, Any] = {}

    @contextlib.contextmanager
    def fenced(self, write: bool) -> Iterator[None]:
        """Under the port's lock, and only by who holds the lease: where a token says that there is one."""
        task, member = self._task, f"dubbo qos port {self._port}"
        with contextlib.ExitStack() as stack:
            if task.token is not None and write:
                folder = os.path.join(task.state_dir, "locks")
                os.makedirs(folder, mode=0o700, exist_ok=True)
                path = os.path.join(folder, f"dubbo-{self._port}.lock")
                stack.enter_context(_files.locked(path, deadline=task.deadline, what=f"another change at {member}"))
            if task.token is not None:
                _fence.admit(task.state_dir, member, task.token, task.ledger, write=write)
            yield

    def look(self) -> None:
        """What the process says, and what is to be changed of it. Raises QosError, or ValueError."""
        self._said = self._qos.services()
        self.result["before"] = self.result["after"] = _dubbo_switch.facts(self._said)
        self._goal = _dubbo_switch.wanted(self._said, self._task.state, self._task.was)
        if self._task.state == OUT:
            choice = _dubbo_way.choose(self._task.via, self._qos.version())
            self._way = choice.what
            self.result.update(chose=choice.what, why=choice.why)

    @property
    def said(self) -> _dubbo_switch.Said:
        return self._said

    @property
    def wrong(self) -> list[str]:
        """What is not as it should be."""
        return _dubbo_switch.other(self._said, self._goal)

    def preview(self) -> str:
        """What would be done, for people."""
        self._after(_dubbo_switch.expected(self._said, self._goal))
        return f"would be {self._told()}"

    def make(self) -> str:
        """Do it, and wait until the process says so. What was done, for people. Raises QosError."""
        task = self._task
        _dubbo_switch.tell(self._qos, self._way, self._said, self._goal)
        said, waited = _dubbo_switch.wait(
            self._qos, self._goal, deadline=task.deadline, interval=task.interval, clock=self._clock
        )
        self.result["seconds"] = waited
        self._after(said)
        return self._told()

    def _told(self) -> str:
        if self._task.state == OUT:
            command = "gracefulShutdown" if self._way == _dubbo_way.GRACEFUL else "offline"
            return f"taken out by {command} ({self.result['why']})"
        back = [str(one) for one in _dubbo_switch.coming(self._said, self._goal)]
        off = [str(one) for one in _dubbo_switch.leaving(self._said, self._goal)]
        texts = [f"put back {', '.join(back)}"] if back else []
        return " and ".join(texts + ([f"taken offline as before {', '.join(off)}"] if off else []))

    def _after(self, said: _dubbo_switch.Said) -> None:
        self.result["after"] = _dubbo_switch.facts(said)
        header = f"qos port {self._port}"
        self.result["diff"] = {
            "before_header": header, "before": _dubbo_switch.text(self._said),
            "after_header": header, "after": _dubbo_switch.text(said),
        }  # fmt: skip
