# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls before traffic comes: how many, how many at a time, and what of those that are not answered as expected."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _warm_up
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._target import Seen
from ansible_collections.lossless.restart.plugins.modules import warm_up

A, B = {"url": "http://127.0.0.1/a"}, {"url": "http://127.0.0.1/b"}


class Server:
    """Answers after all threads have asked, where `together` says how many; `bad` of its first answers are wrong."""

    def __init__(self, bad: int = 0, together: int = 1) -> None:
        self.calls: list[str] = []
        self.bad = bad
        self.barrier = threading.Barrier(together, timeout=20)
        self.now = 0.0
        self.lock = threading.Lock()

    def check(self, target: Mapping[str, Any], timeout: float) -> Seen:
        self.barrier.wait()
        with self.lock:
            self.calls.append(target["url"][-1])
            self.now += 1
            wrong = len(self.calls) <= self.bad
        return Seen(not wrong, "expected status 200, saw 503" if wrong else "status 200")

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds


def test_each_is_called_in_turn() -> None:
    server = Server()
    warmed = _warm_up.run([A, B], 3, 1, 60, server.check, server)
    assert (warmed.good, warmed.wrong, "".join(server.calls)) == ([3, 3], 0, "ababab")
    assert warmed.seconds == [1.0] * 6 and not warmed.lacking(3)


def test_several_at_a_time() -> None:
    server = Server(together=4)
    assert _warm_up.run([A, B], 6, 4, 600, server.check, server).good == [6, 6]


def test_what_is_wrong_is_called_again() -> None:
    server = Server(bad=2)
    warmed = _warm_up.run([A, B], 2, 1, 60, server.check, server)
    assert (warmed.good, warmed.wrong, "".join(server.calls)) == ([2, 2], 2, "ababab")
    assert warmed.last == {0: "expected status 200, saw 503", 1: "expected status 200, saw 503"}


def test_none_is_called_after_the_deadline() -> None:
    server = Server(bad=100)
    warmed = _warm_up.run([A], 5, 1, 4, server.check, server)
    assert (warmed.good, warmed.wrong, warmed.lacking(5)) == ([0], 4, [0])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"targets": []}, "targets is empty: there is nothing to call"),
        ({"count": 0}, "count 0 is not a number from 1 to 100000"),
        ({"concurrency": 65}, "concurrency 65 is not a number from 1 to 64"),
        ({"deadline": 0.0}, "deadline 0.0 is not a number from 0.1"),
        ({"targets": [{"url": "ftp://h/"}]}, "ftp://h/"),
    ],
)
def test_bad_input(changed: dict[str, Any], said: str) -> None:
    params: dict[str, Any] = {"targets": [A], "count": 1, "concurrency": 1, "deadline": 1.0, **changed}
    with pytest.raises(Failed, match=said):
        warm_up.run(params, False)


def test_nothing_is_called_in_check_mode() -> None:
    params: dict[str, Any] = {
        "targets": [{"url": "http://127.0.0.1:9/"}],
        "count": 7,
        "concurrency": 1,
        "deadline": 1.0,
    }
    assert warm_up.run(params, True)["msg"] == "1 to call 7 times each"
    with pytest.raises(Failed, match=r"not warm after .* s: http://127.0.0.1:9/: 0 of 7 good answers, the last"):
        warm_up.run({**params, "deadline": 0.3}, False)
