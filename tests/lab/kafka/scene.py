# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A topic with its consumers: brokers, and instances of an application in Python."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka.cimpl import NewTopic

from ..mq.application import answers
from ..mq.worker import command
from ..nginx import free_port
from ..process import Place, Process
from ..zookeeper import HOST
from .server import Broker, admin, new_cluster, run

GROUP, TOPIC = "order-consumer", "orders"
PARTITIONS = 24
_COMMAND = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


class Consumer(Process):
    """One instance of the application. It keeps its name, port and journal when it is started again."""

    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        self.http_port = free_port()
        self.journal = folder / "journal.jsonl"
        mine = {"name": folder.name, "journal": str(self.journal), "http": str(self.http_port)}
        words = command("kafka.consumer", {**mine, **options})
        super().__init__(folder.name, folder, words, lambda: answers(self))


class Producer(Process):
    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        self._sent = folder / "sent.txt"
        words = command("kafka.producer", {"prefix": folder.name, "sent": str(self._sent), **options})
        super().__init__(folder.name, folder, words, lambda: True)

    def sent(self) -> list[str]:
        """The ids that the broker has taken."""
        return self._sent.read_text().splitlines() if self._sent.exists() else []


class Scene:
    """As tests/lab/mq/brokers.py has it. protocol: of the group, classic or consumer (KIP-848)."""

    kind = "kafka"

    def __init__(self, folder: Path, brokers: int, consumers: int, protocol: str, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.protocol = protocol
        cluster, controller = new_cluster(), free_port()
        self.brokers = [
            Broker(_made(folder / f"broker-{number}"), number, cluster, controller, brokers)
            for number in range(1, brokers + 1)
        ]
        self.consumers = [self.consumer(f"order-{number + 1}", **settings) for number in range(consumers)]
        self.producers: list[Producer] = []

    @property
    def servers(self) -> list[str]:
        return [one.address for one in self.brokers]

    def consumer(self, name: str, group: str = GROUP, **settings: Any) -> Consumer:
        asked = {"servers": ",".join(self.servers), "group": group, "topic": TOPIC, "protocol": self.protocol}
        return Consumer(_made(self.folder / name), {**asked, **settings})

    def entry(self, consumer: Any) -> dict[str, Any]:
        return {"kind": self.kind, "servers": self.servers, "group": GROUP, "member": HOST, "client": consumer.name}

    def produce(self, count: int, rate: int = 0) -> Producer:
        """A producer that has been started; its end is to be waited for."""
        asked = {"servers": ",".join(self.servers), "topic": TOPIC, "count": str(count), "rate": str(rate)}
        self.producers.append(Producer(_made(self.folder / f"send-{len(self.producers) + 1}"), asked))
        self.producers[-1].launch()
        return self.producers[-1]

    def admin(self, *words: str) -> str:
        """Kafka's own tool for groups."""
        return run(_COMMAND, "--bootstrap-server", ",".join(self.servers), *words)

    def listing(self) -> str:
        """All groups of any type, as Kafka's own tool prints them."""
        return run("org.apache.kafka.tools.GroupsCommand", "--bootstrap-server", ",".join(self.servers), "--list")

    def members(self) -> set[str]:
        return set(self.listed())

    def listed(self) -> list[str]:
        """Also one that is there twice, since its former connection is not given up yet."""
        said = self.admin("--describe", "--group", GROUP, "--members")
        rows = [line.split() for line in said.splitlines()]
        # Static members have a column more.
        (place,) = [row.index("CLIENT-ID") for row in rows if "CLIENT-ID" in row] or [0]
        return [row[place] for row in rows if row[:1] == [GROUP]]

    def start(self) -> None:
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait()
        topic = NewTopic(TOPIC, PARTITIONS, len(self.brokers))
        client = admin(",".join(self.servers))
        for made in client.create_topics([topic]).values():
            made.result(30)
        for consumer in self.consumers:
            consumer.launch()
        for consumer in self.consumers:
            consumer.wait()

    def stop(self) -> None:
        for server in [*self.producers, *self.consumers, *reversed(self.brokers)]:
            server.kill()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextlib.contextmanager
def kafka(
    folder: Path | None = None, *, brokers: int = 1, consumers: int = 3, protocol: str = "classic", **settings: Any
) -> Iterator[Scene]:
    """All of it inside the block; settings: of the consumers."""
    with Place(folder, "kafka") as where:
        scene = Scene(where, brokers, consumers, protocol, settings)
        try:
            scene.start()
            yield scene
        finally:
            scene.stop()
