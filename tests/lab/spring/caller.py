# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client of the service as Spring Cloud has them: it keeps the registry's list for a while, and calls who is up."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from collections import Counter
from typing import Any, Self

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from .service import SERVICE

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_FOLDER = f"/services/{SERVICE}"
# For how long it calls whom it knows, and between two calls of a thread: seconds.
CACHED = 4.0
_PACE = 0.05
_THREADS = 4


class Caller:
    """failures: of calls that were never repeated, a sentence each. served: by instance how many were answered, and by
    which processes. lowest: the least number of instances that the registry has had up."""

    def __init__(self, zookeeper: str) -> None:
        self.failures: list[str] = []
        self.served: Counter[str] = Counter()
        self.pids: dict[str, set[int]] = {}
        self.lowest = 1000
        self._up: dict[str, str] = {}
        self._registry = KazooClient(zookeeper)
        self._over = threading.Event()
        work = [self._look, *[self._call] * _THREADS]
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]

    def statuses(self) -> dict[str, str]:
        """By instance what the registry says of it."""
        return {one["id"]: one["payload"]["metadata"]["instance_status"] for one in self._listed()}

    def __enter__(self) -> Self:
        self._registry.start()
        self._refresh()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._registry.stop()
        self._registry.close()

    def _listed(self) -> list[dict[str, Any]]:
        found = []
        for name in self._registry.get_children(_FOLDER):
            try:
                found.append(json.loads(self._registry.get(f"{_FOLDER}/{name}")[0]))
            except NoNodeError:
                continue
        return found

    def _refresh(self) -> None:
        listed = self._listed()
        up = [one for one in listed if one["payload"]["metadata"]["instance_status"] == "UP"]
        self._up = {one["id"]: f"http://{one['address']}:{one['port']}" for one in up}
        self.lowest = min(self.lowest, len(up))

    def _look(self) -> None:
        while not self._over.wait(CACHED):
            self._refresh()

    def _call(self) -> None:
        while not self._over.wait(_PACE):
            name, url = random.choice(list(self._up.items()))
            request = urllib.request.Request(f"{url}/serve/{random.randint(5, 300)}", method="POST")
            try:
                with _OPENER.open(request, timeout=10) as answer:
                    self.pids.setdefault(name, set()).add(json.load(answer)["pid"])
                self.served[name] += 1
            except OSError as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {name}: {error}")
