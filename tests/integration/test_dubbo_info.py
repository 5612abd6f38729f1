# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_info on a real ZooKeeper, with nodes that the tests write there as Dubbo does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _zookeeper_session
from ansible_collections.lossless.restart.plugins.modules import dubbo_provider_info
from kazoo.client import KazooClient
from kazoo.security import ACL, make_digest_acl

from tests.integration.zookeeper_truth import OWNER, READER, secret
from tests.lab import adhoc
from tests.lab.nginx import free_port
from tests.lab.zookeeper import ZooKeeper
from tests.unit.dubbo_nodes import BORN, encoded, instance33, metadata33, rule30, url27, url33
from tests.unit.qos_double import LS_3, qos_double

A, B = "10.0.0.3:20880", "10.0.0.4:20880"
REVISION = "b7f3"


class Process:
    """What a Dubbo process registers, in a session of its own that ends with it. Below a chroot of the test's own."""

    def __init__(self, chroot: str, hosts: str, group: str = "dubbo", acl: list[ACL] | None = None) -> None:
        self._acl = acl
        self.root = f"{chroot}/{group}"
        self.applications = f"{chroot}/services" if group == "dubbo" else self.root
        self.client = KazooClient(hosts, timeout=4, auth_data=[("digest", ":".join(OWNER))])

    def __enter__(self) -> Process:
        self.client.start(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop()
        self.client.close()

    def offer(self, url: str) -> str:
        """The path of the provider's node; what is above stays, as with Dubbo."""
        interface = url.partition("?")[0].rpartition("/")[2]
        return self.make(f"{self.root}/{encoded(interface)}/providers/{encoded(url)}", b"10.0.0.3", ephemeral=True)

    def appear(self, application: str, at: str, data: bytes) -> str:
        return self.make(f"{self.applications}/{application}/{at}", data, ephemeral=True)

    def make(self, path: str, data: bytes = b"", ephemeral: bool = False) -> str:
        return str(self.client.create(path, data, acl=self._acl, ephemeral=ephemeral, makepath=True))


class Place:
    def __init__(self, zookeeper: ZooKeeper) -> None:
        self.zookeeper = zookeeper
        self.chroot = f"/team-{os.getpid()}-{time.monotonic_ns()}"
        self.address = f"zookeeper://{zookeeper.hosts}{self.chroot}"

    def process(self, **more: Any) -> Process:
        return Process(self.chroot, self.zookeeper.hosts, **more)

    def ask(self, **params: Any) -> dict[str, Any]:
        """What the module answers, in this process."""
        return ask(**{"registries": [self.address], "application": "order-svc", **params})


def ask(**params: Any) -> dict[str, Any]:
    """What the module answers, in this process."""
    defaults = {name: option.get("default") for name, option in dubbo_provider_info.SPEC["argument_spec"].items()}
    return _answer.of(dubbo_provider_info.run, {**defaults, **params}, False)


@pytest.fixture
def place(zookeeper: ZooKeeper) -> Place:
    return Place(zookeeper)


@pytest.fixture
def two(place: Place) -> Iterator[tuple[Process, Process]]:
    """Two instances of 3.3, each with lab.Echo on both levels."""
    with place.process() as first, place.process() as second:
        first.make(f"{first.root}/mapping/lab.Echo", b"order-svc")
        for process, host in ((first, "10.0.0.3"), (second, "10.0.0.4")):
            process.offer(url33(f"{host}:20880"))
            process.appear("order-svc", f"{host}:20880", instance33(host))
        yield first, second


def states(result: dict[str, Any], key: str = "lab.Echo") -> dict[str, str]:
    (service,) = [one for one in result["services"] if one["service"] == key]
    return {one["member"]: one["state"] for one in service["providers"]}


def test_both_levels_and_whose_nodes_they_are(place: Place, two: tuple[Process, Process]) -> None:
    result = place.ask(source="dubbo", members=[A, B])
    assert result["msg"] == "order-svc: 1 services, 2 providers, 2 of them up"
    assert (result["missing"], result["rules"], result["warnings"]) == ([], [], [])
    first, second = result["services"][0]["providers"]
    assert first["levels"] == ["application", "interface"]
    for provider, process in ((first, two[0]), (second, two[1])):
        for node in provider["nodes"]:
            _data, stat = process.client.get(node["path"])
            assert node["session"] == f"0x{process.client.client_id[0]:x}" == f"0x{stat.ephemeralOwner:x}"
            assert node["created"] == stat.ctime / 1000
    assert [(one["pool"], [member["state"] for member in one["members"]]) for one in result["readings"]] == [
        ("dubbo/order-svc", ["up", "up"])
    ]


def test_nothing_is_written(place: Place, two: tuple[Process, Process]) -> None:
    def tree(path: str) -> list[tuple[str, int, int]]:
        stat = two[0].client.get(path)[1]
        below = [one for name in two[0].client.get_children(path) for one in tree(f"{path}/{name}")]
        return [(path, stat.version, stat.cversion), *below]

    before = tree(place.chroot)
    place.ask()
    assert tree(place.chroot) == before


def test_a_process_that_is_gone_and_one_that_lost_a_level(place: Place, two: tuple[Process, Process]) -> None:
    two[1].client.delete(f"{two[1].root}/lab.Echo/providers/{encoded(url33(B))}")
    assert states(place.ask()) == {A: "up", B: "down"}
    two[1].client.stop()
    result = place.ask(source="dubbo", members=[A, B])
    assert states(result) == {A: "up"}
    assert [one["state"] for one in result["readings"][0]["members"]] == ["up", "gone"]
    assert any("10.0.0.3:20880 is the only provider" in one for one in result["warnings"])


def test_a_killed_process_leaves_its_node_beside_that_of_the_new_one(
    place: Place, two: tuple[Process, Process]
) -> None:
    with place.process() as new:
        path = new.offer(url33(A, timestamp=BORN + 60_000))
        new.client.delete(f"{new.applications}/order-svc/{A}")
        new.appear("order-svc", A, instance33(registered=BORN + 61_000))
        result = place.ask()
        first = result["services"][0]["providers"][0]
        assert (first["state"], first["timestamp"]) == ("up", BORN + 60_000)
        assert first["stale"] == [f"{two[0].root}/lab.Echo/providers/{encoded(url33(A))}"]
        assert [node["path"] for node in first["nodes"] if not node["stale"]][0] == path
    # The new process is gone too: what the first one left is all there is, and nobody can tell.
    assert states(place.ask())[A] == "down"


def test_groups_versions_and_protocols(place: Place) -> None:
    with place.process() as process:
        process.offer(url27(A, group="g1", version="1.0.0"))
        process.offer(url27("[fd00::3]:20880", group="g1", version="1.0.0"))
        process.offer(url27(A, interface="lab.Pay$Inner"))
        result = place.ask(source="dubbo")
    assert states(result, "g1/lab.Echo:1.0.0") == {A: "up", "[fd00::3]:20880": "up"}
    assert states(result, "lab.Pay$Inner") == {A: "up"}
    assert sorted(result["readings"][0]["parts"]) == ["lab.Echo:1.0.0:g1", "lab.Pay$Inner"]


def test_a_registry_group_has_both_levels_below_it(place: Place) -> None:
    with place.process(group="blue") as process:
        process.make("/".join((process.root, "mapping", "lab.Echo")), b"order-svc,pay")
        process.offer(url33(A))
        process.appear("order-svc", A, instance33())
        process.make(f"{process.root}/config/dubbo/lab.Echo::.configurators", rule30())
        result = place.ask(group="blue")
        assert result["services"][0]["providers"][0]["levels"] == ["application", "interface"]
        assert states(result) == {A: "down"}
        assert [rule["providers"] for rule in result["rules"]] == [[A]]
        said = place.ask(group="blu")
    assert said["failed"] and f"the group 'blu' is not there; {place.chroot} has blue, which is near it" in said["msg"]


def test_metadata_in_the_registry_say_what_is_offered(place: Place) -> None:
    with place.process() as process:
        process.make(f"{process.root}/mapping/lab.Echo2", b"order-svc")
        process.appear("order-svc", A, instance33(revision=REVISION, storage="remote"))
        assert place.ask()["services"][0]["known_by"] == "mapping"
        process.make(f"{process.root}/metadata/order-svc/{REVISION}", metadata33(("lab.Echo2", "g1", "1.0", "dubbo")))
        result = place.ask()
    assert [(one["service"], one["known_by"]) for one in result["services"]] == [("g1/lab.Echo2:1.0", "metadata")]
    assert states(result, "g1/lab.Echo2:1.0") == {A: "up"}
    assert result["services"][0]["providers"][0]["release"] == "3.3.6"


def test_rules_of_both_forms(place: Place, two: tuple[Process, Process]) -> None:
    process = two[0]
    new = process.make(f"{process.root}/config/dubbo/lab.Echo::.configurators", rule30())
    override = f"override://{B}/lab.Echo?category=configurators&disabled=true&dynamic=false&enabled=true"
    old = process.make(f"{process.root}/lab.Echo/configurators/{encoded(override)}")
    process.make(f"{process.root}/config/dubbo/lab.Other::.configurators", rule30("lab.Other"))
    result = place.ask()
    assert [one["disabled_by"] for one in result["services"][0]["providers"]] == [[new], [old]]
    assert sorted(rule["path"] for rule in result["rules"]) == sorted([new, old])


def test_what_is_malformed_is_named_and_the_rest_is_read(place: Place, two: tuple[Process, Process]) -> None:
    process = two[0]
    paths = [
        process.make(f"{process.root}/lab.Echo/providers/junk"),
        process.make(f"{process.applications}/order-svc/10.0.0.9:20880", b"{}"),
        process.make(f"{process.root}/config/dubbo/lab.Echo::.configurators", b"configs: ["),
    ]
    result = place.ask()
    assert states(result) == {A: "up", B: "up"}
    said = [one for one in result["warnings"] if one.startswith("not read: ")]
    assert [next(path for path in paths if path in one) for one in said] == paths


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"application": "order-scv"}, "application 'order-scv' is not there; it has order-svc, which is near it"),
        ({"group": "dubo"}, "the group 'dubo' is not there"),
        ({"application": "a/b"}, "application 'a/b' is no name"),
        ({"application": None}, "application None is no name"),
        ({"registries": []}, "registries is empty"),
        ({"registries": ["nacos://n1:8848"]}, "registries: 'nacos://n1:8848' is no ZooKeeper, as in 'zookeeper://zk1"),
        ({"registries": ["zookeeper://zk1:2181?backup=zk2:2181"]}, "name all servers that way, without parameters"),
        ({"registries": ["zookeeper://u:hunter2@zk1:2181"]}, "has a user or password in it: give them by a file"),
        ({"members": ["10.0.0.3"]}, "members: '10.0.0.3' has no port"),
        ({"auth": {"file": "/nowhere/secret"}}, "auth: file /nowhere/secret is not there"),
        ({"tls": {"ca": "/nowhere/ca.pem"}}, "tls: ca /nowhere/ca.pem cannot be read"),
    ],
)
def test_bad_input(place: Place, two: tuple[Process, Process], params: dict[str, Any], said: str) -> None:
    result = place.ask(source="dubbo", **params)
    assert result["failed"] and said in result["msg"] and "hunter2" not in result["msg"]
    assert result["readings"] == [{"source": "dubbo", "error": result["msg"]}]


