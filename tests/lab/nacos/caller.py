# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer that calls whom Nacos's own client shows it, and accounts for every call."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Self

from .server import Registered, ask

# Between two looks at the list, and two calls of a thread: seconds.
_LOOK, _PACE = 0.1, 0.05
_THREADS = 4


class Caller:
    """failures: of calls that were never repeated, a sentence each. served, pids: by instance how many were answered,
    and by which processes. lowest: the least number of instances that it was shown."""

    def __init__(self, watcher: Registered) -> None:
        self.failures: list[str] = []
        self.served: Counter[str] = Counter()
        self.pids: dict[str, set[int]] = {}
        self.lowest = 1000
        self._watcher = watcher
        self._list: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in [self._look, *[self._call] * _THREADS]]

    def __enter__(self) -> Self:
        self._list = self._watcher.seen()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK):
            self._list = self._watcher.seen()
            self.lowest = min(self.lowest, len(self._list))

    def _call(self) -> None:
        while not self._over.wait(_PACE):
            member = random.choice(self._list)
            try:
                pid = ask(f"http://{member}/serve/{random.randint(5, 300)}", "POST")["pid"]
            except OSError as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {member}: {error}")
                continue
            self.pids.setdefault(member, set()).add(pid)
            self.served[member] += 1
