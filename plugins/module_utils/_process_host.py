# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this host says of its processes: which one it is, how old, and whether it still lives."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass


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
