# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A topic with its consumers: name servers, brokers, three instances of an application."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..java import Place
from ..zookeeper import HOST
from .client import Consumer, Producer
from .server import Broker, NameServer, mqadmin

GROUP, TOPIC = "order-consumer", "orders"
QUEUES = 8


class Scene:
    """As tests/lab/mq/brokers.py has it."""

    kind = "rocketmq"

    def __init__(self, folder: Path, names: int, brokers: int, consumers: int, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.names = [NameServer(_made(folder / f"names-{number + 1}")) for number in range(names)]
        self.brokers = [Broker(_made(folder / f"broker-{number + 1}"), self.names) for number in range(brokers)]
        self.consumers = [self.consumer(f"order-{number + 1}", **settings) for number in range(consumers)]
        self.producers: list[Producer] = []

    @property
    def servers(self) -> list[str]:
        """The name servers as clients take them."""
        return [one.address for one in self.names]

    def consumer(self, name: str, group: str = GROUP, **settings: Any) -> Consumer:
        return Consumer(_made(self.folder / name), self.servers, group, TOPIC, **settings)

    def entry(self, consumer: Any) -> dict[str, Any]:
        return {"kind": self.kind, "servers": self.servers, "group": GROUP, "member": HOST, "client": consumer.name}

    def members(self) -> set[str]:
        return set(self.listed())

    def listed(self) -> list[str]:
        """In the order of the broker's tool, which lists nobody where the broker does not answer."""
        said = self.admin("consumerConnection", "-g", GROUP)
        return [line.split()[0].split("@")[1] for line in said.splitlines() if "@" in line.split(" ")[0]]

    def produce(self, count: int, rate: int = 0) -> Producer:
        """A producer that has been started; its end is to be waited for."""
        name = f"send-{len(self.producers) + 1}"
        self.producers.append(Producer(_made(self.folder / name), self.servers, TOPIC, count, rate))
        self.producers[-1].launch()
        return self.producers[-1]

    def admin(self, *words: str) -> str:
        """RocketMQ's own tool, on the first name server."""
        return mqadmin(self.folder, *words, "-n", self.servers[0])

    def start(self) -> None:
        for servers in (self.names, self.brokers):
            for one in servers:
                one.launch()
            for one in servers:
                one.wait()
        self.admin("updateTopic", "-c", "lab", "-t", TOPIC, "-r", str(QUEUES), "-w", str(QUEUES))
        for consumer in self.consumers:
            consumer.launch()
        for consumer in self.consumers:
            consumer.wait()

    def stop(self) -> None:
        for server in [*self.producers, *self.consumers, *self.brokers, *self.names]:
            server.kill()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextlib.contextmanager
def rocketmq(
    folder: Path | None = None, *, names: int = 1, brokers: int = 1, consumers: int = 3, **settings: Any
) -> Iterator[Scene]:
    """All of it inside the block; settings: of the consumers."""
    with Place(folder, "rocketmq") as where:
        scene = Scene(where, names, brokers, consumers, settings)
        try:
            scene.start()
            yield scene
        finally:
            scene.stop()
