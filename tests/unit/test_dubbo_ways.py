# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_state by rule and by registry, of single services, and with a counter of calls: on doubles."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import (
    _dubbo_half,
    _dubbo_instance,
    _dubbo_rule,
    _dubbo_task,
    _dubbo_turn,
    _dubbo_url,
)
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_application import Application
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_calls import Uncounted
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_proof import Proof
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_registry import RegistryError
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_writing import Plan, Written
from ansible_collections.lossless.restart.plugins.module_utils._poll import NotProved
from ansible_collections.lossless.restart.plugins.modules import dubbo_provider_state

from tests.unit.dubbo_nodes import instance33, metadata33, rule30, url27, url33
from tests.unit.qos_double import Living
from tests.unit.test_dubbo_services import REVISION, A, B, Tree, applications, both
from tests.unit.test_dubbo_state import Clock

HOST, OTHER = "10.0.0.3", "10.0.0.4"
FOLDER = "/dubbo/config/dubbo"
ECHO, PAY = f"{FOLDER}/lab.Echo::.configurators", f"{FOLDER}/lab.Pay:1.0.0:g1.configurators"


class Place:
    """A registry that can be written: what a tree has, and rules that are read as they stand now."""

    def __init__(self, tree: Tree, rules: Mapping[str, bytes] | None = None) -> None:
        self.name = tree.contents.registry
        self.tree = tree
        self.rules = dict(rules or {})
        self.denied = False

    def read(self) -> list[Application]:
        found = [rule for path, data in self.rules.items() for rule in _dubbo_rule.from_config(path, data)]
        self.tree.contents.rules[:] = found
        return applications(self.tree)

    def rule_path(self, service: _dubbo_url.Service) -> str:
        return f"{FOLDER}/{service.rule_key}.configurators"

    def rule_paths(self) -> list[str]:
        return sorted(self.rules)

    def change(self, paths: Sequence[str], plan: Plan, write: bool) -> list[Written]:
        nodes = [one.node.path for one in self.tree.contents.urls]
        nodes += [one.node.path for one in self.tree.contents.instances]
        there = {path: self.rules.get(path, b"" if path in nodes else None) for path in paths}
        found = [
            Written(self.name, path, there[path], data) for path, data in plan(there).items() if data != there[path]
        ]
        if write and self.denied:
            raise RegistryError("no right")
        for one in found if write else ():
            self._set(one)
        return found

    def _set(self, one: Written) -> None:
        contents = self.tree.contents
        if one.after is not None:
            self.rules[one.path] = one.after
        elif self.rules.pop(one.path, None) is None:
            contents.urls = [node for node in contents.urls if node.node.path != one.path]
            contents.instances = [node for node in contents.instances if node.node.path != one.path]


class Places:
    """All registries of the application."""

    def __init__(self, *places: Place) -> None:
        self.places = places
        self.looked: Callable[[], None] = lambda: None

    def read(self) -> list[Application]:
        self.looked()
        return [found for place in self.places for found in place.read()]


class Call:
    """One call of the module on these registries."""

    def __init__(self, state: str, *places: Place, qos: Living | None = None, **params: Any) -> None:
        check, port = params.pop("check", False), params.pop("port", qos.port if qos else None)
        defaults = {name: one.get("default") for name, one in dubbo_provider_state.SPEC["argument_spec"].items()}
        given: dict[str, Any] = {
            "registries": ["zookeeper://zk1:2181"], "application": "order-svc", "members": [A],
            "qos": port, "restarted": False,
        }  # fmt: skip
        task = _dubbo_task.task({**defaults, "state": state, **given, **params})
        self.clock = Clock()
        self.source = Places(*places)
        proof = Proof(self.source, task.members, task.known, self.clock, task.services)
        change = _dubbo_half.half(task, places, proof, self.clock)
        self.turn = _dubbo_turn.Turn(task, change, proof, check, self.clock)

    def run(self) -> dict[str, Any]:
        said = self.turn.run()
        return {**self.turn.result, "msg": said}

    def fails(self, error: type[Exception], text: str) -> dict[str, Any]:
        with pytest.raises(error, match=re.escape(text)):
            self.turn.run()
        return self.turn.result


