# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A timer unit of systemd. It is stopped and started; whether it is enabled stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _grammar, _process_systemd
from ._command import Ran, run, tail
from ._timer_error import TimerError

_ENDED = ("inactive", "failed")


class Systemd:
    """`systemctl` may begin with other words (sudo -n), which only stop and start are given."""

    inside = False

    def __init__(
        self, unit: str, systemctl: Sequence[str], runner: Callable[[Sequence[str], float], Ran] = run
    ) -> None:
        self.unit = unit
        self.label = f"timer unit {unit}"
        self._change = list(systemctl)
        self._read = _process_systemd.reading(systemctl)
        self._run = runner

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Systemd:
        """Raises ValueError."""
        unit = _grammar.word(given["systemd"], "systemd")
        if not unit.endswith(".timer"):
            raise ValueError(f"systemd {unit!r} is no timer unit: write {unit.rpartition('.')[0] or unit}.timer")
        return cls(unit, _grammar.command(given.get("systemctl", ["systemctl"]), "systemctl"))

    def check(self, deadline: float) -> None:
        self._shown(deadline)

    def on(self, deadline: float) -> bool:
        return self._shown(deadline)["ActiveState"] not in _ENDED

    def switch(self, on: bool, deadline: float) -> None:
        verb = "start" if on else "stop"
        ran = self._run([*self._change, verb, self.unit], deadline)
        if ran.code != 0:
            raise TimerError(f"{self.label}: systemctl {verb} {_ended(ran, deadline)}: {tail(ran.output)}")

    def running(self, deadline: float) -> list[str]:
        triggered = self._shown(deadline)["Unit"]
        shown = self._show(triggered, ("ActiveState", "SubState"), deadline)
        # A job that remains after its exit has ended.
        if shown["ActiveState"] in _ENDED or shown["SubState"] == "exited":
            return []
        return [f"{triggered} is {shown['ActiveState']} ({shown['SubState']})"]

    def _shown(self, deadline: float) -> Mapping[str, str]:
        shown = self._show(self.unit, ("LoadState", "ActiveState", "Unit"), deadline)
        if shown["LoadState"] != "loaded":
            why = {"not-found": "does not exist on this host", "masked": "is masked: systemctl unmask it first"}
            load = shown["LoadState"]
            raise TimerError(f"{self.label} {why.get(load, 'cannot be used')} (systemd says: {load or 'nothing'})")
        return shown

    def _show(self, unit: str, names: Sequence[str], deadline: float) -> dict[str, str]:
        ran = self._run([*self._read, "show", "--no-pager", "-p", ",".join(names), unit], deadline)
        shown = dict(line.partition("=")[::2] for line in ran.output.splitlines() if "=" in line)
        if ran.code != 0 or not set(names) <= set(shown):
            raise TimerError(
                f"{self.label}: systemd cannot be asked, systemctl show {_ended(ran, deadline)}: {tail(ran.output)}"
            )
        return shown


def _ended(ran: Ran, deadline: float) -> str:
    return f"did not end within {deadline:g} s" if ran.code is None else f"ended with status {ran.code}"
