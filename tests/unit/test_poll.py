# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The polling loop, on a clock of our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _poll


class Clock:
    """A clock that moves only when someone sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def run(
    values: Iterable[bool],
    *,
    deadline: float = 10.0,
    interval: float = 1.0,
    successes: int = 1,
    window: float = 0.0,
    cost: float = 0.0,
) -> tuple[_poll.Outcome[bool], Clock]:
    """Poll `values`, the last of which repeats; each reading takes `cost` seconds."""
    clock = Clock()
    rest: Iterator[bool] = iter(values)
    last = [False]

    def read() -> bool:
        clock.now += cost
        last[0] = next(rest, last[0])
        return last[0]

    outcome = _poll.poll(
        read, bool, deadline=deadline, interval=interval, successes=successes, window=window, clock=clock
    )
    return outcome, clock


@pytest.mark.parametrize(
    ("values", "settings", "ok", "waited", "attempts"),
    [
        ([True], {}, True, 0.0, 1),
        ([False, False, True], {}, True, 2.0, 3),
        ([False], {"deadline": 3.0}, False, 3.0, 4),
        ([False], {"deadline": 0.0}, False, 0.0, 1),
        ([True], {"deadline": 0.0}, True, 0.0, 1),
        ([True, True, True], {"successes": 3}, True, 2.0, 3),
        ([True, False, True, True, True], {"successes": 3}, True, 4.0, 5),
        ([True, False] * 9, {"successes": 2, "deadline": 5.0}, False, 5.0, 6),
        ([True], {"window": 2.0}, True, 2.0, 3),
        ([True, True, False, True], {"window": 2.0}, True, 5.0, 6),
        ([True], {"window": 2.0, "successes": 5}, True, 4.0, 5),
        ([True], {"deadline": 0.0, "successes": 2}, False, 0.0, 1),
    ],
)
def test_outcomes(values: list[bool], settings: dict[str, Any], ok: bool, waited: float, attempts: int) -> None:
    outcome, _clock = run(values, **settings)
    assert (outcome.ok, outcome.waited, outcome.attempts) == (ok, waited, attempts)


def test_a_slow_reading_proves_no_window() -> None:
    """Two readings of 3 s with 0.5 s between them: nothing was seen for more than 0.5 s."""
    outcome, clock = run([True], window=2.0, interval=0.5, cost=3.0, deadline=60.0)
    assert outcome.ok
    first_ended, last_asked = 103.0, clock.now - 3.0
    assert last_asked - first_ended >= 2.0
    assert outcome.attempts == 3


def test_one_slow_good_reading_is_not_a_window() -> None:
    outcome, _clock = run([True, False], window=2.0, cost=5.0, deadline=4.0)
    assert not outcome.ok


def test_a_reading_under_way_at_the_deadline_counts() -> None:
    outcome, _clock = run([False, True], deadline=2.0, cost=1.5, interval=0.1)
    assert outcome.ok
    assert outcome.waited == pytest.approx(3.1)


def test_none_is_started_after_the_deadline() -> None:
    outcome, _clock = run([False, True], deadline=2.0, cost=2.5)
    assert not outcome.ok
    assert outcome.attempts == 1


def test_the_last_sleep_ends_at_the_deadline() -> None:
    outcome, clock = run([False], deadline=2.5, interval=1.0)
    assert clock.slept == [1.0, 1.0, 0.5]
    assert outcome.attempts == 4


def test_the_newest_value_is_kept() -> None:
    clock = Clock()
    values = iter([1, 2, 3])
    outcome = _poll.poll(lambda: next(values), lambda value: value > 2, deadline=9.0, interval=1.0, clock=clock)
    assert outcome.last == 3


def test_an_error_of_the_reader_passes() -> None:
    def read() -> bool:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        _poll.poll(read, bool, deadline=9.0, interval=1.0, clock=Clock())
