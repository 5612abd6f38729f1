# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kafka's own brokers on loopback: one that leads the cluster as well, and others beside it."""

from __future__ import annotations

import contextlib
import itertools
import logging
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ..java import OPTIONS, Server, jars, program
from ..nginx import free_port
from ..process import Process
from ..zookeeper import HOST

PROFILE = "kafka-4"
QUIET = logging.getLogger("lab.kafka")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
CONFIG = """\
process.roles={roles}
node.id={node}
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners={listeners}
advertised.listeners={advertised}
log.dirs={folder}/data
offsets.topic.num.partitions=4
offsets.topic.replication.factor={copies}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr=1
default.replication.factor={copies}
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
"""


class Broker(Server):
    """node: 1 for the one that leads. controller: the port of that one's other listener. copies: of every partition."""

    def __init__(
        self,
        folder: Path,
        node: int,
        cluster: str,
        controller: int,
        copies: int,
        *,
        guarded: Mapping[str, int] | None = None,
        more: str = "",
    ) -> None:
        """guarded: other listeners, by their protocol the port. more: lines of its configuration."""
        self.port = free_port()
        leads = node == 1
        listeners = [f"PLAINTEXT://{HOST}:{self.port}", *([f"CONTROLLER://{HOST}:{controller}"] if leads else [])]
        others = [f"{name}://{HOST}:{port}" for name, port in (guarded or {}).items()]
        self._config = folder / "server.properties"
        self._config.write_text(
            CONFIG.format(
                roles="broker,controller" if leads else "broker",
                node=node,
                controller=controller,
                listeners=",".join([*listeners, *others]),
                advertised=",".join([listeners[0], *others]),
                folder=folder,
                copies=copies,
            )
            + more
        )
        run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._config))
        words = ["-Xmx384m", "kafka.Kafka", str(self._config)]
        super().__init__(folder.name, folder, PROFILE, words, lambda: serves(self.address, node))

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


def new_cluster() -> str:
    """An id for one; as Kafka's own never begins with a dash, which its tools take for an option."""
    made = (urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _unused in itertools.count())
    return next(name for name in made if not name.startswith("-"))


def serves(address: str, node: int) -> bool:
    """Whether the broker knows itself to be one of the cluster's."""
    try:
        return node in admin(address).list_topics(timeout=2).brokers
    except KafkaException:
        return False


def admin(address: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": address}, logger=QUIET)


@contextlib.contextmanager
def sharing(servers: Sequence[str], topic: str, group: str, folder: Path) -> Iterator[None]:
    """Kafka's own consumer of a share group inside the block."""
    command = [program("java"), *OPTIONS, "-cp", f"{jars(PROFILE)}/*"]
    command += ["org.apache.kafka.tools.consumer.ConsoleShareConsumer", "--bootstrap-server", ",".join(servers)]
    one = Process("sharing", folder, [*command, "--topic", topic, "--group", group], lambda: True)
    one.log = folder / "sharing.log"
    try:
        one.launch()
        yield
    finally:
        one.kill()


def run(*words: str) -> str:
    """What one of Kafka's own tools prints. Raises where it fails."""
    command = [program("java"), *OPTIONS, "-cp", f"{jars(PROFILE)}/*", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout
