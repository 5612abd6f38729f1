# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The board's lines."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _board
from ansible_collections.lossless.restart.plugins.plugin_utils._board import Doing, View

LEVELS: list[dict[str, Any]] = [
    {"name": "order-svc", "configured": 5, "in_traffic": 3, "least": 2, "out": {"order-1": {}, "order-2": {}}},
    {"name": "admin", "configured": 3, "in_traffic": 1, "least": 1, "out": {"order-1": {}, "order-9": {}}},
]


def view(**more: Any) -> View:
    lease = {"step": "granted", "expires": 160.0}
    values = {
        "service": "order-svc",
        "run": "20261123T120301-7f3a2c",
        "planned": [f"order-{number}" for number in range(1, 6)],
        "began": 40.0,
        "doing": {
            "order-1": Doing("Drain", "wait until nothing is in flight", 92.0),
            "order-2": Doing("Drain", "wait until nothing is in flight", 92.0),
        },
        "leases": {"order-1": lease, "order-2": lease},
        "levels": LEVELS,
    }
    return View(**{**values, **more})


def test_a_board() -> None:
    assert _board.lines(view(expected=180.0), 100.0, 80, 5) == [
        "-- order-svc, 0 of 5 done, 1:00, about 2:00 left, run 20261123T120301-7f3a2c ---",
        " order-1      Drain         0:08  wait until nothing is in fl  at most 1:00 more",
        " order-2      Drain         0:08  wait until nothing is in fl  at most 1:00 more",
        " admin: 1 of 3 in traffic, floor 1",
        " order-svc: 3 of 5 in traffic, floor 2",
    ]


def test_what_came_back_is_in_traffic() -> None:
    leases = {"order-1": {"step": "done", "expires": 0.0}, "order-2": {"step": "restored", "expires": 0.0}}
    board = _board.lines(view(leases=leases), 100.0, 80, 5)
    assert board[0].startswith("-- order-svc, 1 of 5 done, 1:00, about 4:00 left")
    assert board[1:] == [" admin: 2 of 3 in traffic, floor 1", " order-svc: 5 of 5 in traffic, floor 2", "", ""]


def test_more_than_there_is_room_for() -> None:
    board = _board.lines(view(), 100.0, 80, 4)
    assert board[1] == " and 2 more in work" and len(board) == 4


def test_what_it_waits_for() -> None:
    board = _board.lines(view(doing={}, waits="waiting, 2 in the queue behind run 7"), 100.0, 80, 4)
    assert board[1] == " waits: waiting, 2 in the queue behind run 7"


def test_below_its_floor() -> None:
    levels = [{**LEVELS[1], "in_traffic": 0}]
    assert " admin: 0 of 3 in traffic, floor 1  BELOW ITS FLOOR" in _board.lines(view(levels=levels), 100.0, 80, 4)


@pytest.mark.parametrize("width", [40, 41, 60, 80, 200])
@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_it_fits(width: int, count: int) -> None:
    board = _board.lines(view(expected=7200.0), 100.0, width, count)
    assert len(board) == count and all(len(line) <= width for line in board)


@pytest.mark.parametrize(("height", "rows"), [(11, 0), (12, 6), (24, 7), (50, 7)])
def test_its_height(height: int, rows: int) -> None:
    """Of a batch of three in five pools: never more than half of the terminal, and none on a low one."""
    assert _board.rows(3, 5, height) == rows
