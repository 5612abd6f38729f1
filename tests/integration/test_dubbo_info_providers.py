# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_info on real providers of 3.3 and 2.7: what it says is compared with what was done to them.

What they publish is asked of them by the lab's own client, not by the module's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_url
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_qos import Qos, QosError
from kazoo.client import KazooClient

from tests import lab
from tests.integration.test_dubbo_info import ask, states
from tests.lab.demo import wait_for
from tests.lab.dubbo import ECHO, ECHO2, LEVELS, Provider, address
from tests.lab.zookeeper import ZooKeeper
from tests.unit.dubbo_nodes import rule30

GROUP = "blue"
RELEASE = {"3.3": "3.3.6", "2.7": "2.7.23"}
BOTH, KEYS = (ECHO, ECHO2), {ECHO: "lab.Echo", ECHO2: "lab.Echo2:1.0.0:g1"}


@dataclass
class Fleet:
    """Two providers of one application and version, in a group of the registry."""

    zookeeper: ZooKeeper
    version: str
    providers: tuple[Provider, Provider]

    def ask(self, **params: Any) -> dict[str, Any]:
        registries = [f"zookeeper://{self.zookeeper.hosts}"]
        result = ask(registries=registries, group=GROUP, application="echo-svc", **params)
        assert not result.get("failed"), result["msg"]
        return result

    def members(self, key: str = ECHO) -> list[str]:
        """The state of each provider's place for the protocol dubbo; a dash where it has none."""
        found = states(self.ask(), key)
        return [found.get(provider.address(), "-") for provider in self.providers]

    def until(self, what: str, *wanted: str, key: str = ECHO) -> None:
        wait_for(what, lambda: self.members(key) == list(wanted), 30)


@pytest.fixture(scope="module", params=["3.3", pytest.param("2.7", marks=pytest.mark.variant)])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("dubbo")
    with contextlib.ExitStack() as stack:
        zk = stack.enter_context(lab.zookeeper(folder / "zk"))
        providers = [
            stack.enter_context(
                lab.dubbo_provider([address(zk, GROUP)], where, version=request.param, name=where.name, services=BOTH)
            )
            for where in (tmp_path_factory.mktemp("echo-1"), tmp_path_factory.mktemp("echo-2"))
        ]
        found = Fleet(zk, request.param, (providers[0], providers[1]))
        found.until("both providers", "up", "up", key=ECHO2)
        yield found


def test_what_is_registered(fleet: Fleet) -> None:
    result = fleet.ask(source="dubbo", members=[one.address() for one in fleet.providers])
    assert [one["service"] for one in result["services"]] == sorted(BOTH)
    for service in result["services"]:
        assert service["known_by"] == "interface" and service["others"] == []
        assert len(service["providers"]) == sum(len(one.ports) for one in fleet.providers)
        for one in service["providers"]:
            assert (one["state"], one["levels"], one["stale"]) == ("up", list(LEVELS[fleet.version]), [])
            assert one["release"] == RELEASE[fleet.version]
    # By however many protocols it serves, it is one member.
    addresses = [one.address() for one in fleet.providers]
    (reading,) = result["readings"]
    assert reading["pool"] == "dubbo/echo-svc"
    assert [(one["member"], one["state"]) for one in reading["members"]] == [(one, "up") for one in addresses]
    assert reading["parts"] == {KEYS[key]: addresses for key in BOTH}
    bugs = [one for one in result["warnings"] if "issue" in one]
    assert len(result["warnings"]) == len(bugs) == (fleet.version == "3.3")


def test_what_a_process_says_of_itself(fleet: Fleet) -> None:
    said = ask(qos=fleet.providers[0].qos_port)["qos"]
    assert (said["version"], said["ready"]) == (RELEASE[fleet.version], True)
    assert sorted(said["services"]) == sorted(BOTH)
    levels = {one["level"] for where in said["services"].values() for one in where}
    assert levels == ({"application", "interface"} if fleet.version == "3.3" else {""})
    assert all(one["registered"] for where in said["services"].values() for one in where)


