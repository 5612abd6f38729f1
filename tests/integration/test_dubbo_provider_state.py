# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_state on real providers of 3.3 and 2.7, while consumers account for every call.

Whoever is out is killed at once, so that nothing but the module can have kept the calls. What became of a call is asked
of the consumers, what is registered of the registry and of the lab's own QoS client; never of the module.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _answer
from ansible_collections.lossless.restart.plugins.modules import dubbo_provider_state
from kazoo.client import KazooClient

from tests import lab
from tests.lab import adhoc
from tests.lab.demo import wait_for
from tests.lab.dubbo import ECHO, ECHO2, Provider, Scene
from tests.lab.dubbo.truth import children, client, failed, levels, so_far
from tests.lab.nginx import free_port

WAY = {"3.3": "graceful", "2.7": "qos"}
# Consumers of 2.7 hear at once; those of 3.3 get what they need by default.
SETTLE = {"3.3": None, "2.7": 1.0}


@dataclass
class Fleet:
    scene: Scene
    registry: KazooClient

    def asked(self, state: str, provider: Provider, **params: Any) -> dict[str, Any]:
        """The module's arguments, for both halves."""
        return {
            "state": state,
            "qos": provider.qos_port,
            "registries": [f"zookeeper://{self.scene.zookeeper.hosts}"],
            "application": provider.application,
            "members": [provider.address()],
            **params,
        }

    def state(self, state: str, provider: Provider, check: bool = False, **params: Any) -> dict[str, Any]:
        """What the module answers, in this process."""
        defaults = {name: one.get("default") for name, one in dubbo_provider_state.SPEC["argument_spec"].items()}
        return _answer.of(dubbo_provider_state.run, {**defaults, **self.asked(state, provider, **params)}, check)

    def done(self, state: str, provider: Provider, **params: Any) -> dict[str, Any]:
        result = self.state(state, provider, **params)
        assert not result.get("failed"), result["msg"]
        return result

    def tree(self) -> set[str]:
        """Every node of the registry that a provider made."""
        folders = [f"/dubbo/{interface}/providers" for interface in ("lab.Echo", "lab.Echo2")]
        folders += [f"/services/{self.scene.providers[0].application}"]
        return {f"{folder}/{name}" for folder in folders for name in children(self.registry, folder)}

    def sessions(self, provider: Provider) -> set[int]:
        """Whose the provider's nodes are."""
        ports = provider.ports.values()
        own = [path for path in self.tree() if any(f":{port}/" in f"{unquote(path)}/" for port in ports)]
        found = [self.registry.exists(path) for path in own]
        return {stat.ephemeralOwner for stat in found if stat is not None}

    def called(self, provider: Provider) -> None:
        """Wait until every consumer calls it."""
        for consumer in self.scene.consumers:
            consumer.wait_calls(5, provider.name, 120)


@contextlib.contextmanager
def called(version: str, folders: pytest.TempPathFactory) -> Iterator[Fleet]:
    """3.3 serves by dubbo and tri, and a consumer more calls by the latter."""
    with contextlib.ExitStack() as stack:
        scene = stack.enter_context(lab.dubbo(folders.mktemp("dubbo"), version=version))
        if version == "3.3":
            caller = lab.dubbo_consumer(
                scene.registries, folders.mktemp("tri"), name="tri-caller", protocol="tri", level="interface"
            )
            scene.consumers.append(stack.enter_context(caller))
        yield Fleet(scene, stack.enter_context(client(scene.zookeeper.hosts)))


@pytest.fixture(scope="module", params=["3.3", "2.7"])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with called(request.param, tmp_path_factory) as found:
        yield found


@pytest.fixture
def fleet(started: Fleet) -> Fleet:
    started.scene.complete()
    return started


@pytest.fixture
def provider(fleet: Fleet) -> Provider:
    return fleet.scene.providers[0]


def idle(provider: Provider) -> list[dict[str, Any]]:
    return [{"url": f"{provider.url('status')}/status", "expect": {"in_flight": 0}}]


def test_check_mode_changes_nothing(fleet: Fleet, provider: Provider) -> None:
    tree, said = fleet.tree(), provider.published()
    result = adhoc.call("dubbo_provider_state", fleet.asked("out", provider), adhoc.HERE, "--check")
    assert not result["failed"], result["msg"]
    assert (result["changed"], result["chose"]) == (True, WAY[fleet.scene.version])
    assert (fleet.tree(), provider.published()) == (tree, said)
    assert "true" not in json.dumps(result["after"]["services"])
    assert not fleet.done("in", provider)["changed"]


