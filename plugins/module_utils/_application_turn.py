# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module application_state does: tell an application to take no more work, or to take it, and prove it."""

from __future__ import annotations

import time
from typing import Any

from . import _application, _lever, _poll
from ._application import DOWN, GONE, UP, Application, ApplicationError, Word
from ._lever import LeverError

OUT, IN, READ = "out", "in", "read"


class Turn:
    """One call for one application, under its lock. `result` is what is known so far, also when it fails.

    Times are seconds: settle, throughout which it has to say that it takes no work; deadline, for all of it.
    """

    def __init__(
        self,
        app: Application,
        *,
        settle: float,
        deadline: float,
        interval: float,
        check: bool,
        clock: _poll.Clock = time,
    ) -> None:
        self._app = app
        self._settle = settle
        self._interval = interval
        self.check = check
        self._clock = clock
        self._deadline = deadline
        self._end = clock.monotonic() + deadline
        self.result: dict[str, Any] = {"changed": False, "before": None, "after": None, "seconds": {}, "cut": []}

    def answer(self) -> dict[str, Any]:
        """What the module returns of it."""
        shown = {when: {"application": self.result[when]} for when in ("before", "after") if self.result[when]}
        waited = round(sum(self.result["seconds"].values()), 3)
        return {**self.result, "waited": waited, **({"diff": shown} if len(shown) == 2 else {})}

    def read(self) -> str:
        """Say how it is, having seen that it can be told and asked. Raises ValueError or ApplicationError."""
        _application.usable(self._app)
        found = self._look("before")
        if found.state == GONE:
            raise ApplicationError(f"it does not answer: {found.saw}")
        _application.unfinished(self._app.finished)
        return f"{_NAMES[found.state]} ({found.saw})"

    def out(self, *, recheck: bool, cut: bool) -> str:
        """Let it take no more work, and wait until it has finished. With `recheck` nobody is told."""
        _application.usable(self._app)
        found = self._look("before")
        if found.state == GONE:
            raise ApplicationError(f"it does not answer: {found.saw}")
        if found.state == UP:
            if recheck:
                raise ApplicationError(f"it takes work again, by somebody else or a start: {found.saw}")
            if self._app.leave is None:
                raise ApplicationError("leave is missing: it takes work, and nothing says how it is told not to")
            if self.check:
                return self._would(self._app.leave, DOWN)
            self._tell(self._app.leave)
        elif self.check:
            return f"would change nothing: it takes no work ({found.saw})"
        self._wait("settle", DOWN, 0.0 if recheck else self._settle)
        done = self._finish(cut)
        how = "it" if not self.result["changed"] else "told to leave, it"
        return f"{how} takes no work{done}"

    def back(self, *, recheck: bool) -> str:
        """Let it take work again. One that has just been started may do so by itself, a little later. With `recheck`
        nobody is told."""
        _application.usable(self._app)
        found = self._look("before")
        if recheck:
            if found.state != UP:
                raise ApplicationError(f"it was told to take work, and {_NAMES[found.state]}: {found.saw}")
            return "it takes work"
        if self.check:
            if found.state != UP and self._app.join is not None:
                return self._would(self._app.join, UP)
            return f"would change nothing: {_NAMES[found.state]}"
        if found.state == GONE:
            found = self._poll(lambda word: word.state != GONE, 0.0).last
        if found.state == DOWN and self._app.join is not None:
            self._tell(self._app.join)
        self._wait("joined", UP, 0.0)
        return "told to join, it takes work" if self.result["changed"] else "it takes work"

    def _look(self, when: str) -> Word:
        found = _application.word(self._app.serving)
        self.result[when] = found.state
        return found

    def _would(self, lever: _lever.Lever, state: str) -> str:
        self.result.update(changed=True, after=state)
        return f"would be told by {lever.text}"

    def _tell(self, lever: _lever.Lever) -> None:
        began = self._clock.monotonic()
        # What it was told before a failure may have reached it.
        self.result["changed"] = True
        try:
            _lever.pull(lever, max(0.1, self._left()))
        except LeverError as error:
            raise ApplicationError(str(error)) from error
        self.result["seconds"]["told"] = round(self._clock.monotonic() - began, 3)

    def _wait(self, what: str, state: str, window: float) -> None:
        outcome = self._poll(lambda word: word.state == state, window)
        self.result["seconds"][what] = round(outcome.waited, 3)
        self.result["after"] = outcome.last.state
        if outcome.ok:
            return
        told = "was told to, and" if self.result["changed"] else "was not told anything, and"
        hint = "" if state == DOWN or self._app.join else "; nothing says how it is told to join, so it needs a restart"
        raise ApplicationError(
            f"{told} after {outcome.waited:.1f} s {_NAMES[outcome.last.state]}: {outcome.last.saw}{hint}"
            if outcome.last.state != state
            else f"after {outcome.waited:.1f} s it had not been so throughout {window:g} s: {outcome.last.saw}"
        )

    def _finish(self, cut: bool) -> str:
        outcome = _poll.poll(
            lambda: _application.unfinished(self._app.finished),
            lambda texts: not texts,
            deadline=self._left(),
            interval=self._interval,
            clock=self._clock,
        )
        self.result["seconds"]["finished"] = round(outcome.waited, 3)
        if outcome.ok:
            return " and has finished" if self._app.finished else ""
        texts = "; ".join(outcome.last)
        if not cut:
            raise ApplicationError(f"it takes no work, and has not finished within {self._deadline:g} s: {texts}")
        self.result["cut"] = outcome.last
        return f"; not finished within {self._deadline:g} s, and cut: {texts}"

    def _poll(self, good: Any, window: float) -> _poll.Outcome[Word]:
        return _poll.poll(
            lambda: _application.word(self._app.serving),
            good,
            deadline=self._left(),
            interval=self._interval,
            window=window,
            clock=self._clock,
        )

    def _left(self) -> float:
        return max(0.0, self._end - self._clock.monotonic())


_NAMES = {UP: "it takes work", DOWN: "it takes no work", GONE: "it does not answer"}
