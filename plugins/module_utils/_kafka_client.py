# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks Kafka's brokers what an administrator may ask, each question with an end. It stands on confluent-kafka."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ._mq_group import MqError

try:
    from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition, admin

    HAS_KAFKA = True
except ImportError:
    HAS_KAFKA = False

# Seconds for one question.
PATIENCE = 10.0
_SLICE = 0.05
_QUIET = logging.getLogger("lossless.restart.kafka")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


def settings(
    servers: list[str], account: tuple[str, str] | None, mechanism: str, tls: Mapping[str, str]
) -> dict[str, Any]:
    """As librdkafka takes them (its CONFIGURATION.md)."""
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(servers),
        "client.id": "lossless.restart",
        "security.protocol": f"{'SASL_' if account else ''}{'SSL' if tls else 'PLAINTEXT'}",
        "socket.timeout.ms": int(PATIENCE * 1000),
        "reconnect.backoff.max.ms": 1000,
    }
    if account:
        found |= {"sasl.mechanism": mechanism, "sasl.username": account[0], "sasl.password": account[1]}
    names = {"ca": "ssl.ca.location", "cert": "ssl.certificate.location", "key": "ssl.key.location"}
    return {**found, **{names[name]: path for name, path in tls.items()}}


class Client:
    """An administrator's connection. It keeps what it heard of trouble, since a question by itself ends in silence."""

    def __init__(self, given: Mapping[str, Any], patience: float = PATIENCE) -> None:
        if not HAS_KAFKA:
            raise MqError(
                f"Kafka is asked by the Python library confluent-kafka, which is not on {os.uname().nodename}: "
                "pip install confluent-kafka"
            )
        self._servers = given["bootstrap.servers"]
        self._patience = patience
        self._heard: list[str] = []
        self._down = False
        try:
            heard: dict[str, Any] = {**given, "error_cb": self._hear}
            self._admin = admin.AdminClient(heard, logger=_QUIET)
        except KafkaException as error:
            raise MqError(f"{self._servers}: {error.args[0].str()}") from error

    def ask(self, what: str, *asked: Any, **more: Any) -> Any:
        """The result of one question, a future or several. Raises MqError."""
        self._down, self._heard, began = False, [], time.monotonic()
        result = getattr(self._admin, what)(*asked, request_timeout=self._patience, **more)
        futures = result if isinstance(result, dict) else {"": result}
        limit = began + self._patience + 2
        while not self._down and not all(one.done() for one in futures.values()) and time.monotonic() < limit:
            self._admin.poll(_SLICE)
        try:
            found = {key: one.result(timeout=0) for key, one in futures.items()}
        except Exception as error:  # whatever a broker refuses with, and a timeout
            raise MqError(f"{self._servers}: {self._why(error)}") from error
        return found if isinstance(result, dict) else found[""]

    def partitions(self, topics: set[str]) -> dict[str, list[int]]:
        """By topic its partitions. Raises MqError where one of them has no leader."""
        try:
            known = self._admin.list_topics(timeout=self._patience).topics
        except KafkaException as error:
            raise MqError(f"{self._servers}: {self._why(error)}") from error
        found = {name: one for name, one in known.items() if name in topics}
        for name, one in found.items():
            headless = [str(number) for number, partition in one.partitions.items() if partition.leader < 0]
            if headless:
                raise MqError(f"{self._servers}: partition {', '.join(headless)} of {name} has no leader now")
        return {name: sorted(one.partitions) for name, one in found.items()}

    def listed(self, group: str) -> Any:
        """The group as it is listed; None where all brokers list theirs, and it is none of them. Raises MqError."""
        found = self.ask("list_consumer_groups")
        here = [one for one in found.valid if one.group_id == group]
        if not here and found.errors:
            raise MqError(f"{self._servers}: {self._why(found.errors[0])}")
        return here[0] if here else None

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """By (topic, partition) the offset up to which the group has consumed."""
        found = self.ask("list_consumer_group_offsets", [ConsumerGroupTopicPartitions(group)])[group].topic_partitions
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

    def ends(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """By (topic, partition) the offset after the last message."""
        offered: Any = admin
        latest = offered.OffsetSpec.latest()
        asked = {TopicPartition(topic, number): latest for topic, number in places}
        found = self.ask("list_offsets", asked) if asked else {}
        return {(place.topic, place.partition): one.offset for place, one in found.items()}

    def _hear(self, error: Any) -> None:
        self._down = self._down or error.code() == KafkaError._ALL_BROKERS_DOWN
        self._heard = [*self._heard, str(error.str())][-3:]

    def _why(self, error: Exception) -> str:
        said = error.args[0].str() if isinstance(error, KafkaException) else type(error).__name__
        return "; ".join(dict.fromkeys(self._heard or [said]))[:400]
