# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server's process: waited for, paused, and ended by its id with all its children."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .demo import wait_for

# Seconds, on a machine with much to do.
START = 120.0


class Place:
    """The folder; where none is given one of its own, which is kept with its logs on a failure."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._own = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix=f"{name}-"))

    def __enter__(self) -> Path:
        return self._folder

    def __exit__(self, failure: object, *_: object) -> None:
        if self._own and failure is None:
            shutil.rmtree(self._folder)


class Process:
    """One process in a folder of its own, with its log there; it can be started again after it was stopped or killed.

    ready: whether the server itself says that it serves.
    """

    grace = 10.0

    def __init__(self, name: str, folder: Path, command: Sequence[str], ready: Callable[[], bool]) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "server.log"
        self.paused = False
        self.command = list(command)
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process, f"{self.name} was not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it, in a session of its own so that it can be ended with all its children; do not wait."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.paused = False

    def wait(self) -> None:
        """Until it says that it serves."""

        def serves() -> bool:
            assert self.alive, f"{self.name} ended: {self.log.read_text()[-3000:]}"
            return self._ready()

        wait_for(f"{self.name} (see {self.log})", serves, START)

    def stop(self) -> None:
        """As a service manager does it: SIGTERM, and SIGKILL where that does not help."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does; its sockets stay open."""
        self._signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self._signal(signal.SIGCONT)
        self.paused = False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        self._signal(signal.SIGCONT)
        try:
            self._process.wait(self.grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(self.grace)
        self._signal(signal.SIGKILL)
        self._process = None
        self.paused = False

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