def two(*hosts: str) -> Tree:
    """Instances that offer g1/lab.Pay:1.0.0 beside lab.Echo."""
    found = Tree().mapping("lab.Echo", "lab.Pay")
    for host in hosts:
        pay = url33(f"{host}:20880", "lab.Pay", group="g1", version="1.0.0")
        found.url(url33(f"{host}:20880"), pay).instance(instance33(host)).after()
    return found


def test_out_and_in_by_a_rule() -> None:
    """Every service by its own name, of this member alone; and nothing of it is left afterwards."""
    place = Place(two(HOST, OTHER), {"/dubbo/config/dubbo/pay.configurators": rule30("pay")})
    before = dict(place.rules)
    would = Call("out", place, via="rule", check=True).run()
    assert would["changed"] and place.rules == before and would["msg"] == "would be taken out by 2 rules (as asked)"
    taken = Call("out", place, via="rule").run()
    assert (taken["chose"], taken["changed"], taken["settle"]["seconds"]) == ("rule", True, 6)
    assert sorted(place.rules) == sorted({*before, ECHO, PAY})
    assert taken["seconds"] == {"command": 0.0, "barred": 0.0, "settle": 6.0}
    assert {(one["service"], *one["by"]) for one in taken["barred"]} == {
        ("lab.Echo", ECHO), ("g1/lab.Pay:1.0.0", PAY),
    }  # fmt: skip
    states = {one.address: one.state for offer in offers(place) for one in offer.providers}
    assert states == {A: "down", B: "up"}
    again = Call("out", place, via="rule").run()
    assert not again["changed"] and Call("out", place, via="rule", recheck=True).run()["msg"] == "still out"
    back = Call("in", place, via="rule", before=taken["before"]).run()
    assert back["changed"] and place.rules == before
    assert not Call("in", place, via="rule", before=taken["before"]).run()["changed"]
    Call("out", place, via="rule", recheck=True).fails(NotProved, f"lab.Echo of {A} is taken from consumers by no rule")


def offers(place: Place) -> list[Any]:
    return list(Proof(Places(place), {A: A}, {}).look().offers)


def test_every_registry_has_a_rule_of_its_own() -> None:
    blue, green = Place(both(HOST, OTHER)), Place(Tree("zookeeper://green:2181"))
    green.tree.url(url33(A))
    Call("out", blue, green, via="rule").run()
    assert list(blue.rules) == list(green.rules) == [ECHO]
    green.rules.clear()
    Call("out", blue, green, via="rule", recheck=True).fails(NotProved, "by no rule in zookeeper://green:2181")


def test_a_rule_that_somebody_removes_in_between() -> None:
    call = Call("out", place := Place(both(HOST, OTHER)), via="rule", deadline=5)
    call.source.looked = lambda: place.rules.clear() if call.clock.now > 1003 else None
    call.fails(NotProved, f"lab.Echo of {A} is taken from consumers by no rule in zookeeper://zk1:2181")


def test_what_a_person_disabled_stays() -> None:
    theirs = {ECHO: rule30(providers=(A,))}
    place = Place(two(HOST, OTHER), theirs)
    taken = Call("out", place, via="rule").run()
    assert taken["before"]["members"][A]["services"] == ["g1/lab.Pay:1.0.0"]
    Call("in", place, via="rule", before=taken["before"]).run()
    assert place.rules == theirs
    # Without a word of what was, too; but who says that it was in traffic waits for it in vain.
    Call("in", place, via="rule").run()
    Call("in", place, via="rule", services=["lab.Echo"]).run()
    served = json.loads(json.dumps(taken["before"]))
    served["members"][A]["services"].append("lab.Echo")
    Call("in", place, before=served, deadline=5).fails(
        NotProved, f"lab.Echo of {A} is taken from its consumers by {ECHO}"
    )


def test_a_rule_of_ours_is_not_overlooked() -> None:
    place = Place(both(HOST, OTHER))
    taken = Call("out", place, via="rule").run()
    Call("in", place, before=taken["before"]).fails(ValueError, f"{A} is kept from its consumers by {ECHO}, written by")
    assert list(place.rules) == [ECHO]
    # Another member's is its own affair.
    assert not Call("in", place, via="rule", members=[B]).run()["changed"] and list(place.rules) == [ECHO]


