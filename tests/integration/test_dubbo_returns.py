# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_state where a provider does not leave, or come back, as it should: the registry has the last word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import lab
from tests.integration.test_dubbo_provider_state import Fleet
from tests.lab.dubbo import ECHO, ECHO2, Provider
from tests.lab.dubbo.truth import client, levels


@pytest.fixture(scope="module", params=["3.3", pytest.param("2.7", marks=pytest.mark.variant)])
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One provider whom nobody calls."""
    with (
        lab.dubbo(tmp_path_factory.mktemp("alone"), version=request.param, providers=1, called=False) as scene,
        client(scene.zookeeper.hosts) as registry,
    ):
        yield Fleet(scene, registry)


@pytest.fixture
def provider(alone: Fleet) -> Provider:
    """With all that it offers, in the registry."""
    found = alone.scene.providers[0]
    alone.scene.complete()
    alone.done("in", found)
    return found


def at(provider: Provider) -> str:
    """How the path begins of its node for lab.Echo by the dubbo protocol."""
    return f"/dubbo/lab.Echo/providers/{quote(f'dubbo://{provider.address()}/', safe='')}"


def test_it_comes_back_with_another_address(alone: Fleet, provider: Provider, tmp_path: Path) -> None:
    taken = alone.done("out", provider, settle=0.5)
    provider.kill()
    with lab.dubbo_provider(
        alone.scene.registries, tmp_path, version=alone.scene.version, services=provider.services
    ) as moved:
        result = alone.state("in", provider, qos=moved.qos_port, before=taken["before"], deadline=2.5)
        assert levels(alone.registry, moved) and not levels(alone.registry, provider)
    assert result["failed"] and "; NOT proved in: after " in result["msg"]
    assert f" s: {ECHO2} of {provider.address()} is not registered on every level; " in result["msg"]
    assert result["msg"].endswith(f"; {provider.address()} is listed nowhere")


def test_it_comes_back_without_an_interface(alone: Fleet, provider: Provider, tmp_path: Path) -> None:
    taken = alone.done("out", provider, settle=0.5)
    provider.kill()
    with lab.dubbo_provider(alone.scene.registries, tmp_path, version=alone.scene.version, place=provider):
        said = alone.state("in", provider, before=taken["before"], deadline=2.5)
        assert said["failed"] and f"before has {ECHO2}, and this process has only {ECHO}" in said["msg"]
        seen = alone.state("in", provider, qos=None, before=taken["before"], deadline=2.5)
    assert seen["failed"] and "NOT proved in: after " in seen["msg"]
    assert seen["msg"].endswith(f" s: {ECHO2} of {provider.address()} is not registered on every level")


def test_a_killed_one_leaves_its_nodes(alone: Fleet, provider: Provider) -> None:
    """They are waited out: its own, and one more whose session ends when we say so."""
    before, old = alone.done("out", provider, check=True)["before"], alone.sessions(provider)
    (node,) = [path for path in alone.tree() if path.startswith(at(provider))]
    provider.kill()
    with client(alone.scene.zookeeper.hosts) as held:
        left = held.create(node.replace("timestamp%3D", "timestamp%3D1"), ephemeral=True)
        provider.start()
        result = alone.state("in", provider, before=before, deadline=2.5)
        session = held.client_id[0]
    named = f"{provider.address()} has a node of the process before: zookeeper://{alone.scene.zookeeper.hosts} {left}"
    assert result["failed"] and f"{named} (session 0x{session:x})" in result["msg"]
    alone.done("in", provider, before=before)
    assert alone.sessions(provider) and not alone.sessions(provider) & {*old, session}


def test_one_of_two_registries_keeps_a_node(alone: Fleet, provider: Provider, tmp_path: Path) -> None:
    (node,) = [path for path in alone.tree() if path.startswith(at(provider))]
    with lab.zookeeper(tmp_path) as other, client(other.hosts) as registry:
        registry.create(node, makepath=True)
        first, second = (f"zookeeper://{one.hosts}" for one in (alone.scene.zookeeper, other))
        result = alone.state("out", provider, settle=0.5, deadline=2.5, registries=[first, second])
        assert registry.exists(node) and not levels(alone.registry, provider)
    assert result["failed"] and "; NOT proved out: after " in result["msg"]
    assert f" s: {provider.address()}: {second} {node} (session 0x0)" in result["msg"]
    assert {one["registry"] for one in result["gone"] if one["after"] is None} == {second}
    alone.done("in", provider, before=result["before"], restarted=False)
