# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows of time as people write them: by the clock on the wall of a time zone, also where that is put on or back."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# So far ahead is looked for the end of what follows one upon the other.
_HORIZON = datetime.timedelta(days=400)


@dataclass(frozen=True)
class Window:
    """Recurring where it has days: from `first` to `last` by the wall clock on each of them, over midnight where the
    last is not after the first. Else dated, from `begin` to `end`, without a zone in them. The last moment is outside.
    """

    name: str
    zone: ZoneInfo
    line: int
    days: Sequence[str] = ()
    first: datetime.time = datetime.time()
    last: datetime.time = datetime.time()
    begin: datetime.datetime = datetime.datetime.min
    end: datetime.datetime = datetime.datetime.max

    def holds(self, at: float) -> bool:
        """Whether it holds at that moment, in seconds since the epoch."""
        if not self.days:
            begin, end = self._widest()
            return begin <= at < end
        now = datetime.datetime.fromtimestamp(at, self.zone)
        clock, today = now.time(), DAYS[now.weekday()] in self.days
        if self.first < self.last:
            return today and self.first <= clock < self.last
        yesterday = DAYS[(now.weekday() - 1) % 7] in self.days
        return (today and clock >= self.first) or (yesterday and clock < self.last)

    def _widest(self) -> tuple[float, float]:
        """A dated window's ends. An hour that comes twice, or not at all, is within it."""
        begin, end = (
            [one.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1)] for one in (self.begin, self.end)
        )
        return min(begin), max(end)

    def changes(self, at: float) -> Iterable[float]:
        """The moments of the next days at which it may begin or end."""
        if not self.days:
            yield from self._widest()
            return
        day = datetime.datetime.fromtimestamp(at, self.zone).date()
        for ahead in range(-1, 9):
            for clock in (self.first, self.last):
                local = datetime.datetime.combine(day + datetime.timedelta(days=ahead), clock)
                for fold in (0, 1):
                    yield local.replace(tzinfo=self.zone, fold=fold).timestamp()

    def text(self, at: float) -> str:
        """A moment by this window's wall clock."""
        return datetime.datetime.fromtimestamp(at, self.zone).strftime("%Y-%m-%d %H:%M %Z")


def holding(windows: Iterable[Window], at: float) -> list[Window]:
    return [window for window in windows if window.holds(at)]


def free_from(windows: Sequence[Window], at: float) -> float | None:
    """The next moment at which none of them holds; None where there is none within a year."""
    return _next(windows, at, held=False)


def held_from(windows: Sequence[Window], at: float) -> float | None:
    """The next moment at which one of them holds."""
    return _next(windows, at, held=True)


def _next(windows: Sequence[Window], at: float, held: bool) -> float | None:
    end = at + _HORIZON.total_seconds()
    while bool(holding(windows, at)) is not held:
        later = [moment for window in windows for moment in window.changes(at) if moment > at]
        if not later or min(later) > end:
            return None
        at = min(later)
    return at
