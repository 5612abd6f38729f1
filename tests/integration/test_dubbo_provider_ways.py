# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ways out of dubbo_provider_state that write to the registry, and single services, on real providers.

Whoever is out is killed at once. What stands in the registry is read, byte for byte, by a client of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kazoo.security import make_acl

from tests.integration.test_dubbo_provider_state import Fleet, called, idle
from tests.lab.demo import wait_for
from tests.lab.dubbo import ECHO, ECHO2, Provider
from tests.lab.dubbo.truth import failed, levels, so_far

CONFIG = "/dubbo/config/dubbo"
RULE, RULE2 = f"{CONFIG}/lab.Echo::.configurators", f"{CONFIG}/lab.Echo2:1.0.0:g1.configurators"
# What a person wrote: the first takes nothing out, the second takes lab.Echo2 of one provider out.
SLOW = b"""# by ops
configVersion: v3.0
scope: service
key: lab.Echo
enabled: true
configs:
  - side: consumer
    addresses: [0.0.0.0]
    providerAddresses: ['127.0.0.1:1']
    parameters: {timeout: 4000}   # slow
"""
TAKEN = """{"configVersion": "v3.0", "scope": "service", "key": "g1/lab.Echo2:1.0.0", "enabled": true,
 "configs": [{"side": "consumer", "addresses": ["0.0.0.0"], "providerAddresses": ["%s"],
              "parameters": {"disabled": true}}]}"""
NOBODY: dict[str, Any] = {"qos": None}


@pytest.fixture(scope="module", params=["3.3", pytest.param("2.7", marks=pytest.mark.variant)])
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


def rules(fleet: Fleet) -> dict[str, bytes]:
    """By path the bytes of everything that is configured; less empty folders, which who listens there makes itself."""
    found: dict[str, bytes] = {}

    def read(path: str) -> None:
        names = fleet.registry.get_children(path)
        for name in names:
            read(f"{path}/{name}")
        data = fleet.registry.get(path)[0]
        if data:
            found[path] = data

    read("/dubbo/config")
    return found


def none(fleet: Fleet) -> dict[str, Any]:
    return {consumer.name: {} for consumer in fleet.scene.consumers}


def counter(provider: Provider) -> dict[str, str]:
    return {"url": f"{provider.url('status')}/status", "field": "served"}


@pytest.mark.parametrize(
    "rule",
    [pytest.param(None, id="no rule there", marks=pytest.mark.variant), pytest.param(SLOW, id="a person's rule there")],
)
def test_a_rule_then_a_kill_then_back(fleet: Fleet, provider: Provider, rule: bytes | None) -> None:
    """lab.Echo2 was taken by a person, and stays so. Only consumers of the application level may lose running calls."""
    for path, data in {RULE: rule, RULE2: (TAKEN % provider.address()).encode()}.items():
        if data is not None:
            fleet.registry.create(path, data)
    before, since, whole = rules(fleet), so_far(fleet.scene), levels(fleet.registry, provider)
    tree = fleet.tree()
    would = fleet.done("out", provider, via="rule", check=True, **NOBODY)
    assert would["changed"] and rules(fleet) == before

    taken = fleet.done("out", provider, via="rule", idle=idle(provider), calls=counter(provider), **NOBODY)
    now = so_far(fleet.scene)
    provider.kill()
    assert taken["changed"] and taken["chose"] == "rule" and fleet.tree() == tree
    assert failed(fleet.scene, now) == none(fleet)
    lost = failed(fleet.scene, since)
    print("broken by the rule", lost, "last call", taken["last_call"], "seconds", taken["seconds"])
    assert {name: found for name, found in lost.items() if name != "application-caller"} == {
        name: {} for name in lost if name != "application-caller"
    }
    assert any("breaks the calls" in text for text in taken["warnings"]) is (fleet.scene.version == "3.3")

    provider.start()
    wait_for("registered", lambda: levels(fleet.registry, provider) == whole, 60)
    for consumer in fleet.scene.consumers:
        consumer.wait_calls(300)
    assert not provider.status()["served"]
    kept = fleet.state("in", provider, before=taken["before"])
    assert kept["failed"] and "written by via rule: put it back so" in kept["msg"]
    back = fleet.done("in", provider, via="rule", before=taken["before"], calls=counter(provider), **NOBODY)
    assert back["changed"] and back["first_call"] < 60
    assert rules(fleet) == before
    assert not fleet.done("in", provider, via="rule", before=taken["before"], **NOBODY)["changed"]
    fleet.called(provider)
    assert taken["before"]["members"][provider.address()]["services"] == [ECHO]
    assert sum(map(len, failed(fleet.scene, now).values())) == 0
    for path in {RULE, RULE2} & set(before):
        fleet.registry.delete(path)