def test_a_wrong_chroot_and_none(place: Place, two: tuple[Process, Process]) -> None:
    said = place.ask(registries=[f"{place.address[:-1]}x"])["msg"]
    assert f"the chroot {place.chroot[:-1]}x is not there; / has " in said and place.chroot[1:] in said
    said = place.ask(registries=[f"{place.address}/deep/er"])["msg"]
    assert f"the chroot {place.chroot}/deep/er is not there; {place.chroot}/deep has nothing" in said
    said = place.ask(registries=[f"zookeeper://{place.zookeeper.hosts}"])["msg"]
    assert "Name the group that the providers' registry has, and its chroot" in said


def test_an_interface_that_it_does_not_offer(place: Place, two: tuple[Process, Process]) -> None:
    result = place.ask(interfaces=["lab.Ecko", "lab.Echo"])
    assert result["missing"] == ["lab.Ecko"]
    assert result["warnings"] == [
        "order-svc does not offer the interface lab.Ecko; there is lab.Echo, which is near it"
    ]


def test_an_application_of_which_nothing_is_left(place: Place) -> None:
    with place.process() as process:
        process.offer(url27(A, application="pay"))
        junk = process.make(f"{process.applications}/order-svc/{A}", b"{}")
        said = place.ask()["msg"]
        assert (
            f"application 'order-svc' has nothing registered there now; {place.address}: {junk}: it has no addr" in said
        )
        process.client.delete(junk)
        assert place.ask()["msg"].endswith("application 'order-svc' has nothing registered there now")
        assert place.ask(interfaces=["lab.Ecko"], application="pay")["missing"] == ["lab.Ecko"]


