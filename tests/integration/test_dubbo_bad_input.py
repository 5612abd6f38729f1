# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a registry, or with what is in it: one clear error of dubbo_provider_state, and nothing is told.

The provider is a real one. That nothing was touched is seen in the registry and at its QoS port, by the lab's clients.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _zookeeper_session
from kazoo.security import make_digest_acl

from tests import lab
from tests.integration.test_dubbo_info import ask
from tests.integration.test_dubbo_provider_state import Fleet
from tests.integration.zookeeper_truth import OWNER, secret
from tests.lab.demo import wait_for
from tests.lab.dubbo import Provider
from tests.lab.dubbo.truth import client
from tests.lab.nginx import free_port
from tests.unit.dubbo_nodes import encoded, url27

# Another application's node, which its process left there for good.
PAY = "pay-svc"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A provider whom nobody calls, and beside it a chroot that only its owner may read."""
    with (
        lab.dubbo(tmp_path_factory.mktemp("alone"), providers=1, called=False) as scene,
        client(scene.zookeeper.hosts) as registry,
    ):
        registry.add_auth("digest", ":".join(OWNER))
        registry.create("/closed/dubbo", acl=[make_digest_acl(*OWNER, all=True)], makepath=True)
        yield Fleet(scene, registry)


@pytest.fixture
def provider(fleet: Fleet) -> Iterator[Provider]:
    """It has to be as it was when the test is over. Nobody but the module would take it out, or bring it back."""
    found = fleet.scene.providers[0]
    fleet.done("in", found)
    tree, said = fleet.tree(), found.published()
    yield found
    assert found.published() == said
    wait_for("it to be as it was", lambda: fleet.tree() == tree, 30)


@pytest.mark.parametrize("state", ["out", "in"])
def test_a_registry_that_does_not_answer(
    fleet: Fleet, provider: Provider, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two is enough."""
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 1.0)
    nowhere = f"zookeeper://127.0.0.1:{free_port()}"
    result = fleet.state(state, provider, registries=[f"zookeeper://{fleet.scene.zookeeper.hosts}", nowhere])
    assert result["failed"] and not result["changed"]
    assert result["msg"].startswith(f"{provider.address()}: {nowhere} is unreachable: ")


def test_a_wrong_chroot_and_a_wrong_group(fleet: Fleet, provider: Provider) -> None:
    registry = f"zookeeper://{fleet.scene.zookeeper.hosts}"
    result = fleet.state("out", provider, registries=[f"{registry}/closet"])
    assert result["failed"] and not result["changed"]
    assert "the chroot /closet is not there; / has closed, which is near it" in result["msg"]
    result = fleet.state("out", provider, group="dubo")
    assert result["failed"] and not result["changed"]
    assert "the group 'dubo' is not there; / has dubbo, which is near it" in result["msg"]


def test_no_right_to_a_registry(fleet: Fleet, provider: Provider, tmp_path: Path) -> None:
    closed = f"zookeeper://{fleet.scene.zookeeper.hosts}/closed"
    both: dict[str, Any] = {"registries": [f"zookeeper://{fleet.scene.zookeeper.hosts}", closed]}
    result = fleet.state("out", provider, **both)
    assert result["failed"] and not result["changed"]
    assert f"{closed}: /closed" in result["msg"] and "cannot be read by somebody without auth: " in result["msg"]
    stranger = {"scheme": "digest", "file": secret(tmp_path, "mallory", "guess")}
    result = fleet.state("out", provider, auth=stranger, **both)
    assert result["failed"] and not result["changed"] and "guess" not in str(result)
    assert "cannot be read by digest user 'mallory': this identity has no right to it" in result["msg"]
    mine = {"scheme": "digest", "file": secret(tmp_path, *OWNER)}
    result = fleet.state("out", provider, auth=mine, check=True, **both)
    assert result["failed"] and f"{closed}: application 'echo-svc' is not there; it has nothing" in result["msg"]


def test_two_applications_at_one_address(fleet: Fleet, provider: Provider) -> None:
    """Only one of them can be there, and which one is not for us to say."""
    node = f"/dubbo/lab.Pay/providers/{encoded(url27(provider.address(), 'lab.Pay', PAY))}"
    fleet.registry.create(node, makepath=True)
    try:
        result = fleet.state("out", provider)
        told = ask(registries=[f"zookeeper://{fleet.scene.zookeeper.hosts}"], application=provider.application)
    finally:
        fleet.registry.delete(node)
    assert result["failed"] and not result["changed"]
    assert f"members: {provider.address()} is registered in zookeeper://" in result["msg"]
    assert f" by {PAY} too, and only one of them can be there: remove /dubbo/lab.Pay/providers/" in result["msg"]
    host, port = provider.address().split(":")
    assert f"{host} port {port} is registered by {provider.application}, {PAY}" in str(told["warnings"])


def test_an_interface_and_a_member_that_are_nowhere(fleet: Fleet, provider: Provider) -> None:
    """dubbo_provider_info says what there is instead, and which instances nobody asked for."""
    member = f"127.0.0.1:{free_port()}"
    told = ask(
        registries=[f"zookeeper://{fleet.scene.zookeeper.hosts}"],
        application=provider.application,
        interfaces=["lab.Ecko", "lab.Echo"],
        members=[member],
        source="dubbo",
    )
    assert not told.get("failed") and told["missing"] == ["lab.Ecko"]
    assert "does not offer the interface lab.Ecko; there is lab.Echo" in str(told["warnings"])
    (asked, other) = told["readings"][0]["members"]
    assert (asked["member"], asked["state"]) == (member, "gone")
    assert other["state"] == "up" and provider.address() in other["addresses"]
    result = fleet.state("out", provider, members=[member])
    assert result["failed"] and not result["changed"]
    assert (
        f"members: {member} is listed nowhere; echo-svc has " in result["msg"] and provider.address() in result["msg"]
    )
    back = fleet.state("in", provider, members=[member], deadline=2.5)
    assert back["failed"] and "NOT proved in: after " in back["msg"]
    assert back["msg"].endswith(f"; {member} is listed nowhere")
