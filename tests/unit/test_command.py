# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running a command: it never holds us up, and what it says is cut."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _command, _poll
from ansible_collections.lossless.restart.plugins.module_utils._command import Ran, run, tail
from ansible_collections.lossless.restart.plugins.module_utils._process_host import Host


@pytest.mark.parametrize(
    ("command", "ran"),
    [
        (["true"], Ran(0, "")),
        (["sh", "-c", "echo out; echo err >&2; exit 3"], Ran(3, "out\nerr\n")),
        (["sh", "-c", "kill -9 $$"], Ran(-9, "")),
        (["sh", "-c", "cat; pwd"], Ran(0, "/\n")),
        (["printf", "\\377"], Ran(0, "\ufffd")),
    ],
)
def test_a_command_is_run(command: list[str], ran: Ran) -> None:
    assert run(command, 10) == ran


def test_a_daemon_that_keeps_its_output_open_does_not_hold_us_up(tmp_path: Path) -> None:
    began = time.monotonic()
    ran = run(["sh", "-c", f"sleep 100 & echo $! > {tmp_path}/pid"], 10)
    pid = int((tmp_path / "pid").read_text())
    try:
        assert ran.code == 0 and time.monotonic() - began < 60
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_command_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    ran = run(["sh", "-c", f"sleep 100 & echo $! > {tmp_path}/pid; echo words; wait"], 3)
    assert ran == Ran(None, "words\n") and time.monotonic() - began < 60
    pid = int((tmp_path / "pid").read_text())
    # It was killed, and goes when the kernel comes to it.
    assert _poll.poll(lambda: Host().process(pid), lambda found: found is None, deadline=30, interval=0.02).ok


def test_of_much_output_the_end_is_kept() -> None:
    ran = run(["sh", "-c", "yes | head -c 1000000; echo end"], 10)
    assert len(ran.output) == _command.OUTPUT_LIMIT and ran.output.endswith("y\nend\n")


@pytest.mark.parametrize("program", ["/no/such/program", "no-such-program-anywhere", "/etc"])
def test_a_program_that_cannot_be_run_is_named(program: str) -> None:
    ran = run([program], 1)
    assert ran.code == 127 and ran.output.startswith(f"'{program}' cannot be run: ")


def test_programs_of_administrators_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert run(["ldconfig", "--version"], 10).code == 0


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("", "no output"),
        ("  \n\n", "no output"),
        ("one\n\n two \n", "one | two"),
        ("1\n2\n3\n4\n5\n6\n", "2 | 3 | 4 | 5 | 6"),
        ("\x1b[31mred\x1b[0m\r\n", " [31mred [0m"),
        ("x" * 900, "x" * 500),
    ],
)
def test_the_last_words_are_told_on_one_line(output: str, told: str) -> None:
    assert tail(output) == told