def test_what_a_rule_breaks_is_said_where_it_does() -> None:
    (text,) = Call("out", Place(both(HOST, OTHER)), via="rule", check=True).run()["warnings"]
    assert "breaks the calls that consumers of the application level have under way (16 of 9,043" in text
    old = Place(Tree().url(url27(A)).after().url(url27(B)))
    assert Call("out", old, via="rule", check=True).run()["warnings"] == []


@pytest.mark.parametrize(
    ("tree", "params", "said"),
    [
        (Tree().mapping("lab.Echo").instance(instance33(HOST)), {}, "names lab.Echo by its interface alone"),
        (
            Tree().instance(instance33(HOST)).after().url(url27(B)),
            {},
            f"nothing says what {A} offers, so that no rule can",
        ),
        (both(HOST).url(url33(f"{HOST}:2088")), {}, f"takes {HOST}:2088 too, which is a part of it"),
        (
            Tree().url(url27(A, release="2.7.3")),
            {},
            "consumers of Dubbo 2.7.3 do not listen to rules as they are since",
        ),
        (both(OTHER), {}, f"members: {A} is listed nowhere"),
        (both(HOST), {"services": ["lab.Eco"]}, "services: order-svc has no lab.Eco; it has lab.Echo"),
    ],
)
def test_where_no_rule_is_written(tree: Tree, params: dict[str, Any], said: str) -> None:
    place = Place(tree)
    result = Call("out", place, via="rule", **params).fails(ValueError, said)
    assert not result["changed"] and not place.rules


def test_a_service_that_only_the_mapping_knows_can_be_named() -> None:
    place = Place(Tree().mapping("lab.Pay").instance(instance33(HOST)))
    taken = Call("out", place, via="rule", services=["g1/lab.Pay:1.0.0"]).run()
    assert list(place.rules) == [PAY] and [one["service"] for one in taken["barred"]] == ["g1/lab.Pay:1.0.0"]


def test_a_rule_names_addresses_as_consumers_know_them() -> None:
    """To the letter: IPv6 stands in URLs with and without brackets, and each protocol has a port of its own."""
    tree = Tree().url(url33("[FD00::3]:20880"), url33("[FD00::3]:50051", scheme="tri"))
    place = Place(tree)
    Call("out", place, via="rule", members=["[fd00::3]:20880"]).run()
    (rule,) = _dubbo_rule.from_config(ECHO, place.rules[ECHO])
    assert set(rule.providers) >= {"[FD00::3]:20880", "[fd00::3]:20880", "fd00::3:20880", "[FD00::3]:50051"}
    assert rule.ours == "[fd00::3]:20880"


def test_only_some_services_by_a_rule() -> None:
    place = Place(two(HOST, OTHER))
    Call("out", place, via="rule", services=["lab.Echo"]).run()
    assert list(place.rules) == [ECHO]
    Call("out", place, via="rule").run()
    Call("in", place, via="rule", services=["lab.Echo"]).run()
    assert list(place.rules) == [PAY]


def test_a_rule_that_takes_no_entry_is_named() -> None:
    place = Place(both(HOST, OTHER), {ECHO: b"key: lab.Echo\nconfigs: []"})
    Call("out", place, via="rule").fails(ValueError, f"zookeeper://zk1:2181: {ECHO}: its list configs is empty")


def test_a_write_that_is_denied(tmp_path: Path) -> None:
    place = Place(both(HOST, OTHER))
    place.denied = True
    result = Call("out", place, via="rule", token=3, state_dir=str(tmp_path)).fails(RegistryError, "no right")
    assert result["changed"] and not place.rules


@pytest.mark.parametrize("via", ["rule", "registry"])
def test_a_token_that_is_too_old(via: str, tmp_path: Path) -> None:
    place = Place(both(HOST, OTHER))
    Call("out", place, via=via, token=7, state_dir=str(tmp_path), check=True).run()
    assert not list(tmp_path.iterdir())
    Call("in", place, via="rule", token=7, state_dir=str(tmp_path)).run()
    with pytest.raises(Exception, match="token 6 is older than 7"):
        Call("out", place, via=via, token=6, state_dir=str(tmp_path)).run()
    assert not place.rules and len(place.tree.contents.urls) == 2


