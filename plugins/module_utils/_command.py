# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running a command that may leave a service behind, without a shell, and never for longer than asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

OUTPUT_LIMIT = 65536
# A login by SSH as an ordinary account does not search them.
_SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    code: its exit status, or minus the signal that ended it; 127 where it cannot be run, None where it took too long.
    output: the end of what it wrote.
    """

    code: int | None
    output: str


class _Child(subprocess.Popen[bytes]):
    """The first process of a session of its own."""

    def end(self) -> None:
        """Kill it and what it started. A command run by sudo belongs to root, and may not be killed by us."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(1)


def which(program: str) -> str | None:
    """Where the program is, in the folders of the system's administrator as well; None where it is not."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")


def run(command: Sequence[str], timeout: float, given: bytes = b"") -> Ran:
    """Run `command` in a session of its own for at most `timeout` seconds; then it is killed. given: what it reads.

    Its output goes to a file: a service that it leaves behind may keep its output open, and must neither
    hold us up nor die of a pipe that nobody reads.
    """
    program = which(command[0]) or command[0]
    with tempfile.TemporaryFile() as sink, tempfile.TemporaryFile() as source:
        source.write(given)
        source.seek(0)
        try:
            child = _Child(
                [program, *command[1:]],
                stdin=source if given else subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd="/",
            )
        except OSError as error:
            return Ran(127, f"'{command[0]}' cannot be run: {error.strerror}. Give the path of the program")
        try:
            child.wait(max(0.0, timeout))
        except subprocess.TimeoutExpired:
            return Ran(None, _end(sink.fileno()))
        finally:
            if child.returncode is None:
                child.end()
        return Ran(child.returncode, _end(sink.fileno()))


def _end(handle: int) -> str:
    size = os.fstat(handle).st_size
    return os.pread(handle, OUTPUT_LIMIT, max(0, size - OUTPUT_LIMIT)).decode("utf-8", "replace")


def tail(output: str, lines: int = 5, limit: int = 500) -> str:
    """The last lines of a command's output, on one line, for an error; `no output` where there is none."""
    said = [line.strip() for line in output.splitlines() if line.strip()][-lines:]
    text = " | ".join("".join(char if char.isprintable() else " " for char in line) for line in said)
    return text[-limit:] or "no output"
