# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gate: several targets that must all hold, several times in a row and throughout a window, by one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from . import _poll, _target

# How much longer than its own limit a look may take before it is left behind (a file system that hangs).
_GRACE = 0.5

Identity = Mapping[str, Any]
Look = Callable[[], _target.Seen]


class Changed(Exception):
    """The process is not the one that it was; the message says what became of it."""


class Watch:
    """The process that must stay the same from the first reading to the last.

    read: gives the identity `{pid, start, boot}`, or None where nothing runs.
    expected: the identity from before; without one, the first that is seen is kept.
    """

    def __init__(self, read: Callable[[], Identity | None], expected: Identity | None = None) -> None:
        self._read = read
        self.identity = expected if expected is not None else read()

    def holds(self) -> bool:
        """Whether the process runs and ran before this reading. Raises Changed."""
        seen = self._read()
        if self.identity is None:
            self.identity = seen
            return False
        if told := change(self.identity, seen):
            raise Changed(told)
        return True


def change(before: Identity, after: Identity | None) -> str:
    """What became of the process `before`; empty where `after` is the same."""
    if after is None:
        return f"process ended: pid {before['pid']} is gone and nothing took its place during the gate"
    if all(before[key] == after[key] for key in ("pid", "start", "boot")):
        return ""
    why = "it crashed and was started again" if before["boot"] == after["boot"] else "the host was booted again"
    return f"process changed from pid {before['pid']} to pid {after['pid']} during the gate: {why}"


class Record:
    """What was seen of each target so far, and since when."""

    def __init__(self, names: Sequence[str], clock: _poll.Clock = time) -> None:
        self._names = names
        self._clock = clock
        self._last = [_target.Seen(False, "nothing yet")] * len(names)
        self._since = [clock.monotonic()] * len(names)
        self._failed: list[tuple[float, str] | None] = [None] * len(names)
        self.readings = 0

    def note(self, seen: Sequence[_target.Seen]) -> bool:
        """Take one reading of all targets; whether all held."""
        now = self._clock.monotonic()
        self.readings += 1
        for place, look in enumerate(seen):
            if look.ok != self._last[place].ok:
                self._since[place] = now
            if not look.ok:
                self._failed[place] = (now, look.saw)
        self._last = list(seen)
        return all(look.ok for look in seen)

    def targets(self) -> list[dict[str, Any]]:
        """Each target as `{name, ok, saw, since}`; since: for how many seconds it has held or failed."""
        now = self._clock.monotonic()
        return [
            {"name": name, "ok": look.ok, "saw": look.saw, "since": round(now - since, 3)}
            for name, look, since in zip(self._names, self._last, self._since)
        ]

    def troubles(self) -> list[str]:
        """A sentence for each target that fails; where none does, for each that has failed before."""
        failing = [f"{t['name']}: {t['saw']} (for {t['since']:.1f} s)" for t in self.targets() if not t["ok"]]
        now = self._clock.monotonic()
        return failing or [
            f"{name}: it holds now, but {now - failed[0]:.1f} s ago: {failed[1]}"
            for name, failed in zip(self._names, self._failed)
            if failed
        ]


def sweep(looks: Sequence[Look], limit: float) -> list[_target.Seen]:
    """Take all looks at once; one that has not ended after `limit` seconds and a grace counts as failed."""
    seen: list[_target.Seen | None] = [None] * len(looks)

    def take(place: int) -> None:
        try:
            seen[place] = looks[place]()
        except Exception as error:
            seen[place] = _target.Seen(False, f"it could not be looked at: {error}")

    threads = [threading.Thread(target=take, args=(place,), daemon=True) for place in range(len(looks))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit + _GRACE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = _target.Seen(False, f"no end after {limit + _GRACE:g} s")
    return [look or late for look in seen]


def hold(
    read: Callable[[], Sequence[_target.Seen]],
    record: Record,
    watch: Watch | None,
    *,
    deadline: float,
    interval: float,
    successes: int,
    window: float,
    clock: _poll.Clock = time,
) -> _poll.Outcome[bool]:
    """Read all targets, then the process, until all held as asked or the deadline passed. Raises Changed.

    A deadline of 0 takes one reading, which decides.
    """

    def reading() -> bool:
        held = record.note(read())
        return watch.holds() and held if watch else held

    return _poll.poll(
        reading,
        bool,
        deadline=deadline,
        interval=interval,
        successes=successes if deadline else 1,
        window=window if deadline else 0.0,
        clock=clock,
    )


def told(
    ok: bool,
    record: Record,
    watch: Watch | None,
    waited: float,
    *,
    deadline: float,
    interval: float,
    successes: int,
    window: float,
) -> str:
    """How the gate ended, in one sentence for people."""
    targets = record.targets()
    many = f"{len(targets)} target{'' if len(targets) == 1 else 's'}"
    if not deadline:
        asked = "at once"
    elif window and successes == 1:
        asked = f"throughout {window:g} s"
    else:
        asked = f"{successes} times in a row" + (f" and throughout {window:g} s" if window else "")
    if ok:
        by = f", by pid {watch.identity['pid']}" if watch and watch.identity else ""
        return f"{many} held {asked}{by}, after {waited:.1f} s and {record.readings} readings"
    troubles = record.troubles()
    if watch and watch.identity is None:
        troubles.append("the process does not run")
    why = "; ".join(troubles) or f"they held, but readings {interval:g} s apart left no time for more"
    return f"{many} did not hold {asked} within {deadline:g} s and {record.readings} readings: {why}"
