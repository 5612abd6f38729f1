# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this host says of its processes: who a process is, how old, who listens; and running a command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

OUTPUT_LIMIT = 4096


class ProcessError(Exception):
    """What was asked cannot be answered: no such unit or program, its supervisor is not there, or rights lack."""


@dataclass(frozen=True)
class Identity:
    """One process, never to be taken for another one.

    pid: its number. start: clock ticks from the boot to its start. boot: the id of that boot.
    """

    pid: int
    start: int
    boot: str


@dataclass(frozen=True)
class Ran:
    """How a command ended. code: its exit status, None where it did not end in time. output: the end of it."""

    code: int | None
    output: str


class Host:
    """The processes of the host that this runs on; `proc` is another folder in tests."""

    def __init__(self, proc: str = "/proc") -> None:
        self.proc = proc

    def process(self, pid: int) -> Identity | None:
        """The process `pid`; None where there is none, or only a zombie. ProcessError where it is hidden from us."""
        try:
            with open(f"{self.proc}/{pid}/stat", "rb") as stream:
                fields = stream.read().rpartition(b")")[2].split()
            with open(f"{self.proc}/sys/kernel/random/boot_id", encoding="ascii") as stream:
                boot = stream.read().strip()
        except (FileNotFoundError, ProcessLookupError):
            self._hidden(pid)
            return None
        return None if fields[0] in (b"Z", b"X") else Identity(pid, int(fields[19]), boot)

    def _hidden(self, pid: int) -> None:
        """Raise ProcessError where the process is there, but /proc does not show it to us."""
        if self.proc != "/proc":
            return
        with contextlib.suppress(ProcessLookupError, OverflowError):
            try:
                os.kill(pid, 0)
            except PermissionError:
                if not os.path.exists(f"/proc/{pid}"):
                    raise ProcessError(
                        f"pid {pid} runs, but /proc hides it from uid {os.geteuid()} (hidepid): become its user or root"
                    ) from None

    def lives(self, identity: Identity) -> bool:
        """Whether that very process is still there."""
        return self.process(identity.pid) == identity


def ticks() -> float:
    """Clock ticks since the boot, as an identity's start counts them; setting the time changes nothing."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


def age(identity: Identity) -> float:
    """Seconds since the process started."""
    return max(0.0, (ticks() - identity.start) / os.sysconf("SC_CLK_TCK"))


def run(command: Sequence[str], timeout: float) -> Ran:
    """Run `command` without a shell, in a session of its own, for at most `timeout` seconds; then it is killed.

    Its output goes to a file: a service that it leaves behind may keep its output open and must not
    hold us up, nor die of a pipe that nobody reads. Raises ProcessError where it cannot be started.
    """
    with tempfile.TemporaryFile() as sink:
        try:
            child = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd="/"
            )
        except OSError as error:
            raise ProcessError(f"{command[0]} cannot be run: {error.strerror}. Give the path of the program.") from None
        try:
            code: int | None = child.wait(max(0.0, timeout))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if child.returncode is None:
                _kill(child)
        size = os.fstat(sink.fileno()).st_size
        return Ran(code, os.pread(sink.fileno(), OUTPUT_LIMIT, max(0, size - OUTPUT_LIMIT)).decode("utf-8", "replace"))


def _kill(child: subprocess.Popen[bytes]) -> None:
    # A command run by sudo belongs to root, and may not be killed by us.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(1)


def tail(output: str, lines: int = 5, limit: int = 500) -> str:
    """The last lines of a command's output, on one line, for an error; `no output` where there is none."""
    said = [line.strip() for line in output.splitlines() if line.strip()][-lines:]
    text = " | ".join("".join(char if char.isprintable() else " " for char in line) for line in said)
    return text[-limit:] or "no output"
