# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The consumers of some queues of RabbitMQ as a group, from its management API.

A client is a connection, since an application's consumers are channels of one. A share is a queue, which several may
hold. Who consumes is known at once where somebody stops, and some seconds late where somebody begins; numbers of
messages are samples of some seconds (collect_statistics_interval).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._mq_group import EMPTY, STABLE, Consumer, Group, MqError
from ._rabbitmq_client import Client, Missing

# Seconds by which its numbers may be old: the interval by default, and a moment.
STALE = 6.0


class RabbitmqReader:
    """Reads the consumers of these queues under one name."""

    def __init__(self, client: Client, name: str, vhost: str, queues: Sequence[str]) -> None:
        self._client = client
        self._name = name
        self._vhost = vhost
        self._queues = list(queues)
        self._checked = False

    def close(self) -> None:
        self._client.close()

    def read(self) -> Group:
        """Raises MqError."""
        if not self._checked:
            self._client.check()
            self._checked = True
        waits = {queue: self._queue(queue) for queue in self._queues}
        try:
            consumers = self._connections()
        except (KeyError, TypeError, AttributeError) as error:
            raise MqError(f"{self._name}: RabbitMQ's answer is not as its management API writes it: {error}") from error
        return Group(
            name=self._name,
            state=STABLE if any(one.holds for one in consumers) else EMPTY,
            consumers=consumers,
            shares=frozenset(self._queues),
            lags={queue: count for queue, count in waits.items() if count is not None},
            warnings=tuple(f"{one.id} {one.facts['auto_ack']}" for one in consumers if one.facts["auto_ack"]),
            stale=STALE,
        )

    def _queue(self, name: str) -> int | None:
        """How many messages wait in it; None where that was not counted yet."""
        try:
            found = self._client.get("queues", self._vhost, name)
        except Missing:
            where = f"the virtual host {self._vhost!r}"
            raise MqError(f"{where} has no queue {name!r}, or is not there itself: look at vhost and queues") from None
        count = found.get("messages_ready") if isinstance(found, dict) else None
        return count if isinstance(count, int) else None

    def _connections(self) -> tuple[Consumer, ...]:
        """Those that consume from the queues, and those of which a channel has stopped and not acknowledged all."""
        listed = self._client.get("consumers", self._vhost)
        ours = [one for one in listed if one["queue"]["name"] in self._queues]
        channels = self._client.get("vhosts", self._vhost, "channels")
        names = {one["name"]: _names(one) for one in self._client.get("vhosts", self._vhost, "connections")}
        found: dict[str, list[Mapping[str, Any]]] = {}
        for one in ours:
            found.setdefault(one["channel_details"]["connection_name"], []).append(one)
        for one in channels:
            if not one.get("consumer_count") and one.get("messages_unacknowledged"):
                found.setdefault(one["connection_details"]["name"], [])
        return tuple(
            _consumer(connection, names.get(connection, ()), consumers, channels)
            for connection, consumers in found.items()
        )


def _names(connection: Mapping[str, Any]) -> tuple[str, ...]:
    """What the application calls it."""
    return (str(connection["user_provided_name"]),) if connection.get("user_provided_name") else ()


def _consumer(
    connection: str, names: Sequence[str], consumers: Sequence[Mapping[str, Any]], channels: Sequence[Mapping[str, Any]]
) -> Consumer:
    mine = [one for one in channels if one["connection_details"]["name"] == connection]
    peers = [one["connection_details"] for one in mine] or [one["channel_details"] for one in consumers]
    blind = sorted({str(one["queue"]["name"]) for one in consumers if not one["ack_required"]})
    why = f"consumes {', '.join(blind)} without acknowledging (auto_ack): what it has in hand nobody can see"
    acked = [one["message_stats"].get("ack", 0) for one in mine if "message_stats" in one]
    return Consumer(
        id=connection,
        names=(*names, *sorted(str(one["consumer_tag"]) for one in consumers)),
        host=str(peers[0]["peer_host"]),
        holds=frozenset(str(one["queue"]["name"]) for one in consumers),
        unacked=sum(int(one.get("messages_unacknowledged", 0)) for one in mine),
        done=sum(acked) if acked else None,
        facts={
            "auto_ack": why if blind else "",
            "prefetch": sorted({int(one.get("prefetch_count", 0)) for one in consumers}),
            "channels": len(mine),
            "sampled_seconds": STALE,
        },
    )


def reader(
    urls: Sequence[str],
    name: str,
    place: tuple[str, Sequence[str]],
    account: tuple[str, str] | None,
    tls: Mapping[str, str],
) -> RabbitmqReader:
    """place: the virtual host, and its queues."""
    return RabbitmqReader(Client(urls, account, tls), name, *place)
