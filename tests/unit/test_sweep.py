# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The concurrent probes: all at once, bounded, and whatever goes wrong is not healthy."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _sweep, _target

PROBES = {f"h{number}": {"tcp": f"h{number}:1"} for number in range(500)}


def test_every_probe_is_made_once_with_its_own_timeout() -> None:
    asked: list[tuple[str, float]] = []

    def check(target: Mapping[str, Any], timeout: float) -> _target.Seen:
        asked.append((target["tcp"], timeout))
        return _target.Seen(target["tcp"] != "h3:1", target["tcp"])

    found = _sweep.sweep(PROBES, 1.5, check)
    assert sorted(asked) == sorted((probe["tcp"], 1.5) for probe in PROBES.values())
    assert list(found) == list(PROBES)
    assert [host for host, seen in found.items() if not seen.ok] == ["h3"]


def test_five_hundred_that_never_answer_take_two_timeouts() -> None:
    def check(target: Mapping[str, Any], timeout: float) -> _target.Seen:
        time.sleep(timeout)
        return _target.Seen(False, "no connection in time")

    began = time.monotonic()
    found = _sweep.sweep(PROBES, 0.2, check)
    assert time.monotonic() - began < 2
    assert {seen.saw for seen in found.values()} == {"no connection in time"}


def test_one_that_hangs_beyond_its_time_is_not_waited_for() -> None:
    release = threading.Event()

    def check(target: Mapping[str, Any], timeout: float) -> _target.Seen:
        if target["tcp"] == "h1:1":
            release.wait(30)
        return _target.Seen(True, "connected")

    found = _sweep.sweep({"h1": {"tcp": "h1:1"}, "h2": {"tcp": "h2:1"}}, 0.1, check)
    release.set()
    assert found == {"h1": _target.Seen(False, "no answer within 0.1 s"), "h2": _target.Seen(True, "connected")}


def test_a_probe_that_breaks_is_not_healthy() -> None:
    def check(target: Mapping[str, Any], timeout: float) -> _target.Seen:
        raise RuntimeError("boom")

    assert _sweep.sweep({"h1": {}}, 1, check) == {"h1": _target.Seen(False, "the probe failed: RuntimeError: boom")}


def test_nobody() -> None:
    assert _sweep.sweep({}, 1) == {}
