# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is in traffic, by which nodes, and what the guard is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import (
    _dubbo_instance,
    _dubbo_pool,
    _dubbo_reading,
    _dubbo_rule,
    _dubbo_services,
    _dubbo_url,
    _dubbo_warnings,
)
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_application import Application
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_contents import Appeared, Contents, Registered
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_services import Offer, Provider
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_url import Service
from ansible_collections.lossless.restart.plugins.module_utils._zookeeper import Node

from tests.unit.dubbo_nodes import BORN, encoded, instance33, metadata33, rule30, url27, url33

A, B, C = "10.0.0.3:20880", "10.0.0.4:20880", "10.0.0.5:20880"
REVISION = "b7f3d2c1a0e94d5f8a6b7c8d9e0f1a2b"
OTHER = "/dubbo/config/dubbo/lab.Other::.configurators"
RULE = "/dubbo/config/dubbo/lab.Echo::.configurators"


class Tree:
    """A registry in the making. session: of what is made next; whatever is made later is newer."""

    def __init__(self, name: str = "zookeeper://zk1:2181") -> None:
        self.contents = Contents(name)
        self.session = 1
        self._order = 0

    def _node(self, path: str) -> Node:
        self._order += 1
        return Node(path, b"", 0, 0.0, self._order / 10, self.session, self._order)

    def url(self, *urls: str) -> Tree:
        for url in urls:
            node = self._node(f"/dubbo/providers/{encoded(url)}")
            self.contents.urls.append(Registered(_dubbo_url.parse(encoded(url)), node))
        return self

    def instance(self, *instances: bytes) -> Tree:
        for data in instances:
            found = _dubbo_instance.parse(data)
            self.contents.instances.append(
                Appeared(found, self._node(f"/services/order-svc/{found.host}:{found.port}"))
            )
        return self

    def mapping(self, *interfaces: str) -> Tree:
        self.contents.mapped.update(dict.fromkeys(interfaces, frozenset({"order-svc"})))
        return self

    def rule(self, data: bytes, path: str = RULE) -> Tree:
        self.contents.rules += _dubbo_rule.from_config(path, data)
        return self

    def after(self) -> Tree:
        """From here on by a process that was started later."""
        self.session += 1
        return self


def both(*hosts: str, **more: Any) -> Tree:
    """Instances of 3.3 that register lab.Echo on both levels."""
    found = Tree().mapping("lab.Echo")
    for host in hosts:
        found.url(url33(f"{host}:20880", **more)).instance(instance33(host)).after()
    return found


def applications(*trees: Tree, levels: Sequence[str] = ()) -> list[Application]:
    return [Application("order-svc", tree.contents, levels) for tree in trees]


def offers(*trees: Tree, levels: Sequence[str] = ()) -> dict[str, Offer]:
    return {one.service.key: one for one in _dubbo_services.offers(applications(*trees, levels=levels))}


def providers(*trees: Tree, key: str = "lab.Echo", levels: Sequence[str] = ()) -> dict[str, Provider]:
    return {f"{one.place[0]} {one.address}": one for one in offers(*trees, levels=levels)[key].providers}


def states(*trees: Tree, key: str = "lab.Echo", levels: Sequence[str] = ()) -> dict[str, str]:
    """By address; with several protocols of one address this is no use."""
    return {one.address: one.state for one in providers(*trees, key=key, levels=levels).values()}


def warnings(*trees: Tree) -> list[str]:
    read = applications(*trees)
    return _dubbo_warnings.of(read, _dubbo_services.offers(read))


def members(offer: Offer, wanted: Sequence[str] = ()) -> list[dict[str, Any]]:
    return _dubbo_reading.members(offer, _dubbo_reading.named(wanted))


def reading(*trees: Tree, wanted: Sequence[str]) -> dict[str, Any]:
    return _dubbo_pool.reading("registries", applications(*trees), _dubbo_reading.named(wanted))


