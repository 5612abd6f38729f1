# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that systemd runs: what its unit says, and how it is stopped and started."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Sequence

from ._command import Ran, run, tail
from ._process_host import Host, ProcessError
from ._process_service import Seen

_READ = 10.0
_DOWN = ("inactive", "failed")
# Units that go down with ours, and stay down when it is merely started again.
_TAKEN_ALONG = ("ConsistsOf", "BoundBy", "RequiredBy", "PropagatesStopTo")
_RESULT = ("Result", "ExecMainCode", "ExecMainStatus", "NRestarts")
_STATE = ("LoadState", "ActiveState", "SubState", "MainPID", "InvocationID", *_RESULT)


def reading(systemctl: Sequence[str]) -> list[str]:
    """`systemctl` without the words before it (sudo -n), which only what changes something is given."""
    names = [os.path.basename(word) for word in systemctl]
    return list(systemctl)[names.index("systemctl") if "systemctl" in names else 0 :]


class Unit:
    """One service unit. `systemctl` may begin with other words (sudo -n), which only stop and start are given."""

    def __init__(
        self, host: Host, unit: str, systemctl: Sequence[str], runner: Callable[[Sequence[str], float], Ran] = run
    ) -> None:
        self.unit = unit
        self.label = f"unit {unit}"
        self._host = host
        self._change = list(systemctl)
        self._read = reading(systemctl)
        self._run = runner
        self._invocation = ""

    def read(self) -> Seen:
        """The unit's main process and state. ProcessError for a unit that is missing, masked or broken."""
        shown = self._show()
        load = shown.get("LoadState", "")
        if load != "loaded":
            why = {"not-found": "does not exist on this host", "masked": "is masked: systemctl unmask it first"}
            raise ProcessError(f"{self.label} {why.get(load, 'cannot be used')} (systemd says: {load or 'nothing'})")
        state = f"{shown['ActiveState']} ({shown['SubState']})"
        pid = int(shown.get("MainPID", "0"))
        return Seen(self._host.process(pid) if pid else None, state, shown["ActiveState"] in _DOWN, self._why(shown))

    def ways(self) -> tuple[list[str] | None, list[str]]:
        """Stop and start apart; or one restart, where others would go down with the unit and stay there."""
        shown = self._show()
        if any(shown.get(name) for name in _TAKEN_ALONG):
            return None, [*self._change, "restart", self.unit]
        return [*self._change, "stop", self.unit], [*self._change, "start", self.unit]

    def refused(self, ran: Ran) -> str:
        """Why a command did not do it; empty where it did."""
        if ran.code == 0:
            return ""
        # Of a unit that failed before, systemd goes on to tell the first reason, also where it did not try again.
        invocation = self._invocation
        untried = invocation and ran.output.startswith("Job for") and self._show().get("InvocationID") == invocation
        hint = f", start-limit-hit ({self._often()})" if untried else ""
        return f"exit status {ran.code}{hint}: {tail(ran.output)}"

    def _often(self) -> str:
        return f"started too often: wait, or systemctl reset-failed {self.unit}"

    def _why(self, shown: dict[str, str]) -> str:
        result = shown.get("Result", "success")
        if shown["ActiveState"] not in _DOWN and result == "success":
            return ""
        said = [f"Result={result}" + (f", {self._often()}" if result == "start-limit-hit" else "")]
        said += [f"{name}={shown[name]}" for name in _RESULT[1:] if name in shown]
        return ", ".join(said)

    def _show(self) -> dict[str, str]:
        wanted = ",".join(_STATE + _TAKEN_ALONG)
        ran = self._run([*self._read, "show", "--no-pager", "-p", wanted, self.unit], _READ)
        if ran.code != 0:
            ended = f"did not answer within {_READ:g} s" if ran.code is None else f"failed with {ran.code}"
            raise ProcessError(f"{self.label}: systemd cannot be asked, systemctl show {ended}: {tail(ran.output)}")
        shown = dict(line.partition("=")[::2] for line in ran.output.splitlines() if "=" in line)
        self._invocation = shown.get("InvocationID", "")
        return shown
