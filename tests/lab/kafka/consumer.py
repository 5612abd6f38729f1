# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer of Kafka: each partition one message after the other, whose offset is committed once it is done.

Arguments: those of tests/lab/mq/worker.py, and servers, group, topic, protocol (classic or consumer), instance (where
it is a static member).
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from ..mq.worker import Worker, options

Place = tuple[str, int]
# Shorter than by default, so that a killed member is given up soon.
SESSION = 15000


class Lane:
    """The messages of one partition, in a thread of its own."""

    def __init__(self, link: KafkaLink) -> None:
        self._link = link
        self._waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, message: Message) -> None:
        self._waiting.put(message)

    def stop(self) -> None:
        """Once the one in hand is done; what waits is left to whoever is next."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                message = self._waiting.get(timeout=0.02)
            except queue.Empty:
                continue
            self._link.work(message)


class KafkaLink:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        asked = worker.options
        settings: dict[str, Any] = {
            "bootstrap.servers": asked["servers"],
            "group.id": asked["group"],
            "client.id": asked["name"],
            "group.protocol": asked["protocol"],
            # The library commits what is stored: each second, before it lets go of a partition, and at its end.
            "enable.auto.offset.store": False,
            "auto.commit.interval.ms": 1000,
            "auto.offset.reset": "earliest",
            **({"group.instance.id": asked["instance"]} if asked.get("instance") else {}),
        }
        if asked["protocol"] == "classic":
            settings |= {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": SESSION}
        self._consumer = Consumer(settings)
        self._consumer.subscribe([asked["topic"]], on_revoke=self._revoked, on_lost=self._lost)
        self._lanes: dict[Place, Lane] = {}
        # What was done and is to be stored, by the thread that polls: others wait for as long as a callback lasts.
        self._done: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._leaving, self._pausing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def work(self, message: Message) -> None:
        self._worker.handle((message.value() or b"").decode())
        self._done.put(message)

    def pause(self) -> None:
        self._pausing.set()

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join()
        self._stop(list(self._lanes))
        self._consumer.close()

    def _poll(self) -> None:
        while not self._leaving.is_set():
            self._store()
            if self._pausing.is_set():
                self._consumer.pause(self._consumer.assignment())
            message = self._consumer.poll(0.05)
            if message is None or message.error():
                continue
            place = (message.topic() or "", message.partition() or 0)
            if place not in self._lanes:
                self._lanes[place] = Lane(self)
            self._lanes[place].add(message)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._stop([(one.topic, one.partition) for one in partitions])

    _lost = _revoked

    def _stop(self, places: list[Place]) -> None:
        for place in places:
            if place in self._lanes:
                self._lanes.pop(place).stop()
        self._store()

    def _store(self) -> None:
        while not self._done.empty():
            message = self._done.get()
            # A partition that was lost has nothing to be stored in.
            with contextlib.suppress(KafkaException):
                self._consumer.store_offsets(message)


if __name__ == "__main__":
    Worker(options(), KafkaLink).serve()
