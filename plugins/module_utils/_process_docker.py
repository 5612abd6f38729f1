# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that is a container: what Docker, or a program with its command line (podman), says of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ._command import Ran, run, tail
from ._process_host import Host, Identity, ProcessError
from ._process_service import Seen

_READ = 10.0
_DOWN = ("created", "exited", "dead", "configured", "stopped")
_SHOWN = "{{json .State}} {{json .HostConfig.AutoRemove}}"


class Container:
    """One container. grace: seconds until it is killed that does not stop; None for the container's own."""

    def __init__(
        self,
        host: Host,
        container: str,
        docker: Sequence[str],
        grace: int | None,
        runner: Callable[[Sequence[str], float], Ran] = run,
    ) -> None:
        self.container = container
        self.label = f"container {container}"
        self._host = host
        self._docker = list(docker)
        self._grace = [] if grace is None else ["--time", str(grace)]
        self._run = runner

    def read(self) -> Seen:
        """Its first process, by the number that it has on this host. ProcessError where there is no such container."""
        state, _removes = self._show()
        status = str(state.get("Status", "unknown"))
        down = status in _DOWN
        return Seen(self._process(state), status, down, _why(state) if down and status != "created" else "")

    def ways(self) -> tuple[list[str] | None, list[str]]:
        """Stop and start apart. ProcessError for a container that its stop would remove."""
        _state, removes = self._show()
        if removes:
            raise ProcessError(f"{self.label} was made with --rm: its stop removes it. Make it anew without --rm")
        return [*self._docker, "stop", *self._grace, self.container], [*self._docker, "start", self.container]

    def refused(self, ran: Ran) -> str:
        """A command's exit status."""
        return "" if ran.code == 0 else f"exit status {ran.code}: {tail(ran.output)}"

    def _process(self, state: dict[str, Any]) -> Identity | None:
        pid = state.get("Pid")
        return self._host.process(pid) if isinstance(pid, int) and pid else None

    def _show(self) -> tuple[dict[str, Any], bool]:
        """What is said of its state, and whether it is removed when it stops."""
        ran = self._run([*self._docker, "container", "inspect", "--format", _SHOWN, self.container], _READ)
        if ran.code is None:
            raise ProcessError(f"{self.label}: {self._docker[-1]} did not answer within {_READ:g} s")
        if ran.code != 0:
            if "no such container" in ran.output.lower():
                raise ProcessError(f"{self.label} does not exist on this host: {tail(ran.output)}")
            raise ProcessError(f"{self.label} cannot be asked for, {self._docker[-1]} says: {tail(ran.output)}")
        try:
            state, end = json.JSONDecoder().raw_decode(ran.output, ran.output.index("{"))
            return dict(state), json.loads(ran.output[end:])
        except (ValueError, TypeError):
            raise ProcessError(
                f"{self.label}: {self._docker[-1]} says what is not understood: {tail(ran.output)}"
            ) from None


def _why(state: dict[str, Any]) -> str:
    """What is said of its end."""
    killed = ", out of memory" if state.get("OOMKilled") else ""
    error = f", {state['Error']}" if state.get("Error") else ""
    return f"exit code {state.get('ExitCode')}{killed}{error}"