def test_no_secret_of_a_url_is_returned(place: Place) -> None:
    with place.process() as process:
        process.offer(url27(A, token="t0ken", disabled="true"))
        assert "t0ken" not in str(place.ask())


def test_a_registry_that_does_not_answer(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 0.5)
    address = f"zookeeper://127.0.0.1:{free_port()}"
    began = time.monotonic()
    result = place.ask(registries=[address])
    assert result["failed"] and result["msg"].startswith(f"{address} is unreachable: ")
    assert time.monotonic() - began < 5


def test_rights(place: Place, tmp_path: Path) -> None:
    """With an ACL as Dubbo's own identity gives it, others than that are told so, and who may read reads."""
    acl = [make_digest_acl(*OWNER, all=True), make_digest_acl(*READER, read=True)]
    with place.process(acl=acl) as process:
        process.offer(url27(A))
        said = place.ask()["msg"]
        # Which of them: since 3.9 whether a node is there is known only to who may read what is above it.
        assert f"{place.address}: {place.chroot}" in said
        assert "cannot be read by somebody without auth: this identity has no right to it. Give an identity" in said
        stranger = {"scheme": "digest", "file": secret(tmp_path, "mallory", "guess")}
        said = place.ask(auth=stranger)["msg"]
        assert "cannot be read by digest user 'mallory'" in said and "guess" not in said
        reader = {"scheme": "digest", "file": secret(tmp_path, *READER)}
        assert states(place.ask(auth=reader)) == {A: "up"}
        authority = place.zookeeper.authority
        assert authority is not None
        cert, key = authority.issue("client")[:2]
        tls = {"ca": str(authority.ca), "cert": str(cert), "key": str(key)}
        encrypted = f"zookeeper://{place.zookeeper.tls_hosts}{place.chroot}"
        assert states(place.ask(registries=[encrypted], auth=reader, tls=tls)) == {A: "up"}


