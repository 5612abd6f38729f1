# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shares, counts and the floor: integers and fractions only, never a float.

`out <= N - ceil(N * floor)`, where N is what is configured. Exactly at the floor is allowed.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%\Z")
_COUNT = re.compile(r"[0-9]{1,6}\Z")


def parse_floor(value: Any) -> Fraction:
    """The least share that stays in traffic, from `30%` or `33.3%`: at least 1%, below 100%."""
    share = _share(value)
    if share is None:
        raise ValueError(f"floor {value!r} is no share: write it in percent, as in '30%'{_meant(value)}")
    if share >= 1:
        raise ValueError(f"floor {value!r} leaves nothing to take out, ever: write less than 100%, as in '30%'")
    if share == 0:
        raise ValueError(f"floor {value!r} would allow an outage of everything: write at least 1%, as in '30%'")
    if share < Fraction(1, 100):
        raise ValueError(f"floor {value!r} is less than one percent: write at least 1%, as in '30%'{_meant(value)}")
    return share


def parse_cap(value: Any, total: int) -> int:
    """How many of `total` may be in work at once, from a count (`2`) or a share (`25%`, rounded down, at least 1)."""
    return amount(value, total, "max_out")


def amount(value: Any, total: int, what: str) -> int:
    """A count, or a share of `total` rounded down and at least 1."""
    share = _share(value)
    if share is not None:
        if not 0 < share <= 1:
            raise ValueError(f"{what} {value!r} is not between 1% and 100%")
        return max(1, int(total * share))
    count = _count(value)
    if count is None:
        raise ValueError(f"{what} {value!r} is neither a count (2) nor a share ('25%'){_meant(value)}")
    if count < 1:
        raise ValueError(f"{what} {value!r} must be at least 1")
    return count


def least_in(total: int, floor: Fraction) -> int:
    """How many of `total` must stay in traffic."""
    return -(-total * floor.numerator // floor.denominator)


def max_out(total: int, floor: Fraction) -> int:
    """How many of `total` may be out."""
    return total - least_in(total, floor)


def _share(value: Any) -> Fraction | None:
    found = _SHARE.match(value) if isinstance(value, str) else None
    return Fraction(found.group(1)) / 100 if found else None


def _count(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and _COUNT.match(value) else None


def _meant(value: Any) -> str:
    """What a person who wrote 0.3, '0.3%' or 30 meant."""
    text = str(value).rstrip("%")
    if not re.match(r"[0-9]{1,3}(\.[0-9]{1,6})?\Z", text) or isinstance(value, bool):
        return ""
    number = Fraction(text)
    meant = number * 100 if number < 1 else number
    return f". Did you mean '{float(meant):g}%'?" if 1 <= meant < 100 else ""