def test_out_kill_restart_in(fleet: Fleet, provider: Provider) -> None:
    """And a service that a person had taken offline stays so, though the new process registered it."""
    since, whole = so_far(fleet.scene), levels(fleet.registry, provider)
    provider.qos(f"offline?x={'lab.Echo2' if fleet.scene.version == '2.7' else ECHO2}")
    wait_for("one to be offline", lambda: "Y" not in provider.published()[ECHO2], 30)
    taken = fleet.done("out", provider, idle=idle(provider), settle=SETTLE[fleet.scene.version])
    provider.kill()
    assert not levels(fleet.registry, provider)
    assert taken["changed"] and taken["chose"] == WAY[fleet.scene.version]
    assert all(node["after"] is not None for node in taken["gone"]) and taken["gone"]
    assert failed(fleet.scene, since) == {consumer.name: {} for consumer in fleet.scene.consumers}

    provider.start()
    back = fleet.done("in", provider, before=taken["before"])
    assert back["changed"]
    assert "Y" not in provider.published()[ECHO2] and "N" not in provider.published()[ECHO]
    fleet.called(provider)
    assert not fleet.done("in", provider, before=taken["before"])["changed"]
    provider.qos("online")
    wait_for("all of it", lambda: levels(fleet.registry, provider) == whole, 30)
    assert failed(fleet.scene, since) == {consumer.name: {} for consumer in fleet.scene.consumers}


def test_out_by_halves_and_twice_and_in_without_a_restart(fleet: Fleet, provider: Provider) -> None:
    """As where the instance's host has no kazoo: seen there, told here, proved there."""
    since, tree = so_far(fleet.scene), fleet.tree()
    seen = fleet.done("out", provider, qos=None, check=True)["before"]
    told = fleet.done("out", provider, registries=None, members=[])
    settle = SETTLE[fleet.scene.version]
    proved = fleet.done("out", provider, qos=None, before=seen, via=told["chose"], settle=settle)
    assert told["changed"] and not proved["changed"]
    assert sorted(seen["members"]) == [provider.address()] and not levels(fleet.registry, provider)
    assert len(tree - fleet.tree()) == len(seen["members"][provider.address()]["nodes"])
    before = {**seen, **told["before"]}

    out = (fleet.tree(), provider.published())
    assert not fleet.done("out", provider, settle=0)["changed"]
    assert (fleet.tree(), provider.published()) == out
    assert not fleet.done("out", provider, before=before, recheck=True)["changed"]

    refused = fleet.state("in", provider, before=before, deadline=2.5)
    assert refused["failed"] and "a node of the process before" in refused["msg"]
    fleet.done("in", provider, before=before, restarted=False)
    fleet.called(provider)
    back = fleet.state("out", provider, before=before, recheck=True)
    assert back["failed"] and "NOT out any more: lab.Echo" in back["msg"].replace(ECHO2, "lab.Echo")
    assert failed(fleet.scene, since) == {consumer.name: {} for consumer in fleet.scene.consumers}


def test_bad_input_changes_nothing(fleet: Fleet, provider: Provider) -> None:
    tree, said = fleet.tree(), provider.published()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"application": "echo-svk"}, "application 'echo-svk' is not there; it has echo-svc, which is near it"),
        ({"members": ["127.0.0.1:1"]}, "members: 127.0.0.1:1 is listed nowhere; echo-svc has"),
        ({"qos": provider.status_port}, f"qos port {provider.status_port}: asked for 'ls' it"),
        ({"qos": free_port()}, "asked for 'ls' it gives no answer: connection refused. See that qos.port names"),
        ({"group": "blue"}, "the group 'blue' is not there"),
    ]
    if fleet.scene.version == "2.7":
        wrong.append(({"via": "graceful"}, "this process is Dubbo 2.7.23, and gracefulShutdown is there from 3.2.1 on"))
    for params, text in wrong:
        result = fleet.state("out", provider, **params)
        assert result["failed"] and text in result["msg"] and not result.get("changed"), (params, result)
    assert (fleet.tree(), provider.published()) == (tree, said)


def test_a_kill_alone_loses_calls(fleet: Fleet, provider: Provider) -> None:
    """The naive way beside it: where it loses nothing, the tests above prove nothing."""
    since, before = so_far(fleet.scene), fleet.sessions(provider)
    provider.kill()
    provider.start()
    # Its nodes may wait for their session to end, beside those of the new process.
    fleet.done("in", provider)
    assert fleet.sessions(provider) and not fleet.sessions(provider) & before
    lost = failed(fleet.scene, since)
    assert all(lost.values()), lost


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "missing required arguments: state"),
        ({"state": "out"}, "one of the following is required: registries, qos"),
        ({"state": "out", "registries": ["zookeeper://zk1:2181"]}, "required by 'registries': application"),
        ({"state": "in", "qos": 0}, "qos 0 is no port from 1 to 65535"),
    ],
)
def test_arguments(arguments: dict[str, Any], said: str) -> None:
    result = adhoc.direct("dubbo_provider_state", arguments)
    assert result["failed"] and said in result["msg"]
