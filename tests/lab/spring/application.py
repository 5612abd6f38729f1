# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The application's process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..java import Server, classes
from ..mq import JAVA
from ..mq.application import answers, url
from ..mq.worker import LEAST, MOST
from ..nginx import free_port
from ..zookeeper import HOST

PROFILE = "spring-3"
SOURCES = Path(__file__).parent / "java"
# As Spring Cloud Stream names what comes in to the function `order`.
BINDING = "order-in-0"


class Application(Server):
    """Consumes a topic of Kafka in a group; it keeps its name, port and journal when it is started again."""

    def __init__(self, folder: Path, servers: Sequence[str], group: str, topic: str) -> None:
        self.http_port = free_port()
        self.journal = folder / "journal.jsonl"
        stream, own = "spring.cloud.stream", f"spring.cloud.stream.kafka.bindings.{BINDING}.consumer"
        settings = {
            "server.address": HOST,
            "server.port": self.http_port,
            "management.endpoints.web.exposure.include": "health,bindings",
            f"{stream}.bindings.{BINDING}.destination": topic,
            f"{stream}.bindings.{BINDING}.group": group,
            f"{stream}.kafka.binder.brokers": ",".join(servers),
            f"{own}.start-offset": "earliest",
            f"{own}.configuration.client.id": folder.name,
            # What it has taken it finishes before it leaves, for which it has ten seconds.
            f"{own}.configuration.max.poll.records": 10,
            f"{own}.configuration.partition.assignment.strategy": (
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
            ),
            **{"lab.journal": self.journal, "lab.name": folder.name, "lab.least": LEAST, "lab.most": MOST},
        }
        words = ["-Xmx128m", "lab.Application", *(f"--{name}={value}" for name, value in settings.items())]
        super().__init__(folder.name, folder, PROFILE, words, lambda: answers(self), classes(PROFILE, SOURCES, JAVA))

    @property
    def client(self) -> str:
        """As Spring names the client of its first thread."""
        return f"{self.name}-0"

    @property
    def bindings(self) -> str:
        return url(self, "actuator/bindings")