def test_one_service_is_taken_offline_and_put_back(fleet: Fleet) -> None:
    provider = fleet.providers[0]
    qos = Qos(provider.qos_port)
    for key, other in ((ECHO, ECHO2), (ECHO2, ECHO)):
        service = _dubbo_url.service(key)
        qos.offline([service])
        # On the application level the instance stays.
        fleet.until("one to be gone", "down" if fleet.version == "3.3" else "-", "up", key=key)
        assert fleet.members(other) == ["up", "up"]
        assert not any(one.yes for one in qos.services()[key]) and "Y" not in provider.published()[key]
        assert "Y" in provider.published()[other]
        qos.online([service])
        fleet.until("it to be back", "up", "up", key=key)
    with pytest.raises(QosError, match=f"knows no service lab.Ech; it has {ECHO2}, {ECHO}"):
        qos.offline([_dubbo_url.service("lab.Ech")])


def test_a_rule_that_disables(fleet: Fleet) -> None:
    client = KazooClient(fleet.zookeeper.hosts)
    client.start(30)
    path = f"/{GROUP}/config/dubbo/lab.Echo::.configurators"
    try:
        client.create(path, rule30(providers=(fleet.providers[0].address(),)), makepath=True)
        assert fleet.members() == ["down", "up"]
        assert fleet.members(ECHO2) == ["up", "up"]
        assert [rule["path"] for rule in fleet.ask()["rules"]] == [path]
    finally:
        client.delete(path)
        client.stop()
        client.close()
    assert fleet.members() == ["up", "up"]


def test_a_killed_provider_and_its_successor(fleet: Fleet) -> None:
    provider = fleet.providers[0]
    at = provider.address()
    before = {node["session"] for node in nodes(fleet, at)}
    provider.kill()
    # Its session lives: nobody can tell yet.
    assert fleet.members() == ["up", "up"]
    provider.start()
    fleet.until("the new process", "up", "up")
    found = nodes(fleet, at)
    now = {node["session"] for node in found if not node["stale"]}
    assert not now & before
    assert {node["session"] for node in found if node["stale"]} <= before
    wait_for("the old session to end", lambda: not any(node["stale"] for node in nodes(fleet, at)), 60)
    assert {node["session"] for node in nodes(fleet, at)} == now
    fleet.until("all of it", "up", "up", key=ECHO2)


def nodes(fleet: Fleet, at: str) -> list[dict[str, Any]]:
    (found,) = [one for one in fleet.ask()["services"][1]["providers"] if one["member"] == at]
    return list(found["nodes"])


def test_all_are_gone(fleet: Fleet) -> None:
    """The last test: nothing is left that would offer anything."""
    wanted = [provider.address() for provider in fleet.providers]
    for provider in fleet.providers:
        provider.stop()
    result = ask(registries=[f"zookeeper://{fleet.zookeeper.hosts}"], group=GROUP, application="echo-svc",
                 source="dubbo", members=wanted)  # fmt: skip
    if fleet.version == "2.7":
        assert result["failed"] and "application 'echo-svc' is not there; it has nothing" in result["msg"]
        return
    assert [one["state"] for one in result["readings"][0]["members"]] == ["gone", "gone"]
    assert [one["known_by"] for one in result["services"]] == ["mapping", "mapping"]


@pytest.mark.parametrize("storage", ["local", "remote"])
def test_only_the_application_level(zookeeper: ZooKeeper, tmp_path: Path, storage: str) -> None:
    """With its metadata in the registry it is known what an instance offers, else only which interfaces there are."""
    registry = address(zookeeper, storage)
    properties = {"dubbo.application.register-mode": "instance", "dubbo.application.metadata-type": storage}
    with lab.dubbo_provider([registry], tmp_path, services=BOTH, properties=properties) as provider:
        at = provider.address()

        def told() -> dict[str, Any]:
            return ask(
                registries=[f"zookeeper://{zookeeper.hosts}"], group=storage, application="echo-svc",
                source="dubbo", members=[at],
            )  # fmt: skip

        def parts() -> Any:
            """Once it is there itself: before that it might offer anything."""
            (reading,) = told()["readings"]
            states = [one["state"] for one in reading.get("members", [])]
            return reading["parts"] if states == ["up"] else states

        versioned = "lab.Echo2:1.0.0:g1" if storage == "remote" else "lab.Echo2"
        wait_for("the mapping", lambda: parts() == {"lab.Echo": [at], versioned: [at]}, 30)
        assert {one["release"] for service in told()["services"] for one in service["providers"]} == {"3.3.6"}
        Qos(provider.qos_port).offline([_dubbo_url.service(ECHO)])
        if storage == "remote":
            wait_for("one to be gone", lambda: parts() == {versioned: [at]}, 30)
        else:
            warned = [one for one in told()["warnings"] if one.startswith("lab.Echo: only the mapping names it")]
            assert len(warned) == 1 and "its group and version are not known" in warned[0]
