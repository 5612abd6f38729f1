# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A scheduler in the application itself, as Quartz or Spring's: its own endpoints or commands switch and tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _lever, _target
from ._timer_error import TimerError


class Endpoint:
    """paused: what holds while it starts no job. finished: what holds while none of its jobs runs."""

    inside = True

    def __init__(
        self,
        pause: _lever.Lever,
        resume: _lever.Lever,
        paused: Sequence[Mapping[str, Any]],
        finished: Sequence[Mapping[str, Any]],
    ) -> None:
        self.label = f"the application's scheduler by {pause.text}"
        self._levers = {False: pause, True: resume}
        self._paused = paused
        self._finished = finished

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Endpoint:
        """Raises ValueError."""
        targets = {}
        for name in ("paused", "finished"):
            targets[name] = given.get(name, [])
            if not isinstance(targets[name], list) or (name == "paused" and not targets[name]):
                raise ValueError(f"{name} {targets[name]!r} is no list of targets, as in [{{url: ..., expect: ...}}]")
            for target in targets[name]:
                _target.validate(target)
        return cls(_by(given, "pause"), _by(given, "resume"), targets["paused"], targets["finished"])

    def check(self, deadline: float) -> None:
        for lever in self._levers.values():
            _lever.readable(lever)
        for target in [*self._paused, *self._finished]:
            _target.readable(target)

    def on(self, deadline: float) -> bool:
        return bool(self._wrong(self._paused, deadline))

    def switch(self, on: bool, deadline: float) -> None:
        try:
            _lever.pull(self._levers[on], deadline)
        except _lever.LeverError as error:
            raise TimerError(str(error)) from error

    def running(self, deadline: float) -> list[str]:
        return self._wrong(self._finished, deadline)

    def _wrong(self, targets: Sequence[Mapping[str, Any]], deadline: float) -> list[str]:
        """Those that do not hold. Raises TimerError where one says nothing: then nobody knows."""
        wrong = []
        for target in targets:
            seen = _target.check(target, min(deadline, _target.TIMEOUT))
            if not seen.answered:
                raise TimerError(f"{self.label}: {_target.name(target)} does not answer: {seen.saw}")
            if not seen.ok:
                wrong.append(f"{_target.name(target)}: {seen.saw}")
        return wrong


def _by(given: Mapping[str, Any], name: str) -> _lever.Lever:
    asked = given[name]
    if isinstance(asked, Mapping) and not {"url", "command"} & set(asked):
        raise ValueError(f"{name} {str(dict(asked))[:200]} has neither url nor command")
    return _lever.lever(asked, name)
