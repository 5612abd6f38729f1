# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brokers that speak TLS, and Kafka where it wants to know who asks.

That a group is not there is the answer of a broker that was reached: it has none.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests.lab.kafka.server import Broker as Kafka
from tests.lab.kafka.server import new_cluster
from tests.lab.nginx import free_port, until
from tests.lab.rabbitmq.server import PASSWORD, USER
from tests.lab.rabbitmq.server import Broker as RabbitMQ
from tests.lab.rocketmq.server import NameServer
from tests.lab.tls import Authority
from tests.lab.zookeeper import HOST

pytestmark = pytest.mark.timeout(300)
KAFKA = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={pem}
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_{user}="{password}";
"""
RABBITMQ = """
management.ssl.ip = 127.0.0.1
management.ssl.port = {port}
management.ssl.cacertfile = {ca}
management.ssl.certfile = {certificate}
management.ssl.keyfile = {key}
"""


def ask(broker: str, server: str, **more: Any) -> str:
    """Why it fails."""
    found = _local.run("mq_consumer_info", {"broker": broker, "servers": [server], "group": "orders", **more}, False)
    assert found["failed"] and PASSWORD not in str(found), found
    return str(found["msg"])


def secret(folder: Path, text: str) -> dict[str, str]:
    path = folder / "password"
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    return {"file": str(path)}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, str]:
    """As the option tls: an authority that has signed nothing here."""
    return {"ca": str(Authority(tmp_path / "stranger").ca)}


@contextlib.contextmanager
def kafka(folder: Path, authority: Authority, ports: dict[str, int]) -> Iterator[None]:
    folder.mkdir()
    more = KAFKA.format(pem=authority.issue("kafka")[2], user=USER, password=PASSWORD)
    broker = Kafka(folder, 1, new_cluster(), free_port(), 1, guarded=ports, more=more)
    try:
        broker.start()
        yield
    finally:
        broker.kill()


def test_kafka(tmp_path: Path, authority: Authority, stranger: dict[str, str]) -> None:
    ports = {"SSL": free_port(), "SASL_SSL": free_port()}
    encrypted, known = (f"{HOST}:{port}" for port in ports.values())
    tls = {"ca": str(authority.ca)}
    with kafka(tmp_path / "kafka", authority, ports):
        assert "lists no such group" in ask("kafka", encrypted, tls=tls)
        assert "certificate verify failed" in ask("kafka", encrypted, tls=stranger)
        assert encrypted in ask("kafka", encrypted)
        right = secret(tmp_path, f"{USER}:{PASSWORD}")
        assert "lists no such group" in ask("kafka", known, tls=tls, auth=right)
        wrong = secret(tmp_path, f"{USER}:wrong-{PASSWORD}")
        said = ask("kafka", known, tls=tls, auth=wrong)
        assert "uthentication failed" in said and "wrong" not in said, said


def test_rabbitmq(tmp_path: Path, authority: Authority, stranger: dict[str, str]) -> None:
    port, (certificate, key, _both) = free_port(), authority.issue("rabbitmq")
    folder = tmp_path / "rabbitmq"
    folder.mkdir()
    more = RABBITMQ.format(port=port, ca=authority.ca, certificate=certificate, key=key)
    broker, server = RabbitMQ(folder, more), f"https://{HOST}:{port}"
    asked: dict[str, Any] = {"queues": ["orders"], "auth": secret(tmp_path, f"{USER}:{PASSWORD}")}
    try:
        broker.start()
        # The listeners open one after the other, and the broker waits for the plain one only.
        until(lambda: socket.socket().connect_ex((HOST, port)) == 0)
        assert "has no queue 'orders'" in ask("rabbitmq", server, tls={"ca": str(authority.ca)}, **asked)
        assert "certificate verify failed" in ask("rabbitmq", server, tls=stranger, **asked)
        assert server.replace("https", "http") in ask("rabbitmq", server.replace("https", "http"), **asked)
    finally:
        broker.kill()


def test_rocketmq(tmp_path: Path, authority: Authority, stranger: dict[str, str]) -> None:
    certificate, key, _both = authority.issue("rocketmq")
    folder = tmp_path / "names"
    folder.mkdir()
    options = ["-Dtls.enable=true", "-Dtls.test.mode.enable=false", "-Dtls.server.mode=permissive"]
    options += [f"-Dtls.server.certPath={certificate}", f"-Dtls.server.keyPath={key}", "-Dtls.config.file=/nowhere"]
    names = NameServer(folder, options)
    try:
        names.start()
        assert "list no broker with such a group" in ask("rocketmq", names.address, tls={"ca": str(authority.ca)})
        assert "its certificate is refused" in ask("rocketmq", names.address, tls=stranger)
    finally:
        names.kill()