def test_out_by_deleted_nodes() -> None:
    place = Place(two(HOST, OTHER))
    taken = Call("out", place, via="registry").run()
    assert (taken["chose"], taken["changed"], taken["settle"]["seconds"]) == ("registry", True, 6)
    assert [one["done"] for one in taken["written"]] == ["deleted"] * 3 and not place.rules
    assert "its ls still says Y" in taken["warnings"][0]
    left = [one.url.host for one in place.tree.contents.urls] + [
        one.instance.host for one in place.tree.contents.instances
    ]
    assert left == [OTHER] * 3
    assert not Call("out", place, via="registry", before=taken["before"]).run()["changed"]
    Call("in", place, via="registry", before=taken["before"]).fails(
        ValueError, "deleted nodes are made by their process alone: restart it, or name its qos"
    )
    Call("in", place, via="registry", before=taken["before"], restarted=True, deadline=5).fails(
        NotProved, "Deleted nodes come back by a restart, or by qos with restarted: false"
    )


def test_a_node_that_no_session_keeps_is_not_deleted() -> None:
    tree = both(OTHER)
    tree.session = 0
    place = Place(tree.url(url33(A, dynamic="false")))
    Call("out", place, via="registry").fails(ValueError, "is persistent, so that it is not its process that keeps it")
    assert len(place.tree.contents.urls) == 2


@pytest.mark.parametrize(("tries", "seconds"), [(1, 2.0), (2, 8.0)])
def test_back_by_offline_and_online(tries: int, seconds: float) -> None:
    """What says that it is registered, and is not, has to leave before it can come; what is there stays.

    A process that comes back too soon has never left: then again, with a longer pause.
    """
    place = Place(Tree().url(url27(A)).after().url(url27(B), url27(B, "lab.Pay")))
    with Living("2.7.23", {"lab.Echo": True, "lab.Pay": True}) as one:
        call = Call("in", place, qos=one, via="registry")
        call.source.looked = lambda: appear(place, one, tries)
        result = call.run()
        assert [target.partition("?")[0] for target in one.told] == ["/offline", "/online"] * tries
        assert all("lab%5C.Pay" in target for target in one.told)
        assert result["changed"] and all(one.registered.values()) and result["seconds"]["command"] == seconds
        again = Call("in", place, qos=one, via="registry").run()
        assert not again["changed"] and len(one.told) == 2 * tries


def appear(place: Place, one: Living, tries: int) -> None:
    """Register what the process was told to, when it was told so often."""
    there = any(url.url.service.interface == "lab.Pay" and url.url.host == HOST for url in place.tree.contents.urls)
    if not there and str(one.told).count("/online") == tries:
        place.tree.session = 1
        place.tree.url(url27(A, "lab.Pay"))


def test_one_that_does_not_come_back() -> None:
    with Living("2.7.23", {"lab.Echo": True}) as one:
        place = Place(Tree().after().url(url27(B)))
        result = Call("in", place, qos=one, via="registry", deadline=20).fails(NotProved, "NOT proved in: after 20.0 s")
        assert result["changed"] and len(one.told) == 6


def test_nothing_is_written_unless_it_is_asked_for() -> None:
    place = Place(both(HOST, OTHER))
    result = Call("out", place, check=True).run()
    assert (result["chose"], result["changed"]) == (None, False) and "only where via names them" in result["why"]
    assert "written" not in result and not place.rules


def test_single_services_by_qos() -> None:
    place = Place(Tree().url(url27(A), url27(A, "lab.Pay"), url27(B)))
    with Living("3.3.6", {"lab.Echo": True, "lab.Pay": True}) as one:
        call = Call("out", place, qos=one, services=["lab.Pay"])
        call.source.looked = lambda: leave(place, one)
        result = call.run()
        assert one.registered == {"lab.Echo": True, "lab.Pay": False} and result["chose"] == "qos"
        assert result["why"] == "only some services leave, and gracefulShutdown takes all of them"
        assert [urlname(node["path"]) for node in result["gone"]] == ["lab.Pay"]
        Call("out", place, qos=one, services=["lab.Nix"]).fails(
            ValueError, "services: this process has no lab.Nix; it has lab.Echo, lab.Pay"
        )


def urlname(path: str) -> str:
    return _dubbo_url.parse(path.rpartition("/")[2]).service.interface


