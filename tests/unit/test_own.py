# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one ansible-playbook process keeps for itself: in no variable, and shared by its forks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible_collections.lossless.restart.plugins.module_utils import _files
from ansible_collections.lossless.restart.plugins.plugin_utils import _own


@pytest.fixture(autouse=True)
def _process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))


@pytest.mark.parametrize("name", ["plan", "reading-lb-1", "reading-../../etc/x", "reading-" + "ö" * 300])
def test_any_name_is_kept(name: str, tmp_path: Path) -> None:
    assert _own.read(name) is None
    _own.write(name, {"a": [1, "é"]})
    _own.write("another", 2)
    assert _own.read(name) == {"a": [1, "é"]}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 2 and all(path.stat().st_mode & 0o077 == 0 for path in (*kept, tmp_path / "lossless.restart"))


def test_leases_are_kept_for_a_time_of_this_machines_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock on the wall says."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    _own.keep_leases({"order-1": {"step": "granted", "token": 7, "until": 99.0}}, held=60.0)
    lease = {"step": "granted", "token": 7, "until": 99.0, "host": "order-1", "expires": 1060.0}
    assert _own.leases(["order-1", "order-2"]) == {"order-1": lease}
    _own.end_leases(["order-1", "order-2"], _own.DONE)
    assert _own.leases(["order-1", "order-2"]) == {"order-1": {**lease, "step": "done"}}


def test_since_is_the_earliest_that_an_answer_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that came late tells a moment that is too late, and then a process of the run is not seen as one."""
    told = []
    for now, elapsed in [(1000.0, 100.0), (1060.0, 101.0), (1062.0, 162.5)]:
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        _own.keep_since(elapsed)
        told.append(_own.since())
    assert told == [900.0, 900.0, 899.5]


def test_the_journal_keeps_its_order() -> None:
    assert list(_own.journal()) == []
    for number in range(3):
        _own.note({"number": number, "msg": "a\nb"})
    assert [note["number"] for note in _own.journal()] == [0, 1, 2]


def test_one_call_serves_a_batch() -> None:
    made: list[str] = []

    def call() -> dict[str, Any]:
        made.append("call")
        return {"number": len(made)}

    def ask(host: str) -> Any:
        return _own.once("task lb-1", host, 5.0, call)["number"]

    assert [ask("order-1"), ask("order-2"), ask("order-3")] == [1, 1, 1]
    # The task runs again for two of them.
    assert [ask("order-2"), ask("order-1")] == [2, 2]
    assert [ask("order-3"), ask("order-3")] == [2, 3]
    assert _own.once("task lb-2", "order-1", 5.0, call) == {"number": 4}


def test_a_call_that_raises_is_made_again_by_the_next() -> None:
    def fail() -> dict[str, Any]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        _own.once("task", "order-1", 5.0, fail)
    assert _own.once("task", "order-2", 5.0, lambda: {"made": True}) == {"made": True}


def test_whoever_asks_at_the_same_time_gets_the_same_call() -> None:
    """By threads: the lock holds between open files, as it does between forks."""
    made: list[int] = []

    def ask(number: int) -> Any:
        def call() -> dict[str, Any]:
            made.append(number)
            return {"by": number}

        return _own.once("task", f"order-{number}", 30.0, call)["by"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert answers == made * 8


def test_a_batch_that_is_not_answered_in_time() -> None:
    def call() -> dict[str, Any]:
        with pytest.raises(_files.LockTimeout, match="waiting for the batch's call"):
            _own.once("task", "order-2", 0.0, dict)
        return {"first": True}

    assert _own.once("task", "order-1", 5.0, call) == {"first": True}
