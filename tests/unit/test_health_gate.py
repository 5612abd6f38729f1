# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate's memory, its watch over the process and its words, on a clock of our own; and the module's arguments."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _gate
from ansible_collections.lossless.restart.plugins.module_utils._target import Seen
from ansible_collections.lossless.restart.plugins.modules import health_gate

CHANGED = "process changed from pid 12 to pid {} during the gate: {}"
UP, BUSY = Seen(True, "as expected"), Seen(False, "in_flight: expected 0, saw 3")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def process(pid: int, start: int = 7, boot: str = "b1") -> dict[str, Any]:
    return {"pid": pid, "start": start, "boot": boot}


def hold(
    readings: Sequence[Sequence[Seen]], watch: _gate.Watch | None = None, **more: Any
) -> tuple[bool, _gate.Record, str]:
    """Hold a gate over `readings`, the last of which repeats, a second apart."""
    clock = Clock()
    rest = iter(readings)
    last = [readings[-1]]

    def read() -> Sequence[Seen]:
        last[0] = next(rest, last[0])
        return last[0]

    settings: dict[str, Any] = {"deadline": 5.0, "interval": 1.0, "successes": 3, "window": 0.0, **more}
    record = _gate.Record([f"t{place}" for place in range(len(readings[0]))], clock)
    outcome = _gate.hold(read, record, watch, clock=clock, **settings)
    return outcome.ok, record, _gate.told(outcome.ok, record, watch, outcome.waited, **settings)


def watching(*identities: dict[str, Any] | None, expected: dict[str, Any] | None = None) -> _gate.Watch:
    rest: Iterator[dict[str, Any] | None] = iter(identities)
    last: list[dict[str, Any] | None] = [None]

    def read() -> dict[str, Any] | None:
        last[0] = next(rest, last[0])
        return last[0]

    return _gate.Watch(read, expected)


def test_all_hold() -> None:
    ok, record, told = hold([[UP, UP]])
    assert ok
    assert told == "2 targets held 3 times in a row, after 2.0 s and 3 readings"
    assert [(t["ok"], t["since"]) for t in record.targets()] == [(True, 2.0), (True, 2.0)]


def test_one_that_fails_is_named_with_what_it_said_and_since_when() -> None:
    ok, record, told = hold([[UP, UP], [UP, UP], [UP, BUSY]], window=2.0)
    assert not ok
    assert told == (
        "2 targets did not hold 3 times in a row and throughout 2 s within 5 s and 6 readings: "
        "t1: in_flight: expected 0, saw 3 (for 3.0 s)"
    )
    assert [t["name"] for t in record.targets() if not t["ok"]] == ["t1"]


def test_one_that_flaps_is_named_though_it_holds_at_the_end() -> None:
    ok, _record, told = hold([[UP], [UP], [BUSY], [UP], [BUSY], [UP]])
    assert not ok
    assert told.endswith("t0: it holds now, but 1.0 s ago: in_flight: expected 0, saw 3")


def test_too_little_time() -> None:
    ok, _record, told = hold([[UP]], successes=9)
    assert not ok
    assert told.endswith("they held, but readings 1 s apart left no time for more")


def test_one_reading_decides_with_deadline_0() -> None:
    assert hold([[UP], [BUSY]], deadline=0.0)[::2] == (True, "1 target held at once, after 0.0 s and 1 readings")
    assert not hold([[BUSY], [UP]], deadline=0.0)[0]


def test_the_same_process_throughout() -> None:
    watch = watching(process(12), expected=process(12))
    assert hold([[UP]], watch)[::2] == (True, "1 target held 3 times in a row, by pid 12, after 2.0 s and 3 readings")


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (process(13), CHANGED.format(13, "it crashed and was started again")),
        (process(12, start=8), CHANGED.format(12, "it crashed and was started again")),
        (process(12, boot="b2"), CHANGED.format(12, "the host was booted again")),
        (None, "process ended: pid 12 is gone and nothing took its place during the gate"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["known", "first seen"])
def test_another_process_fails_at_once(later: dict[str, Any] | None, told: str, known: bool) -> None:
    watch = watching(process(12), process(12), later, expected=process(12) if known else None)
    with pytest.raises(_gate.Changed) as caught:
        hold([[UP]], watch, successes=9)
    assert str(caught.value) == told


def test_a_process_that_starts_during_a_reading_does_not_own_its_answers() -> None:
    ok, record, _told = hold([[UP]], watching(None, process(12)), successes=1)
    assert ok
    assert record.readings == 2


def test_no_process_ever() -> None:
    ok, _record, told = hold([[UP]], watching(None))
    assert not ok
    assert told.endswith("the process does not run")


def test_a_look_that_hangs_does_not_hide_the_others() -> None:
    release = threading.Event()

    def hang() -> Seen:
        release.wait()
        return UP

    began = time.monotonic()
    seen = _gate.sweep([hang, lambda: UP, lambda: BUSY], 0.05)
    release.set()
    assert time.monotonic() - began < 5
    assert seen == [Seen(False, "no end after 0.55 s"), UP, BUSY]


def test_a_look_that_breaks_fails() -> None:
    def fall() -> Seen:
        raise KeyError("x")

    assert _gate.sweep([fall], 1.0) == [Seen(False, "it could not be looked at: 'x'")]


def params(**more: Any) -> dict[str, Any]:
    target = {"tcp": "127.0.0.1:1", "url": None, "timeout": None}
    return {
        "targets": [target],
        "successes": 3,
        "window": 0.0,
        "deadline": 60.0,
        "interval": 0.2,
        "restart": None,
        "address": None,
        "identity": None,
        **more,
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"targets": []}, "targets is empty"),
    ({"targets": [{"tcp": "h"}]}, "has no port"),
    ({"successes": 0}, "successes 0"),
    ({"window": -1.0}, "window -1.0"),
    ({"deadline": float("nan")}, "deadline nan"),
    ({"interval": 0.0}, "interval 0.0"),
    ({"window": 60.0}, "window 60 s does not fit into deadline 60 s"),
    ({"window": 1.0, "deadline": 0.0}, "window 1 s does not fit into deadline 0 s"),
    ({"identity": process(1)}, "identity without restart"),
    ({"restart": {"listen": "127.0.0.1:1"}, "identity": {"pid": 1}}, "identity {'pid': 1} is none"),
    ({"restart": {"listen": "127.0.0.1:1"}, "identity": {**process(1), "pid": "1"}}, "is none"),
    ({"restart": {"systemd": "x.timer"}}, "x.timer"),
]


def test_arguments_that_are_good() -> None:
    health_gate.validate(params())


@pytest.mark.parametrize(("more", "told"), REFUSED, ids=str)
def test_arguments_that_are_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        health_gate.validate(params(**more))
    assert told in str(caught.value)
