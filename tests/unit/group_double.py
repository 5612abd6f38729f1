# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A double of the brokers of a consumer group: what it says by the second, on a clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils._mq_group import STABLE, Consumer, Group, MqError

ONE, TWO, THREE = "10.0.0.1", "10.0.0.2", "10.0.0.3"


class Clock:
    """Time passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Brokers:
    """steps: from which second on the group is which, or cannot be read (a text)."""

    def __init__(self, clock: Clock, steps: Mapping[float, Group | str]) -> None:
        self._clock, self._began, self._steps = clock, clock.now, steps
        self.closed = False

    def read(self) -> Group:
        now = self._steps[max(at for at in self._steps if at <= self._clock.now - self._began)]
        if isinstance(now, str):
            raise MqError(now)
        return now

    def close(self) -> None:
        self.closed = True


def client(host: str, *holds: str, at: str = "", **more: Any) -> Consumer:
    """A client on `host`; at: its port, another after a restart."""
    given = {"names": (f"{host}@order",), **more}
    return Consumer(id=f"{host}{at or ':1'}", host=host, holds=frozenset(holds), **given)


def group(*consumers: Consumer, shares: str = "abcd", lag: int = 0, **more: Any) -> Group:
    """A group of four queues."""
    given = {"name": "orders", "state": STABLE, "shares": frozenset(shares), **more}
    return Group(consumers=consumers, lags={"a": lag}, **given)


ALL = group(client(ONE, "a"), client(TWO, "b"), client(THREE, "c", "d"))
WITHOUT_THREE = group(client(ONE, "a", "c"), client(TWO, "b", "d"))
