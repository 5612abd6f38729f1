# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module timer_pause does: switch an instance's timers off, wait for their jobs, and switch them on again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import _poll, _timer, _timer_record
from ._timer import OFF, ON, Timer
from ._timer_error import TimerError

PAUSED, RESTORED, READ = "paused", "restored", "read"
# As a lease's change says it.
LEASED = {"down": PAUSED, "before": RESTORED}
# What cron or systemd was about to start as it was switched off is seen to run within this: seconds.
SETTLE = 1.0
# Each look at one of them, each command: seconds.
STEP = 15.0


class Turn:
    """One call for one instance, under its lock. `result` is what is known so far, also when it fails.

    sick: the instance's process is no longer asked for what it does not answer; it ends with its schedulers.
    """

    def __init__(
        self, instance: str, given: Sequence[Mapping[str, Any]], state_dir: str, *, check: bool, sick: bool = False
    ) -> None:
        self.instance = instance
        self.sick = sick
        entries = [{name: value for name, value in one.items() if value is not None} for one in given]
        made = [_timer.timer(one) for one in entries]
        labels = [timer.label for timer in made]
        if len(set(labels)) != len(labels):
            raise ValueError(f"timers: one is named twice: {', '.join(labels)}")
        self.timers = dict(zip(labels, made))
        self.entries = dict(zip(labels, entries))
        self.check = check
        self.record = _timer_record.path_of(state_dir, instance)
        self.result: dict[str, Any] = {"changed": False, "waited": 0.0, "cut": [], "before": {}, "after": {}}

    def read(self) -> str:
        """Say how they are. Raises ValueError or TimerError for one that cannot be used."""
        for timer in self.timers.values():
            timer.check(STEP)
        return self._look()

    def pause(self, *, deadline: float, interval: float, cut: bool, recheck: bool) -> str:
        """Switch off what is on, and wait until no job of it runs. With `recheck` nothing is switched."""
        began = time.monotonic()
        said = self.read()
        kept = _timer_record.read(self.record)
        on = [label for label, how in self.result["before"].items() if how == ON]
        if recheck:
            on = [label for label in on if not self._left(self.timers[label])]
            if on:
                raise TimerError(f"{' and '.join(on)} starts jobs again: somebody else switched it on")
        elif self.check:
            self.result.update(changed=bool(on), after=dict.fromkeys(self.timers, OFF))
            return f"would switch off {' and '.join(on)}" if on else f"would change nothing: {said}"
        else:
            on = self._switched_off(on, kept)
        self._wait(began + deadline, interval, cut)
        self.result["waited"] = round(time.monotonic() - began, 3)
        self._look("after")
        off = f"switched off {' and '.join(on)}" if on and not recheck else "nothing starts jobs"
        left = f"; at the deadline still ran {', '.join(self.result['cut'])}" if self.result["cut"] else ""
        return f"{off}{left or ', and none runs'}"

    def restore(self, *, deadline: float, interval: float) -> str:
        """Switch on again what was switched off by this, and nothing else."""
        began = time.monotonic()
        kept = _timer_record.read(self.record)
        self.timers = {timer.label: timer for timer in map(_timer.timer, kept)}
        self._look()
        off = [label for label, how in self.result["before"].items() if how == OFF]
        if self.check:
            self.result.update(changed=bool(off), after=dict.fromkeys(self.timers, ON))
            return f"would switch on {' and '.join(off) or 'nothing'}"
        for label in off:
            self.timers[label].switch(True, STEP)
            self.result["changed"] = True
            self._until(self.timers[label], True, began + deadline, interval)
        _timer_record.write(self.record, self.instance, [])
        self.result["waited"] = round(time.monotonic() - began, 3)
        self._look("after")
        return f"switched on again {' and '.join(off)}" if off else "nothing was switched off"

    def _look(self, when: str = "before") -> str:
        self.result[when] = {label: ON if self._on(timer) else OFF for label, timer in self.timers.items()}
        return ", ".join(f"{label} is {how}" for label, how in self.result[when].items()) or "there is no timer"

    def _left(self, timer: Timer) -> bool:
        """Whether it ends with a process that need not do as it is told."""
        return self.sick and timer.inside

    def _on(self, timer: Timer) -> bool:
        try:
            return timer.on(STEP)
        except TimerError:
            if self._left(timer):
                return True
            raise

    def _switched_off(self, labels: Sequence[str], kept: Sequence[Mapping[str, Any]]) -> list[str]:
        """Those that are off now. All are kept on record before the first is switched, and who was left is not."""
        known = [_timer.timer(one).label for one in kept]
        news = {label: self.entries[label] for label in labels if label not in known}
        if news:
            _timer_record.write(self.record, self.instance, [*kept, *news.values()])
        left = [label for label in labels if not self._switch_off(self.timers[label])]
        if set(left) & set(news):
            there = [entry for label, entry in news.items() if label not in left]
            _timer_record.write(self.record, self.instance, [*kept, *there])
        return [label for label in labels if label not in left]

    def _switch_off(self, timer: Timer) -> bool:
        try:
            timer.switch(False, STEP)
            self.result["changed"] = True
            self._until(timer, False, time.monotonic() + STEP, 0.1)
        except TimerError:
            if self._left(timer):
                return False
            raise
        return True

    def _until(self, timer: Timer, on: bool, end: float, interval: float) -> None:
        left = max(0.0, end - time.monotonic())
        if not _poll.poll(lambda: timer.on(STEP), lambda how: how == on, deadline=left, interval=interval).ok:
            raise TimerError(f"{timer.label} was switched {ON if on else OFF}, and is {OFF if on else ON} still")

    def _wait(self, end: float, interval: float, cut: bool) -> None:
        """Wait until no job runs, throughout SETTLE where something was switched off."""
        asked = [timer for timer in self.timers.values() if not self._left(timer)]
        outcome = _poll.poll(
            lambda: [job for timer in asked for job in timer.running(STEP)],
            lambda jobs: not jobs,
            deadline=max(0.0, end - time.monotonic()),
            interval=interval,
            window=SETTLE if self.result["changed"] else 0.0,
        )
        if outcome.ok:
            return
        self.result["cut"] = outcome.last
        if not cut:
            self.result["waited"] = round(outcome.waited, 3)
            jobs = ", ".join(outcome.last) or "one that has just ended"
            raise TimerError(f"after {outcome.waited:.1f} s a job still runs: {jobs}. No other one is started")
