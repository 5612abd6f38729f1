# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that supervisord runs: what supervisorctl says of it, and how it is stopped and started."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ._command import Ran, run, tail
from ._process_host import Host, Identity, ProcessError
from ._process_service import Seen

_READ = 10.0
_DOWN = ("STOPPED", "EXITED", "FATAL")
_STATES = (*_DOWN, "STARTING", "RUNNING", "BACKOFF", "STOPPING", "UNKNOWN")
_RUNNING = re.compile(r"pid (\d+), uptime")


class Program:
    """One program, by the name that `supervisorctl status` gives it; config: null for supervisorctl's own default."""

    def __init__(
        self,
        host: Host,
        program: str,
        config: str | None,
        supervisorctl: Sequence[str],
        runner: Callable[[Sequence[str], float], Ran] = run,
    ) -> None:
        self.program = program
        self.label = f"program {program}"
        self._host = host
        self._command = [*supervisorctl, *(["-c", config] if config else [])]
        self._run = runner

    def read(self) -> Seen:
        """The program's process and state. ProcessError where supervisord does not answer or knows no such program."""
        ran = self._ask("status")
        for line in ran.output.splitlines():
            name, _gap, rest = line.strip().partition(" ")
            state, _gap, description = rest.strip().partition(" ")
            if name == self.program and state in _STATES:
                why = description.strip() if state in (*_DOWN, "BACKOFF") else ""
                return Seen(self._process(state, description), state, state in _DOWN, why)
        if "no such process" in ran.output or "no such group" in ran.output:
            raise ProcessError(f"{self.label} does not exist: supervisorctl says {tail(ran.output)}")
        raise ProcessError(f"{self.label}: supervisord cannot be asked: {tail(ran.output)}")

    def ways(self) -> tuple[list[str] | None, list[str]]:
        """Stop and start apart."""
        return [*self._command, "stop", self.program], [*self._command, "start", self.program]

    def refused(self, ran: Ran) -> str:
        """supervisorctl's exit status depends on its version: its words do not."""
        if any(line.endswith((": stopped", ": started")) for line in ran.output.splitlines()):
            return ""
        if "(not running)" in ran.output or "(already started)" in ran.output:
            return ""
        return f"exit status {ran.code}: {tail(ran.output)}"

    def _process(self, state: str, description: str) -> Identity | None:
        running = _RUNNING.search(description)
        if running:
            return self._host.process(int(running[1]))
        if state in ("STARTING", "STOPPING"):
            said = self._ask("pid").output.strip()
            return self._host.process(int(said)) if said.isdigit() and said != "0" else None
        return None

    def _ask(self, what: str) -> Ran:
        ran = self._run([*self._command, what, self.program], _READ)
        if ran.code is None:
            raise ProcessError(f"{self.label}: supervisorctl {what} did not answer within {_READ:g} s")
        return ran
