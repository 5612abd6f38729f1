# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A playbook on a terminal, and what a person sees on it, by an emulator that knows nothing of the playbook."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyte

from .demo import Playbook

# What a terminal without colours would be asked for by its variables.
COLOURS = "\x1b[0;3"


@dataclass
class Terminal:
    """Of so many columns and rows. raw: all that was written. screens: what could be seen, after each piece of it."""

    columns: int = 80
    rows: int = 24
    raw: str = ""
    screens: list[list[str]] = field(default_factory=list)

    def play(self, playbook: Playbook, seconds: float, seen: Callable[[Terminal, int], None] | None = None) -> int:
        """Its exit code, once it ended. seen: called after each piece, with the process's number."""
        self.screen = pyte.HistoryScreen(self.columns, self.rows, history=5000, ratio=0.5)
        stream = pyte.Stream(self.screen)
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        surroundings = playbook.surroundings
        surroundings["env"] = {"TERM": "xterm", **surroundings["env"], **playbook.environment}
        surroundings["env"].pop("CI", None)
        process = subprocess.Popen(
            playbook.command, **surroundings, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        limit = time.monotonic() + seconds
        try:
            while (data := _next(ours, limit)) is not None:
                text = data.decode(errors="replace")
                self.raw += text
                stream.feed(text)
                self.screens.append([line.rstrip() for line in self.screen.display])
                if seen:
                    seen(self, process.pid)
            return process.wait(max(0.0, limit - time.monotonic()))
        finally:
            os.close(ours)
            if process.poll() is None:
                process.kill()
                process.wait()

    @property
    def scrolled(self) -> list[str]:
        """All lines that were printed, those that have scrolled away first."""
        gone = ["".join(line[column].data for column in range(self.columns)) for line in self.screen.history.top]
        return [line.rstrip() for line in [*gone, *self.screen.display]]


def _next(fd: int, limit: float) -> bytes | None:
    """What comes next; None at the end."""
    if not select.select([fd], [], [], max(0.0, limit - time.monotonic()))[0]:
        raise TimeoutError("the playbook did not end in time")
    try:
        return os.read(fd, 65536) or None
    except OSError:
        # How Linux says that nobody has the other end any more.
        return None
