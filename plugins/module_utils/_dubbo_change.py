# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The half of dubbo_provider_state that changes something: one process, at its QoS port, fenced by its host."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from . import _dubbo_fence, _dubbo_parting, _dubbo_switch, _dubbo_way, _poll
from ._dubbo_qos import DEADLINE, Qos, QosError
from ._dubbo_switch import IN, OUT
from ._dubbo_task import Task

# Seconds for which a process that has just exported its services is left to register them.
_BY_ITSELF = 3.0


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

    def fenced(self, write: bool) -> AbstractContextManager[None]:
        return _dubbo_fence.fenced(self._task, {str(self._port): f"dubbo qos port {self._port}"}, write)

    def look(self) -> None:
        """What the process says, and what is to be changed of it. Raises QosError, or ValueError."""
        self._said = self._qos.services()
        self.result["before"] = self.result["after"] = _dubbo_switch.facts(self._said)
        self._goal = _dubbo_switch.wanted(self._said, self._task.state, self._task.was, self._task.services)
        if self._task.state == OUT:
            choice = _dubbo_way.choose(self._task.via, self._qos.version(), bool(self._task.services))
            self._way = choice.what
            self.result.update(chose=choice.what, why=choice.why)

    def wait_started(self) -> float:
        """Until a new process has all that was there before, and has had the time to register that by itself where it
        does so; or until the deadline, after which `look` says what is missing. Seconds."""
        task, has_all = self._task, {key for key, was in self._task.was.items() if was}
        since: float | None = None

        def read() -> _dubbo_switch.Said | None:
            try:
                return self._qos.services()
            except QosError:
                return None

        def started(said: _dubbo_switch.Said | None) -> bool:
            nonlocal since
            if said is None or not said or not has_all <= said.keys():
                return False
            since = since or self._clock.monotonic()
            # Of each protocol and registry, which it gets ready one after the other.
            whole = all(len(said[key]) >= task.places.get(key, 1) for key in has_all or said)
            there = all(one.yes for key in has_all or said for one in said[key])
            ready = whole and (bool(has_all) if self._waits else there)
            return ready or self._clock.monotonic() - since >= _BY_ITSELF

        outcome = _poll.poll(read, started, deadline=task.deadline, interval=task.interval, clock=self._clock)
        return outcome.waited

    @property
    def _waits(self) -> bool:
        """Whether it is to be a new process that registers nothing until it is told."""
        task = self._task
        return task.state == IN and task.attaches == _dubbo_way.ONLINE and task.restarted and bool(task.was)

    @property
    def warnings(self) -> list[str]:
        if self._task.state == OUT:
            return _dubbo_parting.partly(self._said)
        return _dubbo_parting.early(f"qos port {self._port}", self._said) if self._waits else []

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
        _dubbo_switch.tell(self._qos, self._way, self._said, self._goal)
        said, waited = self._wait(self._goal)
        self.result["seconds"] = waited
        self._after(said)
        return self._told()

    def _wait(self, goal: Mapping[str, bool]) -> tuple[_dubbo_switch.Said, float]:
        task = self._task
        return _dubbo_switch.wait(self._qos, goal, deadline=task.deadline, interval=task.interval, clock=self._clock)

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
