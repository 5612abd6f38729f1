# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One probe of every member, all at once, within a bounded time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

from . import _target

Check = Callable[[Mapping[str, Any], float], _target.Seen]

_THREADS = 256


def sweep(
    probes: Mapping[str, Mapping[str, Any]], timeout: float, check: Check = _target.check
) -> dict[str, _target.Seen]:
    """What each host's probe saw, by host; `timeout` in seconds for one probe.

    512 hosts that never answer take two timeouts. Whatever has not come half a second later (a name server that
    hangs) is not waited for: it counts as not ok.
    """
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[str, _target.Seen]] = queue.SimpleQueue()
    for host in probes:
        todo.put(host)
    for _unused in range(min(_THREADS, len(probes))):
        threading.Thread(target=_work, args=(probes, timeout, check, todo, answers), daemon=True).start()
    rounds = -(-len(probes) // _THREADS)
    limit = time.monotonic() + rounds * timeout + 0.5
    found: dict[str, _target.Seen] = {}
    while len(found) < len(probes):
        try:
            host, seen = answers.get(timeout=max(0.001, limit - time.monotonic()))
        except queue.Empty:
            break
        found[host] = seen
    late = _target.Seen(False, f"no answer within {timeout:g} s")
    return {host: found.get(host, late) for host in probes}


def _work(
    probes: Mapping[str, Mapping[str, Any]],
    timeout: float,
    check: Check,
    todo: queue.SimpleQueue[str],
    answers: queue.SimpleQueue[tuple[str, _target.Seen]],
) -> None:
    while True:
        try:
            host = todo.get_nowait()
        except queue.Empty:
            return
        try:
            answers.put((host, check(probes[host], timeout)))
        except Exception as error:
            answers.put((host, _target.Seen(False, f"the probe failed: {type(error).__name__}: {error}")))
