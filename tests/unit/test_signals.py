# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the first signal does and the second, and that a process which was only forked leaves it alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible import constants as C
from ansible_collections.lossless.restart.plugins.callback.signals import CallbackModule
from ansible_collections.lossless.restart.plugins.plugin_utils import _own

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Usual(Exception):
    """What the engine does with a signal."""


@pytest.fixture(autouse=True)
def _process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A playbook that has just started, with handlers of the engine's own."""

    def usual(number: int, frame: object) -> None:
        raise Usual(signal.Signals(number).name)

    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    before = {number: signal.signal(number, usual) for number in NUMBERS}
    callback = CallbackModule()
    # A second playbook of the same command changes nothing.
    for _unused in range(2):
        callback.v2_playbook_on_start(None)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_before_the_run_begins_it_acts_as_usual(number: signal.Signals) -> None:
    with pytest.raises(Usual, match=number.name):
        signal.raise_signal(number)
    assert _own.halted() is None


@pytest.mark.parametrize("second", NUMBERS)
@pytest.mark.parametrize(("first", "why"), [(NUMBERS[0], "stopped by Ctrl-C"), (NUMBERS[1], "stopped by SIGTERM")])
def test_the_second_one_acts_as_usual(
    first: signal.Signals, why: str, second: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    _own.write("run", {"id": "20260101T000000-abcdef"})
    signal.raise_signal(first)
    assert _own.halted() == why
    assert "the batch in work is finished" in capfd.readouterr().err
    with pytest.raises(Usual, match=second.name):
        signal.raise_signal(second)
    assert _own.halted() == why


def test_a_worker_that_was_just_forked_ignores_it() -> None:
    """Before it has a session and handlers of its own, the terminal's Ctrl-C reaches it too."""
    _own.write("run", {"id": "20260101T000000-abcdef"})
    worker = os.fork()
    if not worker:
        signal.raise_signal(signal.SIGINT)
        os._exit(7 if _own.halted() is None else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 7
    assert _own.halted() is None
