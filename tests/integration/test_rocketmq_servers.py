# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RocketMQ's servers when some of them are away, and when they want to know who asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests import lab
from tests.lab.demo import wait_for
from tests.lab.rocketmq.client import Consumer, Producer
from tests.lab.rocketmq.scene import GROUP
from tests.lab.rocketmq.server import BEFORE, PROFILE, Broker, NameServer

pytestmark = pytest.mark.timeout(600)
USER, PASSWORD = "lab-user", "lab-secret"
# Who asks has to prove who that is: as of version 5, and as of those before.
KNOWN = f"""
authenticationEnabled=true
authenticationProvider=org.apache.rocketmq.auth.authentication.provider.DefaultAuthenticationProvider
authenticationMetadataProvider=org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider
initAuthenticationUser={{"username":"{USER}","password":"{PASSWORD}"}}
innerClientAuthenticationCredentials={{"accessKey":"{USER}","secretKey":"{PASSWORD}"}}
"""
KNOWN_BEFORE = "\naclEnable=true\n"
ACCOUNTS = f"accounts:\n- accessKey: {USER}\n  secretKey: {PASSWORD}\n  admin: true\n"


def info(servers: list[str], **more: Any) -> dict[str, Any]:
    return _local.run("mq_consumer_info", {"broker": "rocketmq", "servers": servers, "group": GROUP, **more}, False)


def test_servers_that_are_away(tmp_path: Path) -> None:
    """One of two name servers is enough. What a broker that has died holds is not nothing."""
    with lab.rocketmq(tmp_path, names=2, brokers=2, consumers=2) as scene:

        def complete() -> bool:
            found = info(scene.servers)
            return not found.get("failed") and found["state"] == "stable" and not found["unheld"]

        wait_for("all to be held", complete, 90, 0.5)
        found = info(scene.servers)
        places = {share.split("/")[1] for one in found["consumers"] for share in one["holds"]}
        assert places == {"broker-1", "broker-2"} and not found["warnings"]

        scene.names[0].kill()
        found = info(scene.servers)
        assert not found.get("failed") and found["state"] == "stable" and len(found["consumers"]) == 2
        assert any(scene.servers[0] in warning for warning in found["warnings"])

        scene.brokers[1].kill()
        found = info(scene.servers)
        assert found["failed"] and "broker-2" in found["msg"], found["msg"]


@contextlib.contextmanager
def guarded(folder: Path, profile: str) -> Iterator[NameServer]:
    """A broker that wants to know who asks, with a consumer whom it knows."""
    with contextlib.ExitStack() as stack:
        for name in ("names", "broker", "sender", GROUP):
            (folder / name).mkdir()
        names = NameServer(folder / "names", profile=profile)
        stack.callback(names.kill)
        names.start()
        broker = Broker(folder / "broker", [names], KNOWN_BEFORE if profile == BEFORE else KNOWN, profile=profile)
        (broker.folder / "conf" / "plain_acl.yml").write_text(ACCOUNTS)
        stack.callback(broker.kill)
        broker.start()
        who = {"user": USER, "password": PASSWORD}
        producer = Producer(folder / "sender", [names.address], "orders", 1, more=who)
        stack.callback(producer.kill)
        producer.start()
        wait_for("the topic", lambda: not producer.alive, 60)
        consumer = Consumer(folder / GROUP, [names.address], GROUP, "orders", more=who)
        stack.callback(consumer.kill)
        consumer.start()
        yield names


@pytest.mark.parametrize("profile", [PROFILE, BEFORE])
def test_who_asks_has_to_prove_it(tmp_path: Path, profile: str) -> None:
    """On 5.4 and on 4.9."""
    password = tmp_path / "password"

    def asked(text: str) -> dict[str, Any]:
        password.write_text(f"{text}\n")
        password.chmod(0o600)
        return info([names.address], auth={"file": str(password)})

    with guarded(tmp_path, profile) as names:
        right = f"{USER}:{PASSWORD}"
        wait_for("the consumer in its group", lambda: not asked(right).get("failed"), 60, 0.5)
        wait_for("its queues", lambda: asked(right)["unheld"] == [], 60, 0.5)
        assert [one["names"][-1] for one in asked(right)["consumers"]] == [GROUP]
        for text, said in (
            (f"{USER}:wrong-{PASSWORD}", f"refuses the access key '{USER}'"),
            (f"nobody:{PASSWORD}", "refuses the access key 'nobody'"),
        ):
            found = asked(text)
            assert found["failed"] and said in found["msg"] and PASSWORD not in str(found), found["msg"]
        found = info([names.address])
        assert found["failed"] and "refuses requests without auth" in found["msg"], found["msg"]
