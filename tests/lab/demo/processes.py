# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes of a fleet, found and ended by what /proc says of them.

No pid files: a process belongs to a folder when it works inside it and runs one of the fleet's programs, or
carries a mark in its environment. So nothing stale is ever believed, after a crash or a reboot.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("nginx", "service.py", "client.py", "observer.py", "listeners.py", "supervisor.supervisord")


@dataclass(frozen=True)
class Process:
    """pid, its command line as words (one for those that rewrote it), and the folder that it works in."""

    pid: int
    argv: tuple[str, ...]
    folder: str

    def __str__(self) -> str:
        return f"pid {self.pid} ({' '.join(self.argv)[:120]}) in {self.folder}"


def read(pid: int) -> Process | None:
    """One process; None where it is gone, or is not ours to look into."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None
    return Process(pid, tuple(word.decode(errors="replace") for word in argv), folder) if argv[0] else None


def running() -> Iterator[Process]:
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            process = read(int(name))
            if process:
                yield process


def belongs(process: Process, folder: Path) -> bool:
    """Whether it works inside the folder, which may be deleted by now, and runs a program of a fleet's."""
    where = process.folder.removesuffix(" (deleted)")
    inside = where == str(folder) or where.startswith(f"{folder}/")
    return inside and any(os.path.basename(word.partition(":")[0]) in PROGRAMS for word in process.argv[:6])


def of_fleet(folder: Path) -> list[Process]:
    """Everything of the fleet in the folder, nginx workers without a master included."""
    return [process for process in running() if belongs(process, folder)]


def marked(mark: str) -> list[Process]:
    """Everything that carries NAME=VALUE in its environment: a child keeps it, whatever became of its parent."""
    found = []
    for process in running():
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                found.append(process)
    return found


def end(find: Callable[[], Sequence[Process]], grace: float = 5.0) -> int:
    """SIGTERM to all that `find` sees, SIGKILL to what is left after `grace` seconds; without grace that alone.

    How many there were.
    """
    left = first = find()
    for number, seconds in [*([(signal.SIGTERM, grace)] if grace else []), (signal.SIGKILL, 5.0)]:
        limit = time.monotonic() + seconds
        while left and time.monotonic() <= limit:
            for process in left:
                _signal(process, number)
            _wait(left, min(0.5, seconds))
            left = find()
    if left:
        raise RuntimeError(f"cannot end {'; '.join(map(str, left))}")
    return len(first)


def _signal(process: Process, number: int) -> None:
    """Only after another look: the pid may be somebody else's by now."""
    if read(process.pid) == process:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)


def _ended(pid: int) -> bool:
    """Whether it has closed its sockets: it loses its command line, by which we know it, before them."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def _wait(processes: Sequence[Process], seconds: float) -> None:
    """Until all are gone, at most so long. Those that we started are reaped."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and not all(_ended(process.pid) for process in processes):
        time.sleep(0.02)
    for process in processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
