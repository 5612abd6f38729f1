# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A board on the last rows of a terminal, while instances are restarted."""

from __future__ import annotations

DOCUMENTATION = r"""
name: board
type: aggregate
short_description: What a run is at, on the last rows of a terminal
version_added: "0.1.0"
description:
  - Shows each instance in work with its step, for how long it has been at it, what is waited for and for how long that
    may go on at the most, each pool's level against its floor, and the time left.
  - It is there from the first batch to the report, on a terminal of at least 40 columns and 12 rows. What anybody
    prints scrolls above it, as without it. In a pipe, on AWX and with C(TERM=dumb) there is none.
  - It is drawn without colour.
author:
  - The lossless.restart authors (@lossless-restart)
requirements:
  - Enable it in the configuration, as in C(callbacks_enabled = lossless.restart.board).
options:
  show:
    description: V(false) shows none.
    type: bool
    default: true
    ini:
      - section: callback_board
        key: show
    env:
      - name: LOSSLESS_RESTART_BOARD
"""

import atexit
import os
import sys
import threading
import time
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.lossless.restart.plugins.plugin_utils import _board, _own, _terminal
from ansible_collections.lossless.restart.plugins.plugin_utils._board import Doing, View

# Seconds between two drawings while nothing happens, and at the least.
_EVERY = 1.0
_LEAST = 0.2
_GUARD = "lossless.restart.availability_guard"
# Tasks of the turn, by the first word of their names.
_STEPS = ("State check", "Guard", "Drain", "Restart", "Gate", "Attach", "Verify", "Bake", "Settle")
# Whoever runs ansible-playbook there shows its output otherwise.
_ELSEWHERE = ("AWX_HOST", "TOWER_HOST", "RUNNER_OMIT_EVENTS", "CI")


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lossless.restart.board"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._process = os.getpid()
        self._view: View | None = None
        self._terminal: _terminal.Terminal | None = None
        self._rows = 0
        self._drawn = 0.0
        self._ended = threading.Event()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Of the restarts there is one for each batch."""
        if play.get_name() != "Restart":
            self._close()
            return
        run, plan = _own.read("run"), _own.read("plan")
        if self._view is None and run and plan and self._wanted():
            began = time.monotonic()
            self._view = View(str(plan["service"]), str(run["id"]), plan["planned"], began, plan["expected"])
            self._open(max((len(batch) for batch in plan["batches"]), default=1), len(plan["lowest"]))

    def _wanted(self) -> bool:
        elsewhere = any(os.environ.get(name) for name in _ELSEWHERE)
        plain = os.environ.get("TERM", "dumb") == "dumb" or elsewhere
        option: Any = self.get_option
        return bool(option("show")) and not plain and sys.stdout.isatty()

    def _open(self, batch: int, pools: int) -> None:
        terminal = _terminal.Terminal(sys.stdout.fileno())
        width, height = terminal.size()
        self._rows = _board.rows(batch, pools, height) if width >= _board.LEAST_WIDTH else 0
        if not self._rows:
            return
        sys.stdout.flush()
        terminal.open(self._rows)
        self._terminal = terminal
        self._ended.clear()
        atexit.register(self._close)
        threading.Thread(target=self._redraw, daemon=True).start()

    def _redraw(self) -> None:
        while not self._ended.wait(_EVERY):
            self._draw()

    def _draw(self) -> None:
        if self._terminal is None or self._view is None:
            return
        self._drawn = time.monotonic()
        self._read(self._view)
        width, _height = self._terminal.size()
        rule = "─" if "utf" in (sys.stdout.encoding or "").lower() else "-"
        self._terminal.draw(_board.lines(self._view, time.monotonic(), width, self._rows, rule))

    @staticmethod
    def _read(view: View) -> None:
        """The leases of the batch in work; of what has come back nothing changes any more."""
        view.leases = {**view.leases, **_own.leases(view.in_work())}

    def _close(self) -> None:
        """A worker that was just forked has the terminal too, and must leave it alone."""
        if self._terminal is not None and os.getpid() == self._process:
            self._ended.set()
            sys.stdout.flush()
            self._terminal.close()
            self._terminal = None

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        step, _bar, what = task.get_name().rsplit(" : ", 1)[-1].partition(" | ")
        if self._view is None or step not in _STEPS:
            return
        name, now = host.get_name(), time.monotonic()
        old = self._view.doing.get(name)
        same = old is not None and old.step == step
        self._view.doing = {**self._view.doing, name: Doing(step, what, old.since if old and same else now)}
        if not same and now - self._drawn > _LEAST:
            self._draw()

    def v2_runner_on_ok(self, result: Any) -> None:
        said = result.result
        if self._view is None or str(result.task.action) != _GUARD or not (said.get("levels") or "waiting" in said):
            return
        self._view.waits = str(said["msg"]).splitlines()[0] if said.get("waiting") else ""
        if said.get("levels"):
            self._view.levels = said["levels"]
        if said.get("granted"):
            self._read(self._view)
            self._view.doing = {host: one for host, one in self._view.doing.items() if host in said["granted"]}
        self._draw()

    def v2_runner_retry(self, result: Any) -> None:
        self.v2_runner_on_ok(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._close()
