# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one polling loop: every wait has a measured exit and a deadline."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, Generic, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What a wait needs of time, so that tests can bring their own."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """How a wait ended.

    ok: whether what was waited for came before the deadline.
    last: the newest value read.
    waited: seconds from the first reading to the last.
    attempts: how many readings were taken.
    """

    ok: bool
    last: T
    waited: float
    attempts: int


class NotProved(Exception):
    """The deadline has passed; the message names what is there instead. waited: seconds."""

    def __init__(self, text: str, waited: float) -> None:
        super().__init__(text)
        self.waited = waited


def poll(
    read: Callable[[], T],
    good: Callable[[T], bool],
    *,
    deadline: float,
    interval: float,
    successes: int = 1,
    window: float = 0.0,
    clock: Clock = time,
) -> Outcome[T]:
    """Read until the value has been good `successes` times in a row and throughout `window` seconds.

    deadline and interval in seconds. A deadline of 0 reads once. The reading that is under way
    when the deadline passes still counts; none is started after it.
    """
    began = clock.monotonic()
    streak = attempts = 0
    good_since = began
    while True:
        asked = clock.monotonic()
        value = read()
        attempts += 1
        now = clock.monotonic()
        if good(value):
            good_since = now if streak == 0 else good_since
            streak += 1
        else:
            streak = 0
        # From the end of the first good reading to the start of the last: a slow reading proves no window.
        if streak >= successes and max(0.0, asked - good_since) >= window:
            return Outcome(True, value, now - began, attempts)
        left = began + deadline - now
        if left <= 0:
            return Outcome(False, value, now - began, attempts)
        clock.sleep(min(interval, left))
