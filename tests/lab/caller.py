# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer that calls whom a registry shows it, and accounts for every call."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Self

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Between two calls of a thread, and how much older a list may get than it should, on a busy machine: seconds.
_PACE, _LATE = 0.05, 0.5
_THREADS = 4


class Caller:
    """failures: of calls that were never repeated, a sentence each. served, pids: by instance how many were answered,
    and by which processes. lowest: the least number of instances that it was shown.

    look: by name the addresses of who is to be called, asked every so many seconds. By an older list nobody is.
    """

    def __init__(self, look: Callable[[], Mapping[str, str]], every: float) -> None:
        self.failures: list[str] = []
        self.served: Counter[str] = Counter()
        self.pids: dict[str, set[int]] = {}
        self.lowest = 1000
        self._ask, self._every = look, every
        self._list: Mapping[str, str] = {}
        self._asked = 0.0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in [self._look, *[self._call] * _THREADS]]

    def __enter__(self) -> Self:
        self._refresh()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _refresh(self) -> None:
        asked = time.monotonic()
        self._list, self._asked = self._ask(), asked
        self.lowest = min(self.lowest, len(self._list))

    def _look(self) -> None:
        while not self._over.wait(self._every):
            self._refresh()

    def _call(self) -> None:
        while not self._over.wait(_PACE):
            listed = list(self._list.items())
            if not listed or time.monotonic() - self._asked > self._every + _LATE:
                continue
            name, url = random.choice(listed)
            request = urllib.request.Request(f"{url}/serve/{random.randint(5, 300)}", method="POST")
            try:
                with _OPENER.open(request, timeout=10) as answer:
                    pid = json.load(answer)["pid"]
            except OSError as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {name}: {error}")
                continue
            self.pids.setdefault(name, set()).add(pid)
            self.served[name] += 1