def leave(place: Place, one: Living) -> None:
    if not one.registered["lab.Pay"]:
        place.tree.contents.urls = [url for url in place.tree.contents.urls if url.url.service.interface != "lab.Pay"]


def test_single_services_on_the_application_level() -> None:
    """Metadata in the registry tell one from another. Without them nothing does but the interface level, or QoS."""

    def tree(*services: tuple[str, str, str, str], **more: Any) -> Tree:
        found = Tree().mapping("lab.Echo", "lab.Pay").instance(instance33(HOST, **more))
        if services:
            found.contents.metadata[REVISION] = _dubbo_instance.services(metadata33(*services))
        return found

    echo, pay = ("lab.Echo", "", "", "dubbo"), ("lab.Pay", "", "", "dubbo")
    Call("out", Place(tree(echo)), services=["lab.Pay"], deadline=5).run()
    Call("out", Place(tree(echo, pay)), services=["lab.Pay"], deadline=5).fails(
        NotProved, f"NOT proved out: after 11.0 s: {A}"
    )
    result = Call("out", Place(tree()), services=["lab.Pay"], deadline=5).fails(
        NotProved, "has nothing that tells single services from each other: ask its qos as well"
    )
    assert "does not say which services an instance offers" in result["warnings"][0]


@contextlib.contextmanager
def counter(count: Callable[[], Any]) -> Iterator[str]:
    """The URL of a document with what `count` gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"calls": {"served": count()}}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/status"
        server.shutdown()


@pytest.mark.parametrize(("until", "last"), [(1002.2, 2.5), (0.0, None)])
def test_when_it_was_called_last(until: float, last: float | None) -> None:
    call: list[Call] = []
    with counter(lambda: min(call[0].clock.now, until)) as url:
        asked = {"url": url, "field": "calls.served"}
        call.append(Call("out", Place(both(HOST, OTHER)), via="rule", calls=asked))
        assert call[0].run()["last_call"] == last


def test_the_first_call_is_waited_for() -> None:
    call: list[Call] = []
    with counter(lambda: 7 if call[0].clock.now < 1003 else 8) as url:
        asked = {"url": url, "field": "calls.served"}
        call.append(Call("in", Place(both(HOST, OTHER)), calls=asked))
        result = call[0].run()
        assert (result["first_call"], result["seconds"]["called"]) == (3.0, 3.0) and "called after 3.0 s" in result[
            "msg"
        ]
        call[0] = Call("in", Place(both(HOST, OTHER)), calls=asked, deadline=2, quiet=0.5)
        assert call[0].fails(NotProved, "NOT proved in: after 2.0 s: no call arrived")["first_call"] is None


def test_a_counter_that_cannot_be_read() -> None:
    place = Place(both(HOST, OTHER))
    with counter(lambda: "seven") as url:
        for field, said in (("calls.served", "is 'seven', which is no number"), ("calls.nix", "calls has no 'nix'")):
            Call("out", place, via="rule", calls={"url": url, "field": field}).fails(Uncounted, said)
    Call("out", place, via="rule", calls={"url": url, "field": "served"}).fails(Uncounted, f"calls: {url}: ")
    assert not place.rules


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"via": "rule", "registries": None, "members": [], "port": 1}, "via rule writes to the registries: name"),
        ({"via": "registry", "registries": None, "members": [], "port": 1}, "via registry writes to the registries"),
        ({"services": ["lab.Ech.*"]}, "services: 'lab.Ech.*' is no service: write its key as Dubbo does"),
        ({"services": ["lab.Echo|lab.Pay"]}, "patterns are not taken"),
        ({"services": ["lab.Echo"], "via": "graceful"}, "services: via graceful takes the whole provider: use via qos"),
        ({"services": ["lab.Echo"], "via": "registry"}, "services: via registry takes the whole provider"),
        ({"calls": {"url": "ftp://x", "field": "a"}}, "ftp://x"),
        ({"calls": {"url": "http://x", "field": "a..b"}}, "calls: field 'a..b' is no dotted path"),
        ({"calls": {"url": "http://x"}}, "is not {url, field}"),
        ({"calls": {"url": "http://x", "field": "a"}, "registries": None, "members": [], "port": 1}, "name those"),
    ],
)
def test_arguments(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Call("out", Place(both(HOST)), **params)
