# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""mq_consumer_info on real brokers: who is in a group, and what is wrong with where or what was asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.mq_groups import LABS, Groups, groups, member
from tests.lab import adhoc
from tests.lab.nginx import free_port
from tests.lab.tls import Authority
from tests.lab.zookeeper import HOST

pytestmark = pytest.mark.timeout(600)
# Nothing of the sort is a name or password that anybody would use.
SECRET = "hunter2-is-secret"


@pytest.fixture(scope="module", params=LABS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    with groups(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


def at(found: Groups, address: str) -> list[str]:
    """As the brokers' address."""
    return [f"http://{address}" if found.scene.kind == "rabbitmq" else address]


def test_who_is_in_a_group(found: Groups) -> None:
    members = [member(one) for one in found.consumers]
    result = found.info(members=members, source="the brokers")
    assert not result.get("failed") and result["state"] == "stable" and result["unheld"] == [], result
    listed = {one["names"][-1 if found.scene.kind == "rocketmq" else 0] for one in result["consumers"]}
    assert listed == found.scene.members() == {one.name for one in found.consumers}
    (reading,) = result["readings"]
    assert {one["member"]: one["state"] for one in reading["members"]} == dict.fromkeys(members, "up")


def test_who_is_no_member_is_named(found: Groups) -> None:
    """The guard refuses what the inventory does not have."""
    (reading,) = found.info(members=[member(found.consumers[0])], source="the brokers")["readings"]
    assert len(reading["members"]) == 3


def refused(found: Groups, *said: str, **more: object) -> None:
    result = found.info(**more)
    assert result.get("failed") and all(part in result["msg"] for part in said), result["msg"]
    assert SECRET not in str(result)


def test_a_group_that_is_nowhere(found: Groups) -> None:
    if found.scene.kind == "rabbitmq":
        refused(found, "has no queue 'nowhere'", queues=["nowhere"])
        refused(found, "the virtual host 'nowhere'", vhost="nowhere")
    else:
        refused(found, "nowhere", group="nowhere")


def test_a_port_that_nobody_listens_on(found: Groups) -> None:
    address = f"{HOST}:{free_port()}"
    refused(found, address, "refused", servers=at(found, address))


def test_a_port_that_speaks_http(found: Groups) -> None:
    address = f"{HOST}:{found.consumers[0].http_port}"
    refused(found, address, servers=at(found, address))


def test_tls_where_there_is_none(found: Groups, tmp_path: Path) -> None:
    ca = str(Authority(tmp_path).ca)
    servers = found.asked(found.consumers[0])["servers"]
    refused(found, servers=[one.replace("http:", "https:") for one in servers], tls={"ca": ca})


@contextlib.contextmanager
def encrypted(folder: Path) -> Iterator[str]:
    """A double of a port that speaks TLS alone: its address."""
    certificate, key, _both = Authority(folder).issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _address = listener.accept()
                    with line, contextlib.suppress(OSError):
                        context.wrap_socket(line, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"{HOST}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_port_that_speaks_tls_asked_in_plain(found: Groups, tmp_path: Path) -> None:
    with encrypted(tmp_path) as address:
        refused(found, address, servers=at(found, address))


def test_a_wrong_password_is_shown_nowhere(found: Groups, tmp_path: Path) -> None:
    """Brokers that want none take any; what matters is that it is not in what is printed."""
    password = tmp_path / "password"
    password.write_text(f"lab:{SECRET}\n")
    password.chmod(0o600)
    asked = found.asked(found.consumers[0], auth={"file": str(password)})
    line, environment = adhoc.command("mq_consumer_info", asked, None, "-vvv")
    text = adhoc.printed(line, environment)
    assert SECRET not in text and '"msg": ' in text, text
    if found.scene.kind == "rabbitmq":
        assert "refuses the user 'lab' (401): look at auth: file" in text, text
    password.chmod(0o644)
    refused(found, str(password), auth={"file": str(password)})
