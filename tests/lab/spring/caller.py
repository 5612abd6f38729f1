# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client of the service as Spring Cloud has them: it keeps the registry's list for a while, and calls who is up."""

from __future__ import annotations

import json
from typing import Any, Self

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from .. import caller
from .service import SERVICE

_FOLDER = f"/services/{SERVICE}"
# For how long it calls whom it knows: seconds.
CACHED = 4.0


class Caller(caller.Caller):
    """By the ids of the instances."""

    def __init__(self, zookeeper: str) -> None:
        super().__init__(self._up, CACHED)
        self._registry = KazooClient(zookeeper)

    def statuses(self) -> dict[str, str]:
        """By instance what the registry says of it."""
        return {one["id"]: _status(one) for one in self._listed()}

    def __enter__(self) -> Self:
        self._registry.start()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._registry.stop()
        self._registry.close()

    def _up(self) -> dict[str, str]:
        return {one["id"]: f"http://{one['address']}:{one['port']}" for one in self._listed() if _status(one) == "UP"}

    def _listed(self) -> list[dict[str, Any]]:
        found = []
        for name in self._registry.get_children(_FOLDER):
            try:
                found.append(json.loads(self._registry.get(f"{_FOLDER}/{name}")[0]))
            except NoNodeError:
                continue
        return found


def _status(one: dict[str, Any]) -> str:
    return str(one["payload"]["metadata"]["instance_status"])