def test_both_levels() -> None:
    found = providers(both("10.0.0.3", "10.0.0.4"))
    assert list(found) == [f"dubbo {A}", f"dubbo {B}"]
    facts = found[f"dubbo {A}"].facts()
    assert {name: facts[name] for name in ("state", "levels", "missing", "stale", "release", "pid", "timestamp")} == {
        "state": "up", "levels": ["application", "interface"], "missing": [], "stale": [], "release": "3.3.6",
        "pid": None, "timestamp": BORN,
    }  # fmt: skip
    assert [node["level"] for node in facts["nodes"]] == ["interface", "application"]
    facts = providers(both("10.0.0.3", weight=50))[f"dubbo {A}"].facts()
    assert (facts["weight"], facts["protocol"], facts["host"], facts["port"]) == (50, "dubbo", "10.0.0.3", 20880)


def test_a_level_that_its_url_tells_of_is_missed() -> None:
    tree = both("10.0.0.3").url(url33(B))
    found = providers(tree)
    assert states(tree) == {A: "up", B: "down"}
    assert found[f"dubbo {B}"].missing == ("application in zookeeper://zk1:2181",)


def test_the_interface_level_is_missed_where_others_use_both() -> None:
    tree = both("10.0.0.3").instance(instance33("10.0.0.4"))
    assert states(tree) == {A: "up", B: "down"}
    assert providers(tree)[f"dubbo {B}"].missing == ("interface in zookeeper://zk1:2181",)
    assert states(tree, levels=["application"]) == {A: "up", B: "up"}


def test_2_7_beside_3_3_is_on_one_level_only() -> None:
    assert states(both("10.0.0.3").url(url27(B))) == {A: "up", B: "up"}


def test_2_7_alone() -> None:
    tree = Tree().url(url27(A)).after().url(url27(B))
    assert states(tree) == {A: "up", B: "up"}
    facts = providers(tree)[f"dubbo {A}"].facts()
    assert (facts["pid"], facts["levels"], facts["release"]) == (4711, ["interface"], "2.7.23")


def test_the_last_instance_gone_from_the_application_level_is_missed_by_the_mapping() -> None:
    assert states(Tree().mapping("lab.Echo").url(url33(A))) == {A: "down"}


def test_only_the_application_level_with_metadata() -> None:
    tree = Tree().mapping("lab.Echo", "lab.Gone").instance(instance33(endpoints={"dubbo": 20880, "tri": 50051}))
    metadata = metadata33(("lab.Echo", "", "", "tri"), ("lab.Echo2", "g1", "1.0.0", "dubbo"))
    tree.contents.metadata[REVISION] = _dubbo_instance.services(metadata)
    found = offers(tree)
    assert {key: one.known_by for key, one in found.items()} == {
        "g1/lab.Echo2:1.0.0": "metadata",
        "lab.Echo": "metadata",
        "lab.Gone": "mapping",
    }
    assert states(tree) == {"10.0.0.3:50051": "up"}
    assert states(tree, key="g1/lab.Echo2:1.0.0") == {A: "up"}
    assert found["lab.Gone"].providers == ()
    assert any("lab.Gone: only the mapping names it, nothing else of it is registered" in one for one in warnings(tree))


def test_only_the_application_level_without_metadata() -> None:
    tree = Tree().mapping("lab.Echo").instance(instance33(), instance33("10.0.0.4"))
    assert offers(tree)["lab.Echo"].known_by == "mapping"
    assert states(tree) == {A: "up", B: "up"}
    facts = providers(tree)[f"dubbo {A}"].facts()
    assert (facts["pid"], facts["timestamp"], facts["weight"], facts["levels"]) == (None, BORN, None, ["application"])
    assert any("its group and version are not known" in one for one in warnings(tree))


def test_an_instance_that_offers_nothing_any_more() -> None:
    tree = Tree().mapping("lab.Echo").instance(instance33(revision="0"), instance33("10.0.0.4"))
    assert states(tree) == {B: "up"}


def test_one_of_two_services_was_taken_offline() -> None:
    """The instance stays on the application level: only the interface level tells."""
    tree = both("10.0.0.3", "10.0.0.4").mapping("lab.Echo2")
    tree.session = 2
    tree.url(url33(B, "lab.Echo2", group="g1"))
    assert states(tree, key="lab.Echo") == {A: "up", B: "up"}
    assert states(tree, key="g1/lab.Echo2") == {A: "down", B: "up"}


