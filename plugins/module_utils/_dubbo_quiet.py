# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits until nothing is in flight at an instance of Dubbo that is out of its registries."""

from __future__ import annotations

import functools
import time
from typing import Any, Callable

from . import _gate, _poll, _target
from ._dubbo_task import Task
from ._poll import NotProved


def see(task: Task, watch: Callable[[], Any], clock: _poll.Clock = time) -> tuple[str, float]:
    """Until all that says so held throughout the quiet window: that in words, and the seconds. Raises NotProved.

    watch: called at each look.
    """
    limits = [one.get("timeout") or _target.TIMEOUT for one in task.idle]
    looks = [functools.partial(_target.check, one, limit) for one, limit in zip(task.idle, limits)]
    record = _gate.Record([_target.name(one) for one in task.idle], clock)
    settings: dict[str, Any] = {
        "deadline": task.deadline, "interval": task.interval, "successes": 1, "window": task.quiet,
    }  # fmt: skip

    def look() -> Any:
        watch()
        return _gate.sweep(looks, max(limits))

    held = _gate.hold(look, record, None, clock=clock, **settings)
    told = _gate.told(held.ok, record, None, held.waited, **settings)
    if not held.ok:
        raise NotProved(told, held.waited)
    return told, held.waited
