# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer group of Kafka, of the classic protocol or that of KIP-848, from its brokers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _kafka_client
from ._kafka_client import Client
from ._mq_group import EMPTY, MOVING, STABLE, Consumer, Group, MqError

_STABLE, _EMPTY, _DEAD = "STABLE", "EMPTY", "DEAD"
_TYPES = ("CLASSIC", "CONSUMER")


class KafkaReader:
    """Reads one group. given: as librdkafka takes it."""

    def __init__(self, group: str, given: Mapping[str, Any]) -> None:
        self._group = group
        self._given = given
        self._client: Client | None = None

    def close(self) -> None:
        self._client = None

    def read(self) -> Group:
        """Raises MqError."""
        if self._client is None:
            self._client = Client(self._given)
        self._check_listed(self._client)
        described = self._client.ask("describe_consumer_groups", [self._group])[self._group]
        state = described.state.name
        if state == _DEAD:
            raise MqError(f"{self._group} is said to be dead, which brokers say of what this question cannot see")
        consumers = tuple(_consumer(one, described.type.name) for one in described.members)
        done = self._client.committed(self._group)
        topics = {topic for topic, _number in done} | {t for one in described.members for t, _n in _held(one)}
        there = self._client.partitions(topics)
        shares = {(topic, number) for topic, numbers in there.items() for number in numbers}
        ends = self._client.ends(shares)
        lags = {_share(place): max(0, ends[place] - done[place]) for place in done if place in ends}
        return Group(
            name=self._group,
            state=self._state(state, consumers, described.members),
            consumers=consumers,
            shares=frozenset(map(_share, shares)),
            lags=lags,
            done={_share(place): offset for place, offset in done.items()},
        )

    def _check_listed(self, client: Client) -> None:
        """That there is such a group, of a kind that is known here: else its description means nothing."""
        found = client.listed(self._group)
        if found is None:
            raise MqError(
                f"{self._group}: Kafka at {self._given['bootstrap.servers']} lists no such group of consumers"
            )
        if found.type.name not in _TYPES:
            raise MqError(f"{self._group} is no group of consumers that share partitions, but one of another type")
        if found.is_simple_consumer_group:
            raise MqError(f"{self._group}: its consumers take partitions by themselves: nobody takes over")

    def _state(self, said: str, consumers: tuple[Consumer, ...], members: list[Any]) -> str:
        if not consumers:
            return EMPTY if said == _EMPTY else MOVING
        held = [share for one in consumers for share in one.holds]
        settled = all(one.target_assignment is None or _held(one) == _target(one) for one in members)
        return STABLE if said == _STABLE and settled and len(held) == len(set(held)) else MOVING


def _consumer(member: Any, kind: str) -> Consumer:
    names = tuple(name for name in (member.client_id, member.group_instance_id) if name)
    return Consumer(
        id=member.member_id,
        names=names,
        host=str(member.host).lstrip("/"),
        holds=frozenset(map(_share, _held(member))),
        stays=bool(member.group_instance_id),
        facts={"type": kind.lower(), "instance_id": member.group_instance_id},
    )


def _held(member: Any) -> set[tuple[str, int]]:
    return {(one.topic, one.partition) for one in member.assignment.topic_partitions}


def _target(member: Any) -> set[tuple[str, int]]:
    return {(one.topic, one.partition) for one in member.target_assignment.topic_partitions}


def _share(place: tuple[str, int]) -> str:
    return f"{place[0]}-{place[1]}"


def reader(
    servers: list[str], group: str, account: tuple[str, str] | None, mechanism: str, tls: Mapping[str, str]
) -> KafkaReader:
    """The library takes nothing but plain text, and the engine's own is more."""
    plain = [str(server) for server in servers], account, str(mechanism), {str(k): str(v) for k, v in tls.items()}
    return KafkaReader(str(group), _kafka_client.settings(*plain))
