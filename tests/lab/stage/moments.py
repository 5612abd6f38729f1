# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exact moments of a roll: just before and just after the fleet's commands are given.

before("lb-2 reload", 2, lambda: FAIL)      the second reload of lb-2 fails
after("supervisorctl stop order-1", 1, die) `die` runs between order-1's first stop and its start
pause("supervisorctl start order-1")        the start waits until the block ends
"""

from __future__ import annotations

import contextlib
import shutil
import socketserver
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from ..demo import Playbook

PROGRAM = Path(__file__).parent / "given.py"
FAIL = "fail"
PATIENCE = 300.0
Action = Callable[[], object]


class Moments:
    """Runs a test's functions at its moments; order: every command that was given."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.errors: list[str] = []
        self._actions: dict[tuple[str, str, int], Action] = {}
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="moments-"))
        moments = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                when, _unused, name = self.rfile.readline().decode().strip().partition(" ")
                with contextlib.suppress(OSError):
                    self.wfile.write(f"{moments._came(when, name)}\n".encode())

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self._server = Server(str(self._folder / "socket"), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def command(self, name: str, command: list[str]) -> list[str]:
        """`command`, told of as `name` and its own words, without options and paths."""
        return [sys.executable, "-I", "-S", str(PROGRAM), str(self._folder / "socket"), name, *command]

    def before(self, name: str, number: int, action: Action) -> None:
        """Do it before the command is given for the number-th time; FAIL as its result makes the command fail."""
        self._actions["before", name, number] = action

    def after(self, name: str, number: int, action: Action) -> None:
        self._actions["after", name, number] = action

    @contextlib.contextmanager
    def pause(self, name: str, number: int = 1) -> Iterator[Callable[[Playbook], None]]:
        """Hold the command back until the block ends; what it gives waits until a playbook has given the command."""
        came, go = threading.Event(), threading.Event()

        def hold() -> None:
            came.set()
            assert go.wait(PATIENCE), f"nobody let {name} go on"

        def arrived(playbook: Playbook) -> None:
            assert playbook.process
            while not came.wait(0.05):
                assert playbook.process.poll() is None, f"{name} was not given: {playbook.text}"

        self.before(name, number, hold)
        try:
            yield arrived
        finally:
            go.set()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._folder)

    def check(self) -> None:
        """Raise what went wrong in the test's functions, or name those that were never called."""
        assert not self.errors, "\n".join(self.errors)
        assert not self._actions, f"never came: {', '.join(f'{when} {name}' for when, name, _unused in self._actions)}"

    def _came(self, when: str, name: str) -> str:
        with self._lock:
            if when == "before":
                self.order.append(name)
            action = self._actions.pop((when, name, self.order.count(name)), None)
        try:
            return str(action() or "") if action else ""
        except Exception:
            self.errors.append(f"{when} {name}: {traceback.format_exc()}")
            return ""