def test_deleted_nodes_then_a_kill_then_back(fleet: Fleet, provider: Provider) -> None:
    since, whole = so_far(fleet.scene), levels(fleet.registry, provider)
    taken = fleet.done("out", provider, via="registry", idle=idle(provider), calls=counter(provider), **NOBODY)
    provider.kill()
    assert taken["changed"] and not levels(fleet.registry, provider)
    assert any("its ls still says Y" in text for text in taken["warnings"])
    assert failed(fleet.scene, since) == none(fleet)
    provider.start()
    fleet.done("in", provider, via="registry", before=taken["before"], **NOBODY)
    fleet.called(provider)
    assert failed(fleet.scene, since) == none(fleet)

    again = fleet.done("out", provider, via="registry", **NOBODY)
    told = fleet.state("in", provider, via="registry", before=again["before"], restarted=False, **NOBODY)
    assert told["failed"] and "restart it, or name its qos" in told["msg"] and not levels(fleet.registry, provider)
    assert "N" not in provider.published()[ECHO]
    assert failed(fleet.scene, since) == none(fleet)
    back = fleet.done("in", provider, via="registry", before=again["before"], restarted=False)
    assert back["changed"] and levels(fleet.registry, provider) == whole
    assert failed(fleet.scene, since) == none(fleet)
    fleet.called(provider)
    assert failed(fleet.scene, since) == none(fleet)


def test_one_service_alone(fleet: Fleet, provider: Provider) -> None:
    since, whole = so_far(fleet.scene), levels(fleet.registry, provider)
    taken = fleet.done("out", provider, services=[ECHO2])
    assert (taken["changed"], taken["chose"]) == (True, "qos")
    assert "Y" not in provider.published()[ECHO2] and "N" not in provider.published()[ECHO]
    assert levels(fleet.registry, provider)["interface"] == whole["interface"] / 2
    assert {node["path"].split("/")[2] for node in taken["gone"]} == {"lab.Echo2"}
    proved = fleet.done("out", provider, services=[ECHO2], before=taken["before"], recheck=True, **NOBODY)
    assert not proved["changed"]
    refused = fleet.state("out", provider, services=[ECHO], before=taken["before"], recheck=True)
    assert refused["failed"] and "NOT out any more" in refused["msg"]
    back = fleet.done("in", provider, services=[ECHO2], before=taken["before"], restarted=False)
    assert back["changed"] and levels(fleet.registry, provider) == whole
    assert failed(fleet.scene, since) == none(fleet)


def test_one_service_alone_by_a_rule(fleet: Fleet, provider: Provider) -> None:
    before, since = rules(fleet), so_far(fleet.scene)
    taken = fleet.done("out", provider, via="rule", services=[ECHO2], **NOBODY)
    assert [(one["path"], one["done"]) for one in taken["written"]] == [(RULE2, "made")]
    assert [one["service"] for one in taken["barred"]] == [ECHO2]
    fleet.done("in", provider, via="rule", services=[ECHO2], restarted=False, **NOBODY)
    assert rules(fleet) == before and failed(fleet.scene, since) == none(fleet)


def test_what_is_refused_changes_nothing(fleet: Fleet, provider: Provider) -> None:
    # Made by the first that listens there; here nobody may have yet.
    fleet.registry.ensure_path(CONFIG)
    rights = fleet.registry.get_acls(CONFIG)[0]
    fleet.registry.create(f"{CONFIG}/lab.Echo2::.configurators", b"configs: []")
    fleet.registry.create(RULE2, b"key: g1/lab.Echo2:1.0.0\nconfigs: []")
    before, tree, said = rules(fleet), fleet.tree(), provider.published()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"via": "rule"}, f"{RULE2}: its list configs is empty, and would not bring anybody back"),
        (
            {"via": "rule", "services": ["lab.Ech.*"]},
            "services: 'lab.Ech.*' is no service: write its key as Dubbo does",
        ),
        ({"via": "rule", "services": ["lab.Nix"]}, "services: echo-svc has no lab.Nix; it has g1/lab.Echo2:1.0.0, lab"),
        ({"via": "registry", "services": [ECHO]}, "services: via registry takes the whole provider"),
        ({"via": "rule", "registries": None, "members": []}, "via rule writes to the registries: name registries"),
        ({"calls": {"url": f"{provider.url('status')}/status", "field": "nix"}}, "the answer has no 'nix', it has"),
    ]
    for params, text in wrong:
        result = fleet.state("out", provider, **{**NOBODY, **params})
        assert result["failed"] and text in result["msg"] and not result.get("changed"), (params, result)
    fleet.registry.set_acls(CONFIG, [make_acl("world", "anyone", read=True, admin=True)])
    refused = fleet.state("out", provider, via="rule", services=[ECHO], **NOBODY)
    fleet.registry.set_acls(CONFIG, rights)
    assert refused["failed"] and "cannot be written by somebody without auth" in refused["msg"], refused
    assert (rules(fleet), fleet.tree(), provider.published()) == (before, tree, said)
    for path in (RULE2, f"{CONFIG}/lab.Echo2::.configurators"):
        fleet.registry.delete(path)
