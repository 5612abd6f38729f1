# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan and the receipt, line by line."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _receipt
from ansible_collections.lossless.restart.plugins.plugin_utils._preflight import Checks

DESCRIBED = {
    "service": "order-svc",
    "fleet": {"fleet_kind": "rolling", "fleet_reason": ""},
    "pools": [{"hosts": ["order-1", "order-2", "order-3", "order-4"]}],
}
PLAN: dict[str, Any] = {
    "batches": [["order-1"], ["order-2", "order-3"]],
    "msg": "order-svc: 4 configured\nbatch 1: order-1",
    "done": [],
    "levels": [],
    "blocked": {},
}
NOTHING = Checks({}, {}, {})


def test_a_plan() -> None:
    assert _receipt.plan_lines(PLAN, DESCRIBED, NOTHING, []) == [
        "",
        "order-svc: rolling restart of 3 of 4 instances",
        "  order-svc: 4 configured",
        "  batch 1: order-1",
        "  expected: not known before the first finished run of this service",
        "",
    ]


def test_a_plan_with_everything() -> None:
    out = {"order-4": {"why": "drained", "detail": "down at lb-1"}, "order-5": {"why": "leased", "detail": "run 1"}}
    plan = {
        **PLAN,
        "expected": 44.6,
        "done": ["order-7"],
        "levels": [{"out": out}],
        "blocked": {"order-4": "down at lb-1", "order-5": "held by run 1"},
    }
    described = {**DESCRIBED, "fleet": {"fleet_kind": "canary", "fleet_reason": "CVE-2026-1"}}
    checks = Checks({"order-6": "unreachable"}, {}, {})
    assert _receipt.plan_lines(plan, described, checks, ["too old", "too old"]) == [
        "",
        "order-svc: canary restart of 3 of 4 instances, because: CVE-2026-1",
        "  order-svc: 4 configured",
        "  batch 1: order-1",
        "  done already: order-7",
        "  not touched: order-6: unreachable",
        "  not touched: order-4: down at lb-1",
        "  warning: too old",
        "  expected: about 45 s, as in the last finished run",
        "",
    ]


def test_only_what_a_person_took_out_is_drained() -> None:
    out = {"order-1": {"why": "drained"}, "order-2": {"why": "unhealthy"}}
    plan = {"levels": [{"out": out}], "blocked": {"order-1": "down at lb-1", "order-2": "no room"}}
    assert _receipt.drained(plan) == {"order-1": "down at lb-1"}


def span(ended: float, waited: float) -> dict[str, float]:
    return {"ended": ended, "waited": waited}


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0.0),
        ([span(10, 0)], 0.0),
        ([span(10, 4), span(20, 5)], 9.0),
        # Two at once count once; one inside another not at all.
        ([span(10, 4), span(12, 4)], 6.0),
        ([span(12, 4), span(10, 4)], 6.0),
        ([span(20, 10), span(15, 2)], 10.0),
        ([span(20, 10), span(15, 2), span(21, 3)], 11.0),
    ],
)
def test_waiting_is_counted_once(spans: list[dict[str, float]], seconds: float) -> None:
    assert _receipt.waited(spans) == seconds


NOON = time.mktime((2026, 1, 31, 12, 0, 0, 0, 0, 0))


def granted(at: float, *hosts: str, level: int = 3) -> dict[str, Any]:
    levels = {"nginx/order_svc": [4, level, 2]}
    return {"event": "granted", "at": NOON + at, "tokens": dict.fromkeys(hosts, 1), "levels": levels}


def step(at: float, name: str, *hosts: str) -> dict[str, Any]:
    return {"event": "step", "at": NOON + at, "step": name, "hosts": list(hosts)}


def released(at: float, done: bool, *hosts: str) -> dict[str, Any]:
    return {"event": "released", "at": NOON + at, "hosts": list(hosts), "done": done}


EVENTS = [
    {"event": "began", "at": NOON},
    granted(0, "order-1"),
    step(5, "restarting", "order-1"),
    step(9, "attaching", "order-1"),
    released(20, True, "order-1"),
    granted(21, "order-2", "order-3", level=2),
    step(25, "restarting", "order-2"),
    released(31, False, "order-3"),
    {"event": "stopped", "at": NOON + 40, "why": "x"},
]


def test_the_lowest_of_each_pool() -> None:
    assert _receipt.lowest(EVENTS) == {"nginx/order_svc": (4, 2, 2)}


def test_a_turn_that_was_taken_again_shows_the_last() -> None:
    again = [*EVENTS, granted(50, "order-2"), step(51, "restarting", "order-2")]
    assert _receipt.turns(again)["order-2"] == {"granted": NOON + 50, "restarting": NOON + 51}


def outcome(**changed: Any) -> dict[str, Any]:
    hosts = ["order-1", "order-2", "order-3"]
    return {"run": "R", "done": hosts, "planned": hosts, "left": [], "out": {}, "why": "", **changed}


def failure(host: str, msg: str) -> dict[str, Any]:
    note = {"host": host, "task": "Gate | wait", "msg": msg, "failed": True}
    return {**note, "waited": 10.0, "ended": NOON + 30}


def test_a_receipt() -> None:
    lines = _receipt.receipt_lines(outcome(done=["order-1"], planned=["order-1"]), EVENTS[:5], [], makespan=22.0)
    assert lines == [
        "",
        "RECEIPT of run R: 1 of 1 restarted in 22.0 s",
        "  nginx/order_svc  lowest in traffic 3 of 4, floor 2",
        "  order-1  out 12:00:00, drained +5.0 s, healthy +4.0 s, verified +11.0 s",
        "  0.0 s of waiting for the service, 22.0 s of our own work (22.0 s an instance)",
        "",
    ]


def test_a_receipt_of_what_was_not_done() -> None:
    left = outcome(
        done=["order-1"],
        left=["order-2", "order-3"],
        out={"order-2": "at step restarting since 12:00Z"},
        why="order-2: not well at",
    )
    journal = [
        failure("order-2", "not well\n at all"),
        failure("order-3", "not well\n at all"),
        failure("order-3", "no room"),
    ]
    lines = _receipt.receipt_lines(left, EVENTS, journal, makespan=40.0)
    assert lines[3:] == [
        "  order-1  out 12:00:00, drained +5.0 s, healthy +4.0 s, verified +11.0 s",
        "  order-2  out 12:00:21, drained +4.0 s",
        "  order-3  out 12:00:21, back +10.0 s",
        "  10.0 s of waiting for the service, 30.0 s of our own work (30.0 s an instance)",
        "  NOT DONE: order-3",
        "  NOT DONE, lease kept: order-2, at step restarting since 12:00Z",
        "  failed: order-2: Gate | wait: not well at all",
        "  failed: order-3: Gate | wait: no room",
        "  To go on, run the same command again once the cause is mended.",
        "",
    ]


def test_why_it_was_stopped_is_said_where_nothing_else_says_it() -> None:
    lines = _receipt.receipt_lines(outcome(left=["order-3"], why="by alice: too slow"), [], [], makespan=1.0)
    assert lines[-4:-1] == [
        "  NOT DONE: order-3",
        "  stopped: by alice: too slow",
        "  To go on, run the same command again.",
    ]