def test_many_are_read_at_once(place: Place) -> None:
    """200 instances with 10 interfaces each, between a thousand others."""
    with place.process() as process:
        process.make(f"{process.root}/mapping")
        wanted = []
        for number in range(1000):
            folder = f"{process.root}/lab.Other{number}/providers"
            process.client.ensure_path(f"{process.root}/lab.Other{number}")
            wanted.append(process.client.create_async(folder))
        for interface in (f"lab.Echo{number}" for number in range(10)):
            folder = f"{process.root}/{interface}/providers"
            process.client.ensure_path(folder)
            for host in range(200):
                node = encoded(url27(f"10.0.1.{host}:20880", interface))
                wanted.append(process.client.create_async(f"{folder}/{node}", ephemeral=True))
        for request in wanted:
            request.get(30)
        began = time.monotonic()
        result = place.ask(source="dubbo")
        assert result["msg"] == "order-svc: 10 services, 2000 providers, 2000 of them up"
        assert time.monotonic() - began < 5


def test_as_a_person_runs_it(place: Place, two: tuple[Process, Process]) -> None:
    asked = {"registries": [place.address], "application": "order-svc"}
    with qos_double(
        {"/ls": (200, LS_3), "/version": (200, 'dubbo version "3.3.6"'), "/ready": (200, "true")}
    ) as double:
        result = adhoc.call("dubbo_provider_info", {**asked, "qos": double.port}, adhoc.HERE, "--check")
    assert not result["failed"] and not result["changed"] and states(result) == {A: "up", B: "up"}
    assert (result["qos"]["version"], result["qos"]["ready"]) == ("3.3.6", True)
    assert [one["registered"] for one in result["qos"]["services"]["g1/lab.Echo2:1.0.0"]] == [True, False]
    assert result["msg"].endswith(f"; qos port {double.port} has 2 services of Dubbo 3.3.6")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "one of the following is required: registries, qos"),
        ({"registries": ["zookeeper://zk1:2181"]}, "missing parameter(s) required by 'registries': application"),
        ({"qos": 0}, "qos 0 is no port from 1 to 65535"),
        ({"qos": 22222, "deadline": 0}, "deadline 0.0 is not a number of seconds above 0"),
        ({"qos": free_port()}, "gives no answer: connection refused. See that qos.port names this port"),
    ],
)
def test_arguments(arguments: dict[str, Any], said: str) -> None:
    result = adhoc.direct("dubbo_provider_info", arguments)
    assert result["failed"] and said in result["msg"]
