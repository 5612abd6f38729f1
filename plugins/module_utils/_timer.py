# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What starts jobs of an instance on its own host: how each kind of it is switched off and on, and seen.

An entry is one of
`{systemd: UNIT, systemctl}`, `{cron: FILE, lines}` and `{pause, resume, paused, finished}`, the application's own
scheduler by its endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from . import _timer_cron, _timer_endpoint, _timer_systemd

ON, OFF = "on", "off"
_KEYS = {
    "systemd": ({"systemd"}, {"systemctl"}),
    "cron": ({"cron", "lines"}, set[str]()),
    "pause": ({"pause", "resume", "paused"}, {"finished"}),
}


class Timer(Protocol):
    """One of them. label: for people, and the same as long as its entry is."""

    label: str
    # Whether it ends with the instance's process, and begins with the next one.
    inside: bool

    def check(self, deadline: float) -> None:
        """Raise ValueError or TimerError where it cannot be used on this host. Touches nothing."""

    def on(self, deadline: float) -> bool:
        """Whether it starts jobs."""

    def switch(self, on: bool, deadline: float) -> None:
        """Let it start jobs, or none. Only what was switched off by this is switched on."""

    def running(self, deadline: float) -> list[str]:
        """The jobs of it that run, for people."""


def timer(given: Any) -> Timer:
    """Raises ValueError, naming what is wrong."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{str(given)[:200]!r} is no mapping, as in {{systemd: order-report.timer}}")
    said = {name: value for name, value in given.items() if value is not None}
    ways = [way for way in _KEYS if way in said]
    if len(ways) != 1:
        raise ValueError(f"a timer has exactly one of {', '.join(_KEYS)}; this one has {' and '.join(ways) or 'none'}")
    needed, more = _KEYS[ways[0]]
    missing, unknown = sorted(needed - set(said)), [str(name) for name in said if name not in needed | more]
    if missing or unknown:
        wrong = f"needs {' and '.join(missing)}" if missing else f"does not take {', '.join(unknown)}"
        raise ValueError(f"a timer with {ways[0]} {wrong}")
    if ways[0] == "systemd":
        return _timer_systemd.Systemd.of(said)
    if ways[0] == "pause":
        return _timer_endpoint.Endpoint.of(said)
    return _timer_cron.Cron.of(said)