def test_a_killed_process_and_the_one_after_it() -> None:
    tree = (
        both("10.0.0.3")
        .url(url33(A, pid="4800", timestamp=BORN + 60_000))
        .instance(instance33(registered=BORN + 61_000))
    )
    tree.contents.instances = tree.contents.instances[1:]
    found = providers(tree)[f"dubbo {A}"]
    assert (found.state, found.facts()["timestamp"], len(found.facts()["stale"])) == ("up", BORN + 60_000, 1)
    nodes = [(one.said.timestamp, one.stale) for one in found.entries if one.level == "interface"]
    assert nodes == [(BORN, True), (BORN + 60_000, False)]
    assert any("10.0.0.3:20880 has a node of an earlier process" in one for one in warnings(tree))


def test_an_instance_that_was_registered_before_its_process_began_is_of_an_earlier_one() -> None:
    tree = Tree().mapping("lab.Echo").instance(instance33()).after().url(url33(A, timestamp=BORN + 60_000))
    found = providers(tree)[f"dubbo {A}"]
    assert (found.state, found.missing) == ("down", ("application in zookeeper://zk1:2181",))
    assert found.facts()["stale"] == ["/services/order-svc/10.0.0.3:20880"]


def test_a_service_that_did_not_come_back_with_the_new_process() -> None:
    tree = Tree().url(url27(A), url27(A, "lab.Echo2")).after().url(url27(A, pid="4800"))
    assert states(tree) == {A: "up"}
    assert states(tree, key="lab.Echo2") == {A: "down"}


def test_nodes_that_outlive_their_session_are_stale_by_service() -> None:
    tree = Tree()
    tree.session = 0
    tree.url(url27(A, dynamic="false"), url27(A, "lab.Echo2", dynamic="false"))
    tree.url(url27(A, dynamic="false", pid="4800"))
    assert [one.stale for one in providers(tree)[f"dubbo {A}"].entries] == [True, False]
    assert states(tree, key="lab.Echo2") == {A: "up"}


def test_a_node_that_outlives_its_session_makes_no_other_stale() -> None:
    tree = Tree().url(url27(A))
    tree.session = 0
    assert states(tree.url(url27(A, "lab.Echo2", dynamic="false"))) == {A: "up"}


def test_ephemeral_nodes_of_one_session_are_never_stale() -> None:
    assert states(Tree().url(url27(A), url27(A, timestamp=BORN + 5))) == {A: "up"}


@pytest.mark.parametrize("disabled", [False, True])
def test_a_rule_for_everybody_and_one_for_some(disabled: bool) -> None:
    tree = both("10.0.0.3", "10.0.0.4").mapping("lab.Echo2")
    tree.rule(rule30() if disabled else rule30(applications=["pay"]))
    assert states(tree) == {A: "down" if disabled else "up", B: "up"}
    found = providers(tree)[f"dubbo {A}"]
    assert found.disabled_by == ((RULE,) if disabled else ())
    told = [one for one in warnings(tree) if RULE in one]
    assert bool(told) is not disabled and all("consumers of applications pay alone" in one for one in told)


def test_a_rule_for_every_provider_of_every_service() -> None:
    every = rule30("pay", providers=()).replace(b"scope: service", b"scope: application")
    (told,) = warnings(both("10.0.0.3", "10.0.0.4").rule(every, "/pay.configurators"))
    assert told.startswith("rule /pay.configurators takes every provider from consumers of application pay alone: ")
    assert warnings(both("10.0.0.3", "10.0.0.4").rule(rule30("lab.Other", applications=["pay"]), OTHER)) == []


def test_a_url_that_disables_itself() -> None:
    found = providers(Tree().url(url27(A, disabled="true")))[f"dubbo {A}"]
    assert found.state == "down" and "disabled%3Dtrue" in found.disabled_by[0]


def test_every_registry_counts() -> None:
    first, second = both("10.0.0.3", "10.0.0.4"), both("10.0.0.3")
    second.contents.registry = "zookeeper://zk9:2181"
    assert states(first, second) == {A: "up", B: "down"}
    assert providers(first, second)[f"dubbo {B}"].missing == (
        "application in zookeeper://zk9:2181",
        "interface in zookeeper://zk9:2181",
    )


