# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The floor's arithmetic, against literal tables and against fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _floor
from hypothesis import given
from hypothesis import strategies as st

THIRTY = Fraction(30, 100)


@pytest.mark.parametrize(
    ("total", "out"),
    [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (6, 4), (7, 4), (8, 5), (9, 6), (10, 7), (20, 14), (100, 70)],
)
def test_out_at_thirty_percent(total: int, out: int) -> None:
    assert _floor.max_out(total, THIRTY) == out
    assert _floor.least_in(total, THIRTY) == total - out


@pytest.mark.parametrize(
    ("floor", "total", "out"),
    [("50%", 1, 0), ("50%", 2, 1), ("50%", 3, 1), ("99%", 100, 1), ("99%", 99, 0), ("1%", 2, 1), ("1%", 101, 99)]
    + [("33.3%", 3, 2), ("33.4%", 3, 1), ("66.7%", 3, 0), ("28%", 25, 18), ("14%", 50, 43), ("29%", 100, 71)],
)
def test_out_at_other_floors(floor: str, total: int, out: int) -> None:
    assert _floor.max_out(total, _floor.parse_floor(floor)) == out


def test_every_percent_of_every_size() -> None:
    for percent in range(1, 100):
        floor = _floor.parse_floor(f"{percent}%")
        for total in range(1, 1001):
            assert _floor.max_out(total, floor) == total - ceil(Fraction(total * percent, 100)), (percent, total)


@given(st.integers(1, 5000), st.integers(1_000_000, 99_999_999))
def test_what_stays_is_enough_and_one_less_is_not(total: int, millionths: int) -> None:
    floor = _floor.parse_floor(f"{millionths // 1_000_000}.{millionths % 1_000_000:06}%")
    out = _floor.max_out(total, floor)
    assert total - out >= total * floor
    assert total - (out + 1) < total * floor


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("130%", "less than 100%"),
        ("100%", "leaves nothing to take out"),
        ("0%", "outage of everything"),
        ("0.3%", "Did you mean '30%'?"),
        (0.3, "Did you mean '30%'?"),
        ("0.3", "Did you mean '30%'?"),
        (30, "Did you mean '30%'?"),
        ("30", "Did you mean '30%'?"),
        ("-1", "write it in percent"),
        (-1, "write it in percent"),
        ("-30%", "write it in percent"),
        ("thirty", "write it in percent"),
        ("30 %", "write it in percent"),
        ("30%\n", "write it in percent"),
        ("٣٠%", "write it in percent"),
        ("3e1%", "write it in percent"),
        ("", "write it in percent"),
        (True, "write it in percent"),
        (None, "write it in percent"),
        (["30%"], "write it in percent"),
        (float("nan"), "write it in percent"),
    ],
)
def test_no_floor(value: Any, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        _floor.parse_floor(value)
    assert said in str(caught.value)
    assert repr(value) in str(caught.value)
    if not said.startswith("Did"):
        assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "total", "cap"),
    [
        (2, 10, 2),
        ("2", 10, 2),
        ("25%", 10, 2),
        ("25%", 3, 1),
        ("1%", 10, 1),
        ("100%", 10, 10),
        (50, 10, 50),
        ("33.3%", 10, 3),
    ],
)
def test_cap(value: Any, total: int, cap: int) -> None:
    assert _floor.parse_cap(value, total) == cap


@pytest.mark.parametrize("value", [0, "0", "0%", -1, "-1", "130%", "a", True, 1.5, None, [], "2.5"])
def test_no_cap(value: Any) -> None:
    with pytest.raises(ValueError, match="max_out"):
        _floor.parse_cap(value, 10)
