# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows of time, by the clock on the wall, also on the days when that is put on or back."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _windows
from ansible_collections.lossless.restart.plugins.module_utils._windows import Window

BERLIN, SHANGHAI, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai"), ZoneInfo("UTC")


def at(text: str) -> float:
    """A moment with its offset."""
    return datetime.datetime.fromisoformat(text).timestamp()


def clock(text: str) -> datetime.time:
    return datetime.time.fromisoformat(text)


def daily(first: str, last: str, days: str = "mon tue wed thu fri sat sun", zone: ZoneInfo = BERLIN) -> Window:
    return Window("w", zone, 1, days=days.split(), first=clock(first), last=clock(last))


def dated(begin: str, end: str, zone: ZoneInfo = BERLIN) -> Window:
    found = [datetime.datetime.fromisoformat(one) for one in (begin, end)]
    return Window("w", zone, 1, begin=found[0], end=found[1])


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-27T09:29+08:00", False),
        ("2026-11-27T09:30+08:00", True),
        ("2026-11-27T11:29+08:00", True),
        ("2026-11-27T11:30+08:00", False),
        # A Saturday there, and still Friday in London.
        ("2026-11-28T10:00+08:00", False),
        ("2026-11-27T02:00+00:00", True),
    ],
)
def test_market_hours(moment: str, holds: bool) -> None:
    assert daily("09:30", "11:30", "mon tue wed thu fri", SHANGHAI).holds(at(moment)) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-27T21:59+01:00", False),
        ("2026-11-27T22:00+01:00", True),
        # It began on Friday, and goes on until Saturday morning.
        ("2026-11-28T05:59+01:00", True),
        ("2026-11-28T06:00+01:00", False),
        ("2026-11-28T22:30+01:00", False),
        ("2026-11-27T05:00+01:00", False),
    ],
)
def test_over_midnight(moment: str, holds: bool) -> None:
    assert daily("22:00", "06:00", "fri").holds(at(moment)) is holds


def test_the_whole_day() -> None:
    window = daily("00:00", "00:00", "sun")
    assert [window.holds(at(f"2026-11-{day}+01:00")) for day in ("28T23:59", "29T00:00", "29T23:59", "30T00:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_when_clocks_are_put_back() -> None:
    """On 25 October 2026 in Berlin 02:00 to 03:00 comes twice."""
    window = daily("02:15", "02:45")
    for offset in ("+02:00", "+01:00"):
        assert window.holds(at(f"2026-10-25T02:30{offset}"))
        assert not window.holds(at(f"2026-10-25T02:50{offset}"))
    both = dated("2026-10-25T02:15", "2026-10-25T02:45")
    assert both.holds(at("2026-10-25T02:15+02:00")) and both.holds(at("2026-10-25T02:44+01:00"))
    # The widest: what lies between the two is frozen too.
    assert both.holds(at("2026-10-25T02:50+02:00"))
    assert not both.holds(at("2026-10-25T02:14+02:00")) and not both.holds(at("2026-10-25T02:45+01:00"))


def test_when_clocks_are_put_on() -> None:
    """On 29 March 2026 in Berlin there is nothing between 02:00 and 03:00."""
    window = daily("02:15", "02:45")
    assert not window.holds(at("2026-03-29T01:59+01:00")) and not window.holds(at("2026-03-29T03:00+02:00"))
    gap = dated("2026-03-29T02:30", "2026-03-29T04:00")
    assert gap.holds(at("2026-03-29T03:00+02:00")) and gap.holds(at("2026-03-29T01:45+01:00"))
    assert not gap.holds(at("2026-03-29T04:00+02:00"))


def test_the_end_of_what_follows_one_upon_the_other() -> None:
    windows = [
        dated("2026-11-10T20:00", "2026-11-11T08:00"),
        dated("2026-11-11T07:00", "2026-11-12T08:00"),
        daily("08:00", "09:00"),
    ]
    end = _windows.free_from(windows, at("2026-11-10T21:00+01:00"))
    assert end == at("2026-11-12T09:00+01:00")
    assert _windows.free_from(windows, at("2026-11-20T21:00+01:00")) == at("2026-11-20T21:00+01:00")


def test_what_has_no_end() -> None:
    always = [daily("00:00", "12:00"), daily("12:00", "00:00")]
    assert _windows.free_from(always, at("2026-11-10T21:00+01:00")) is None


def test_when_it_is_allowed_again() -> None:
    hours = [daily("10:00", "17:00", "mon tue wed thu")]
    assert _windows.held_from(hours, at("2026-11-26T18:00+01:00")) == at("2026-11-30T10:00+01:00")
    # Over the night when clocks are put on.
    assert _windows.held_from(hours, at("2026-03-28T18:00+01:00")) == at("2026-03-30T10:00+02:00")
    past = [dated("2026-01-01T00:00", "2026-01-02T00:00")]
    assert _windows.held_from(past, at("2026-11-26T18:00+01:00")) is None
