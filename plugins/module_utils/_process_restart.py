# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One restart, proved by another process: what a command says of itself proves nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import _poll
from ._command import Ran, run, tail
from ._process_host import Host, Identity, ProcessError, ticks
from ._process_service import Seen, Service

_INTERVAL = 0.1
# How long the new process is watched here. Long enough for one that dies at once; the health gate watches longer.
_HELD = 0.3


class NotRestarted(Exception):
    """The restart is not proved. waited: seconds. touched: whether a command was given at all."""

    def __init__(self, message: str, waited: float, touched: bool) -> None:
        super().__init__(message)
        self.waited = waited
        self.touched = touched


@dataclass(frozen=True)
class Done:
    """The process before (None: it was not running), the one now and its state, and the seconds that it took."""

    before: Identity | None
    after: Identity
    status: str
    waited: float


class Restart:
    """Stops and starts `service` within `deadline` seconds."""

    def __init__(
        self,
        service: Service,
        *,
        deadline: float,
        host: Host | None = None,
        runner: Callable[[Sequence[str], float], Ran] = run,
        now: Callable[[], float] = ticks,
        clock: _poll.Clock = time,
    ) -> None:
        self._service = service
        self._host = host or Host()
        self._run = runner
        self._now = now
        self._clock = clock
        self._began = clock.monotonic()
        self._deadline = deadline
        self._within = f"{round(deadline, 1):g} s"
        self._touched = False

    def do(self, seen: Seen) -> Done:
        """Stop the service as it was just `seen`, start it, and prove it. Raises NotRestarted."""
        try:
            return self._do(seen)
        except ProcessError as error:
            raise NotRestarted(str(error), self._waited(), self._touched) from None

    def _do(self, seen: Seen) -> Done:
        stop, start = self._service.ways()
        since = int(self._now())
        if stop and not seen.down:
            self._stop(stop, seen.process)
        self._command(start, seen.process)
        after, status = self._start(seen.process, since)
        self._hold(after)
        return Done(seen.process, after, status, self._waited())

    def _stop(self, command: Sequence[str], before: Identity | None) -> None:
        self._command(command, before)
        ended = self._until(lambda seen: seen.down and not self._lives(before))
        if not ended.ok:
            raise self._failed(f"is not stopped after {self._within}: it is {self._told(ended.last, before)}")

    def _start(self, before: Identity | None, since: int) -> tuple[Identity, str]:
        """The process that is there after the start, neither the one before nor any other older one; and its state."""

        def fresh(seen: Seen) -> bool:
            return bool(seen.process and seen.process.start >= since and not self._lives(before))

        found = self._until(lambda seen: fresh(seen) or (seen.down and bool(seen.why)))
        process = found.last.process
        if process and fresh(found.last):
            return process, found.last.state
        told = self._told(found.last, before)
        if process and process == before:
            raise self._failed(f"was not restarted: after {self._within} it is {told}")
        raise self._failed(f"did not come back: it is {told}")

    def _hold(self, process: Identity) -> None:
        died = _poll.poll(
            lambda: not self._lives(process), bool, deadline=_HELD, interval=_INTERVAL / 2, clock=self._clock
        )
        if died.ok:
            now = self._told(self._service.read(), None)
            raise self._failed(f"started as pid {process.pid}, which did not last: it is {now}")

    def _command(self, command: Sequence[str], before: Identity | None) -> None:
        """Give a command; a refusal fails at once."""
        line = " ".join(command)
        if not self._left():
            raise self._failed(f"is {self._told(self._service.read(), before)}: no time was left for `{line}`")
        self._touched = True
        ran = self._run(command, self._left())
        if ran.code is None:
            told = self._told(self._service.read(), before)
            said = f"said: {tail(ran.output)}"
            raise self._failed(f"`{line}` did not end within {self._within}; it is {told}; it {said}")
        refused = self._service.refused(ran)
        if refused:
            raise self._failed(f"`{line}` failed, {refused}; it is {self._told(self._service.read(), before)}")

    def _until(self, good: Callable[[Seen], bool]) -> _poll.Outcome[Seen]:
        left = self._left()
        return _poll.poll(self._service.read, good, deadline=left, interval=_INTERVAL, clock=self._clock)

    def _told(self, seen: Seen, before: Identity | None) -> str:
        """What a person needs to know of the service as it is now."""
        process = f", pid {seen.process.pid}" if seen.process else ""
        old = f", the old pid {before.pid} is still alive" if before and self._lives(before) else ""
        return seen.state + process + old + (f" ({seen.why})" if seen.why else "")

    def _lives(self, process: Identity | None) -> bool:
        return process is not None and self._host.lives(process)

    def _left(self) -> float:
        return max(0.0, self._deadline - self._waited())

    def _waited(self) -> float:
        return self._clock.monotonic() - self._began

    def _failed(self, what: str) -> NotRestarted:
        return NotRestarted(f"{self._service.label} {what}", self._waited(), self._touched)