def test_a_service_that_is_only_in_one_registry_is_not_missed_in_the_other() -> None:
    first, second = Tree().url(url27(A), url27(A, "lab.Echo2")), Tree("zookeeper://zk9:2181").url(url27(A))
    assert states(first, second, key="lab.Echo2") == {A: "up"}


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (Tree("zk9").url(url27(B)), ["interface in zk9"]),
        (Tree("zk9").mapping("lab.Echo").instance(instance33("10.0.0.4")), ["application in zk9"]),
        (
            Tree("zk9").mapping("lab.Echo").url(url27(B)).instance(instance33("10.0.0.5")),
            ["application in zk9", "interface in zk9"],
        ),
        (Tree("zk9").mapping("lab.Echo").url(url33(B)), ["application in zk9", "interface in zk9"]),
        (Tree("zk9").mapping("lab.Other").instance(instance33("10.0.0.4")), []),
    ],
    ids=["interface", "application", "some so and some so", "both", "none"],
)
def test_what_is_wanted_of_a_provider_in_a_registry_that_has_nothing_of_it(there: Tree, missing: list[str]) -> None:
    assert list(providers(Tree().url(url27(A)), there)[f"dubbo {A}"].missing) == missing


def test_without_a_mapping_its_url_says_that_an_instance_offers_it() -> None:
    tree = Tree().url(url33(A), url27(A, "lab.Old")).instance(instance33(), instance33("10.0.0.4"))
    assert providers(tree)[f"dubbo {A}"].facts()["levels"] == ["application", "interface"]
    assert states(tree) == {A: "up", B: "down"}
    assert states(tree, key="lab.Old") == {A: "up"}


def test_a_mapping_says_it_of_a_service_whose_url_does_not() -> None:
    tree = Tree().mapping("lab.Echo").url(url27(A)).instance(instance33("10.0.0.4"))
    assert states(tree) == {A: "up", B: "up"}


def test_the_guard_is_told_of_the_application() -> None:
    tree = both("10.0.0.3", "10.0.0.4").rule(rule30()).url(url33("10.0.0.9:20880"))
    told = reading(tree, wanted=[A, B, C])
    assert (told["kind"], told["pool"], told["source"]) == ("dubbo", "dubbo/order-svc", "registries")
    assert [(one["member"], one["state"]) for one in told["members"]] == [
        (A, "down"), (B, "up"), (C, "gone"), ("10.0.0.9:20880", "up"),
    ]  # fmt: skip
    assert told["parts"] == {"lab.Echo": [A, B, C]}
    assert told["members"][1]["known"] == {
        "services": ["lab.Echo"], "protocols": ["dubbo"],
        "nodes": [{"registry": "zookeeper://zk1:2181", "session": "0x2", "timestamp": BORN}],
    }  # fmt: skip


def test_a_service_that_only_some_offer_is_a_part_of_the_application() -> None:
    tree = Tree().mapping("lab.Echo", "lab.Pay").url(url33(A), url33(A, "lab.Pay")).instance(instance33())
    tree.after().url(url33(B)).instance(instance33("10.0.0.4"))
    told = reading(tree, wanted=[A, B, C])
    assert [one["state"] for one in told["members"]] == ["up", "up", "gone"]
    assert told["parts"] == {"lab.Echo": [A, B, C], "lab.Pay": [A, C]}


def test_a_member_that_lost_a_level_is_partly_there() -> None:
    told = reading(both("10.0.0.3").instance(instance33("10.0.0.4")), wanted=[A, B])
    assert [one["state"] for one in told["members"]] == ["up", "partly"]


def test_a_member_is_told_as_the_inventory_writes_it() -> None:
    tree = Tree().url(url27("[fd00:0:0:0:0:0:0:3]:20880")).after().url(url27("ORDER-3.internal:20880"))
    wanted = ["[fd00:0::3]:20880", "Order-3.Internal:20880", "order-4.internal:20880"]
    assert [(one["member"], one["state"]) for one in members(offers(tree)["lab.Echo"], wanted)] == [
        (wanted[0], "up"),
        (wanted[1], "up"),
        (wanted[2], "down"),
    ]
    with pytest.raises(ValueError, match="members: '10.0.0.3' has no port"):
        members(offers(tree)["lab.Echo"], ["10.0.0.3"])


