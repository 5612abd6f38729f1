# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind `timer` in a service's description: what starts jobs of an instance on its own host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _timer

# The keys of an entry besides its kind, and whether they must be there.
KEYS = dict.fromkeys(("systemd", "systemctl", "cron", "lines", "pause", "resume", "paused", "finished"), False)
# The instance's host is asked whether they can be switched, before the guard judges.
ASKS = True
# Each instance has its own, and nobody else does its jobs meanwhile: there is no pool to keep up.
POOLED = False


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: the timer."""
    given = {name: value for name, value in entry.items() if name != "kind"}
    _timer.timer(given)
    return given
