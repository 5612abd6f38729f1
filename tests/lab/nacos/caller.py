# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer that calls whom Nacos's own client shows it."""

from __future__ import annotations

from .. import caller
from .server import Registered

_EVERY = 0.1


class Caller(caller.Caller):
    """By C(ip:port). watcher: whose list it takes."""

    def __init__(self, watcher: Registered) -> None:
        super().__init__(lambda: {member: f"http://{member}" for member in watcher.seen()}, _EVERY)
