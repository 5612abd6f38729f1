# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A queue with its consumers: a broker, and instances of an application in Python."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..mq.application import answers
from ..mq.worker import command
from ..nginx import free_port
from ..process import Place, Process
from ..zookeeper import HOST
from .server import PASSWORD, USER, Broker

GROUP, QUEUE = "order-consumer", "orders"
PREFETCH = 20
_NAME = re.compile(r'"connection_name","([^"]*)"')


class Consumer(Process):
    """One instance of the application. It keeps its name, port and journal when it is started again."""

    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        self.http_port = free_port()
        self.journal = folder / "journal.jsonl"
        mine = {"name": folder.name, "journal": str(self.journal), "http": str(self.http_port)}
        words = command("rabbitmq.consumer", {**mine, "prefetch": str(PREFETCH), **options})
        super().__init__(folder.name, folder, words, lambda: answers(self))


class Producer(Process):
    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        self._sent = folder / "sent.txt"
        words = command("rabbitmq.producer", {"prefix": folder.name, "sent": str(self._sent), **options})
        super().__init__(folder.name, folder, words, lambda: True)

    def sent(self) -> list[str]:
        """The ids that the broker has taken."""
        return self._sent.read_text().splitlines() if self._sent.exists() else []


class Scene:
    """As tests/lab/mq/brokers.py has it. password: a file with the user's."""

    kind = "rabbitmq"

    def __init__(self, folder: Path, consumers: int, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.broker = Broker(_made(folder / "broker"))
        self.password = folder / "password"
        self.password.write_text(f"{USER}:{PASSWORD}\n")
        self.password.chmod(0o600)
        self._common = {"port": str(self.broker.port), "user": USER, "password": PASSWORD, "queue": QUEUE}
        self.consumers = [self.consumer(f"order-{number + 1}", **settings) for number in range(consumers)]
        self.producers: list[Producer] = []

    def consumer(self, name: str, **settings: Any) -> Consumer:
        return Consumer(_made(self.folder / name), {**self._common, **settings})

    def entry(self, consumer: Any) -> dict[str, Any]:
        return {
            **{"kind": self.kind, "servers": [self.broker.api], "group": GROUP, "queues": [QUEUE]},
            **{"auth": {"file": str(self.password)}, "member": HOST, "client": consumer.name},
        }

    def produce(self, count: int, rate: int = 0) -> Producer:
        """A producer that has been started; its end is to be waited for."""
        asked = {**self._common, "count": str(count), "rate": str(rate)}
        self.producers.append(Producer(_made(self.folder / f"send-{len(self.producers) + 1}"), asked))
        self.producers[-1].launch()
        return self.producers[-1]

    def members(self) -> set[str]:
        holders = dict(self._rows("list_channels", "pid", "connection"))
        named = dict(self._rows("list_connections", "pid", "client_properties"))
        consuming = [channel for _queue, channel in self._rows("list_consumers", "queue_name", "channel_pid")]
        return {name for channel in consuming for name in _NAME.findall(named[holders[channel]])}

    def _rows(self, *words: str) -> list[list[str]]:
        return [line.split("\t") for line in self.broker.control("--no-table-headers", *words).splitlines()]

    def start(self) -> None:
        self.broker.start()
        self.broker.ask(f"queues/%2F/{QUEUE}", "PUT", {"durable": True})
        for consumer in self.consumers:
            consumer.launch()
        for consumer in self.consumers:
            consumer.wait()

    def stop(self) -> None:
        for server in [*self.producers, *self.consumers, self.broker]:
            server.kill()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextlib.contextmanager
def rabbitmq(folder: Path | None = None, *, consumers: int = 3, **settings: Any) -> Iterator[Scene]:
    """All of it inside the block; settings: of the consumers."""
    with Place(folder, "rabbitmq") as where:
        scene = Scene(where, consumers, settings)
        try:
            scene.start()
            yield scene
        finally:
            scene.stop()
