# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer group as a broker shows it, of whatever kind. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

# What a group is doing: each of its shares is held by somebody for certain; they are moving; nobody is in it; or the
# broker does not say it.
STABLE, MOVING, EMPTY, UNKNOWN = "stable", "moving", "empty", "unknown"


class MqError(Exception):
    """A broker cannot be read, or what it says cannot be trusted; the text names it and says what to do."""


@dataclass(frozen=True)
class Consumer:
    """One client in a group.

    id: what the broker tells it from all others by, another after a restart (a RocketMQ client id, a Kafka member id, a
    RabbitMQ connection with its channel and tag). names: by what a person may name it (client id, instance name or id,
    consumer tag, connection name). host: its address as the broker sees it, without a port. holds: the shares that it
    has. unacked: messages that it was given and has not acknowledged; None where the broker does not know it.
    stays: whether it keeps what it holds for a while after it has left, as a static member of Kafka does.
    done: a number that grows as it consumes; None where its brokers do not count it.
    facts: what else the broker knows of it, for people.
    """

    id: str
    names: tuple[str, ...]
    host: str
    holds: frozenset[str]
    unacked: int | None = None
    stays: bool = False
    done: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """A group at one moment.

    state: one of the constants above. shares: the queues or partitions of all that it consumes, each to be held by
    somebody. lags: by share the messages that are not consumed yet; without those of which the broker does not say it.
    done: by share a number that grows as messages are consumed (a committed offset), where there is one.
    warnings: what people should know of the group, before it is touched.
    stale: seconds by which its numbers may be old.
    """

    name: str
    state: str
    consumers: tuple[Consumer, ...]
    shares: frozenset[str]
    lags: Mapping[str, int]
    done: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    stale: float = 0.0

    @property
    def lag(self) -> int:
        return sum(self.lags.values())

    def held(self, by: Collection[Consumer] | None = None) -> frozenset[str]:
        """The shares that these hold; of all where none are named."""
        return frozenset(share for one in (self.consumers if by is None else by) for share in one.holds)


class Reader(Protocol):
    """Reads one group from all of its brokers. Both raise MqError, and leave everything as it is."""

    def read(self) -> Group: ...

    def close(self) -> None: ...