@pytest.mark.parametrize("level", ["interface", "both"])
def test_several_protocols_of_a_process_are_one_member(level: str) -> None:
    tree = Tree().url(url33(A), url33("10.0.0.3:50051", scheme="tri"))
    if level == "both":
        tree.mapping("lab.Echo").instance(instance33(endpoints={"dubbo": 20880, "tri": 50051}))
    offer = offers(tree)["lab.Echo"]
    for wanted in ([], [A], ["10.0.0.3:50051"]):
        (member,) = members(offer, wanted)
        assert (member["member"], member["state"]) == ((wanted or [A])[0], "up")
        assert member["addresses"] == [A, "10.0.0.3:50051"]
    tree.rule(rule30(providers=("10.0.0.3:50051",)))
    assert [one["state"] for one in members(offers(tree)["lab.Echo"], [A])] == ["down"]


def test_two_instances_of_one_host_are_two_members() -> None:
    """In containers both have the same pid."""
    tree = Tree().url(url27(A, pid="1")).after().url(url27("10.0.0.3:20881", pid="1"))
    assert [one["member"] for one in members(offers(tree)["lab.Echo"], [])] == [A, "10.0.0.3:20881"]


def test_warnings_of_who_else_is_there() -> None:
    tree = Tree().url(url27(A))
    assert warnings(tree) == ["lab.Echo: 10.0.0.3:20880 is the only provider: without it nobody offers this service"]
    tree.url(url27(A, application="pay"))
    assert warnings(tree) == [
        "lab.Echo: other applications offer it too: pay",
        "10.0.0.3 port 20880 is registered by order-svc, pay: only one of them can be there",
    ]


def test_who_else_is_in_the_mapping() -> None:
    tree = both("10.0.0.3", "10.0.0.4")
    tree.contents.mapped["lab.Echo"] = frozenset({"order-svc", "pay"})
    assert offers(tree)["lab.Echo"].mapped == ("pay",)
    assert warnings(tree) == ["lab.Echo: the mapping names pay too, which may offer its interface or did once"]


@pytest.mark.parametrize(
    ("release", "scheme", "numbers"),
    [
        ("2.6.9", "dubbo", [6680]),
        ("2.6.10", "dubbo", []),
        ("2.7.23", "dubbo", []),
        ("3.0.7", "dubbo", [9986, 10610, 12044]),
        ("3.0.8", "dubbo", [10610, 12044]),
        ("3.0.12", "tri", [10610, 12044, 16067]),
        ("3.1.1", "dubbo", [12044]),
        ("3.1.10", "dubbo", []),
        ("3.2.0-beta.4", "dubbo", []),
        ("3.3.6", "dubbo", []),
        ("3.3.6", "tri", [16397]),
        ("SNAPSHOT", "dubbo", []),
    ],
)
def test_versions_with_known_bugs(release: str, scheme: str, numbers: list[int]) -> None:
    tree = Tree().url(*(url33(at, scheme=scheme, release=release) for at in (A, B)))
    found = [one for one in warnings(tree) if "apache/dubbo issue" in one]
    assert found == [one for one in found if one.startswith(f"Dubbo {release}: ")]
    assert [int(one.rpartition(" ")[2].rstrip(")")) for one in found] == numbers


def test_instances_of_which_nothing_says_what_they_offer() -> None:
    tree = Tree().instance(instance33())
    assert offers(tree) == {}
    assert warnings(tree) == [
        "zookeeper://zk1:2181 has instances of order-svc, and nothing that says what they offer: no mapping"
    ]


def test_what_is_malformed_is_told() -> None:
    tree = Tree().url(url27(A), url27(B))
    path = "/dubbo/lab.Echo/providers/junk"
    assert tree.contents.keep(path, _dubbo_url.parse, "junk") == []
    assert warnings(tree) == [f"not read: zookeeper://zk1:2181: {path}: it has no scheme, as in dubbo://"]


def test_a_mapping_is_no_service_of_its_own_where_another_registry_knows_more() -> None:
    first, second = Tree().url(url27(A, group="g1")), Tree("zookeeper://zk9:2181").mapping("lab.Echo")
    second.instance(instance33())
    assert list(offers(first, second)) == ["g1/lab.Echo"]


def test_only_some_interfaces() -> None:
    read = applications(Tree().url(url27(A), url27(A, "lab.Echo2")))
    assert [one.service for one in _dubbo_services.offers(read, ["lab.Echo2"])] == [Service("lab.Echo2")]
