# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's Dubbo: that consumers lose what a kill loses, and nothing where a provider leaves before it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests import lab
from tests.lab.demo import wait_for
from tests.lab.dubbo import ECHO, ECHO2, LEVELS, Provider, Scene, address
from tests.lab.dubbo.truth import children, failed, levels, so_far

# Nobody calls a provider any more that was not called for so long, in seconds.
QUIET = 1.5
# What takes a provider out without a loss; see QoS.
LEAVE = {"3.3": "gracefulShutdown", "2.7": "offline"}


@pytest.fixture(scope="module", params=["3.3", pytest.param("2.7", marks=pytest.mark.variant)])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with lab.dubbo(tmp_path_factory.mktemp("dubbo"), version=request.param) as found:
        yield found


@pytest.fixture
def scene(started: Scene) -> Scene:
    started.complete()
    return started


@pytest.fixture
def registry(scene: Scene) -> Iterator[KazooClient]:
    client = KazooClient(scene.zookeeper.hosts)
    client.start(30)
    yield client
    client.stop()
    client.close()


def quiet(provider: Provider) -> bool:
    status = provider.status()
    return not status["in_flight"] and time.time() - status["last"] / 1000 > QUIET


def test_every_level_is_registered(scene: Scene, registry: KazooClient) -> None:
    """Two services, by one node for each protocol; and by one node for the instance."""
    for provider in scene.providers:
        expected = {"interface": 2 * len(provider.ports), "application": 1}
        assert levels(registry, provider) == {level: expected[level] for level in LEVELS[scene.version]}


def test_registries_groups_and_protocols(scene: Scene, registry: KazooClient) -> None:
    """A provider in two groups, called through the second one, by a service's own group, version and last protocol.

    Apart from the others: they would miss who is killed here.
    """
    blue, green = (address(scene.zookeeper, group) for group in ("blue", "green"))
    protocol = list(scene.providers[0].ports)[-1]
    common: dict[str, Any] = {"version": scene.version}
    with (
        lab.dubbo_provider([blue, green], services=[ECHO, ECHO2], **common) as provider,
        lab.dubbo_consumer([green], service=ECHO2, protocol=protocol, level="interface", **common) as consumer,
    ):
        consumer.wait_calls(10, provider.name)
        for group in ("blue", "green"):
            assert len(children(registry, f"/{group}/lab.Echo2/providers")) == len(provider.ports)
        result = consumer.finish()
        calls, served = consumer.calls(), provider.served()
    number = len(calls)
    expected = {"sent": number, "ok": number, "failed": 0, "reasons": {}, "providers": {provider.name: number}}
    assert result == expected
    assert sorted(call.id for call in calls) == sorted(one.id for one in served)
    assert {(one.service, one.pid) for one in served} == {(ECHO2, calls[0].pid)}


def test_who_leaves_before_the_kill_loses_nothing(scene: Scene, registry: KazooClient) -> None:
    leaver = scene.providers[0]
    before = so_far(scene)
    status, answer = leaver.qos(LEAVE[scene.version])
    assert (status, answer.strip()) == (200, "OK")
    wait_for("gone from the registry", lambda: not levels(registry, leaver), 30)
    wait_for("not called any more", lambda: quiet(leaver), 30)
    leaver.kill()
    assert failed(scene, before) == {consumer.name: {} for consumer in scene.consumers}


def test_a_kill_alone_loses_calls(scene: Scene) -> None:
    """Of every consumer; a lab in which it does not proves nothing."""
    before = so_far(scene)
    scene.providers[1].kill()
    lost = failed(scene, before)
    assert all(lost.values()), lost
