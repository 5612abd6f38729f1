# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind nacos: what is read of a member, what an entry may say, and what two servers of three are worth."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _nacos, _nacos_client, _nacos_turn, _web
from ansible_collections.lossless.restart.plugins.module_utils._nacos import Away, Instance, NacosError
from ansible_collections.lossless.restart.plugins.module_utils._nacos_hold import Hold, Marks
from ansible_collections.lossless.restart.plugins.plugin_utils import _kind_nacos

ONE = Instance("10.0.0.3", 8080, 3.0, True, True, True, "DEFAULT", {"zone": "a"})
OTHER = replace(ONE, ip="10.0.0.4")
AWAY = replace(ONE, healthy=False)
OFF = replace(ONE, enabled=False)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"a": ONE, "b": ONE}, "up"),
        ({"a": ONE, "b": None}, "partly"),
        ({"a": ONE, "b": AWAY}, "partly"),
        ({"a": ONE, "b": OFF}, "down"),
        ({"a": None, "b": OFF}, "down"),
        ({"a": None, "b": AWAY}, "gone"),
        ({"a": replace(ONE, weight=0.0)}, "down"),
    ],
)
def test_the_state_of_a_member(found: dict[str, Instance | None], state: str) -> None:
    assert _nacos.state_of(found) == state


def test_a_reading_has_the_inventory_s_members_and_all_others() -> None:
    services = {"a": [ONE, OTHER, replace(ONE, ip="::1")], "b": [ONE, OTHER, replace(OTHER, cluster="B")]}
    found = _nacos.reading("here", "a", services, ["10.0.0.3:8080", "10.0.0.9:8080"])
    assert found["pool"] == "nacos/a" and [(one["member"], one["state"]) for one in found["members"]] == [
        ("10.0.0.3:8080", "up"),
        ("10.0.0.9:8080", "gone"),
        ("10.0.0.4:8080", "up"),
        # Listed twice, which the guard refuses.
        ("10.0.0.4:8080", "up"),
        ("[::1]:8080", "partly"),
    ]
    assert found["members"][0]["known"] == dict.fromkeys("ab", {"enabled": True, "weight": 3.0})


class Double:
    """In the place of a client: what servers have, as a test sets it; a change is seen at once, or not at all."""

    def __init__(self, there: Sequence[Instance], obeys: bool = True) -> None:
        self.there = {one.member: one for one in there}
        self.obeys = obeys
        self.puts: list[tuple[str, bool, float]] = []
        self.urls = ["one", "two"]
        self.silent: dict[str, str] = {}

    def answering(self) -> list[str]:
        return ["one", "two"]

    def registered(self, url: str, service: str) -> list[Instance]:
        return list(self.there.values())

    def seen(self, url: str, service: str) -> set[str]:
        return {one.member for one in self.there.values() if one.state == "up"}

    def put(self, url: str, service: str, one: Instance, enabled: bool, weight: float) -> None:
        self.puts.append((one.member, enabled, weight))
        if self.obeys:
            self.there[one.member] = replace(one, enabled=enabled, weight=weight)


def turn(double: Any, state: str, before: Any = None, **more: Any) -> tuple[dict[str, Any], str]:
    made = _nacos_turn.Turn(double, ["a"], [ONE.member], before or {}, **more)
    said = made.run(state, settle=0.0, deadline=0.2, interval=0.01, recheck=False)
    return made.result, said


def test_only_what_was_there_comes_back() -> None:
    double = Double([ONE, OTHER])
    before = turn(double, "out")[0]["before"]["members"]
    assert double.puts == [(ONE.member, False, 3.0)] and double.there[OTHER.member] == OTHER
    turn(double, "in", before, share=50.0)
    turn(double, "in", before)
    assert double.puts[1:] == [(ONE.member, True, 1.5), (ONE.member, True, 3.0)] and double.there[ONE.member] == ONE
    double = Double([OFF])
    before = turn(double, "out")[0]["before"]["members"]
    # Its next process has come back enabled.
    double.there[ONE.member] = ONE
    turn(double, "in", before)
    assert double.puts == [(ONE.member, False, 3.0)]


def test_what_a_hold_may_have_changed_just_now_is_set_once_whatever_is_read() -> None:
    double = Double([ONE])
    result, _said = turn(double, "in", {ONE.member: {"a": {"enabled": True, "weight": 3.0}}}, anew=True)
    assert result["changed"] and double.puts == [(ONE.member, True, 3.0)]


def test_a_server_that_says_yes_and_does_nothing_is_found_out() -> None:
    with pytest.raises(NacosError) as error:
        turn(Double([ONE], obeys=False), "out")
    assert "NOT proved out" in str(error.value) and "one shows 10.0.0.3:8080 to consumers of a" in str(error.value)


@pytest.mark.parametrize(("dead", "fine"), [(1, True), (2, False)])
def test_more_than_half_have_to_answer(monkeypatch: pytest.MonkeyPatch, dead: int, fine: bool) -> None:
    urls = [f"http://nacos{number}:8848/nacos" for number in range(3)]

    def fetch(_session: Any, _method: str, url: str, **_more: Any) -> tuple[int, bytes]:
        if any(url.startswith(one) for one in urls[:dead]):
            raise _web.Silent("connection refused")
        return 200, b""

    monkeypatch.setattr(_web, "fetch", fetch)
    client = _nacos_client.Client(urls, _nacos.Place("public", "G", "DEFAULT"), None, {}, None)
    if fine:
        assert client.answering() == urls[1:] and client.silent == {urls[0]: "connection refused"}
        return
    with pytest.raises(NacosError) as error:
        client.answering()
    assert "1 of 3 servers answer, and more than half have to" in str(error.value)


def test_who_asks_2_x_shows_a_token_and_gets_a_new_one_when_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the path of Nacos's default plugin, which the lab's 2.x server does not have: nobody publishes it."""
    asked: list[tuple[str, str, dict[str, Any]]] = []
    tokens = iter(["old", "new"])

    def fetch(_session: Any, method: str, url: str, **more: Any) -> tuple[int, bytes]:
        path = url.removeprefix("http://nacos1:8848/nacos/")
        words = more.get("params") or more.get("data") or {}
        asked.append((method, path, words))
        if path.startswith("v3/"):
            return 404, b""
        if path == "v1/auth/login":
            return 200, json.dumps({"accessToken": next(tokens), "tokenTtl": 18000}).encode()
        return (200, b'{"list": []}') if words.get("accessToken") == "new" else (403, b"token expired!")

    monkeypatch.setattr(_web, "fetch", fetch)
    url = "http://nacos1:8848/nacos"
    client = _nacos_client.Client([url], _nacos.Place("public", "G", "DEFAULT"), ("order", "s3cret"), {}, None)
    assert client.registered(url, "order-svc") == [] == client.registered(url, "order-svc")
    logins = [(method, words) for method, path, words in asked if path == "v1/auth/login"]
    assert logins == [("POST", {"username": "order", "password": "s3cret"})] * 2
    shown = [words["accessToken"] for _method, path, words in asked if path == "v1/ns/catalog/instances"]
    assert shown == ["old", "new", "new"]


class Restarted(Double):
    """Its servers are away for so many questions; by number of the one with which that begins."""

    def __init__(self, there: Sequence[Instance], begins: int, lasts: int) -> None:
        super().__init__(there)
        self.asked, self.away = 0, range(begins, begins + lasts)

    def answering(self) -> list[str]:
        self.asked += 1
        if self.asked in self.away:
            raise Away("0 of 2 servers answer")
        return self.urls


def test_servers_that_are_restarted_are_waited_for() -> None:
    before = {ONE.member: {"a": {"enabled": True, "weight": 3.0}}}
    double = Restarted([OFF], 1, 3)
    assert turn(double, "in", before)[0]["changed"] and double.there[ONE.member] == ONE
    double = Restarted([ONE], 2, 3)
    assert turn(double, "out")[0]["changed"] and not double.there[ONE.member].enabled
    with pytest.raises(Away):
        turn(Restarted([OFF], 1, 1000), "in", before)
    with pytest.raises(NacosError, match="NOT proved out within 0.2 s: 0 of 2 servers answer"):
        turn(Restarted([ONE], 2, 1000), "out")


def test_nothing_is_begun_with_servers_that_are_away() -> None:
    double = Restarted([ONE], 1, 1)
    with pytest.raises(Away):
        turn(double, "out")
    assert double.asked == 1 and double.puts == []


def test_a_server_that_gave_no_answer_is_asked_anew_whether_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    urls, dead = ["http://nacos1", "http://nacos2", "http://nacos3"], set[str]()

    def fetch(_session: Any, _method: str, url: str, **_more: Any) -> tuple[int, bytes]:
        if url[:13] in dead:
            raise _web.Silent("connection refused")
        return (404, b"") if "/v3/" in url else (200, b'{"list": []}')

    monkeypatch.setattr(_web, "fetch", fetch)
    client = _nacos_client.Client(urls, _nacos.Place("public", "G", "DEFAULT"), None, {}, None)
    assert client.answering() == urls
    dead.add(urls[0])
    with pytest.raises(Away):
        client.registered(urls[0], "order-svc")
    assert client.answering() == urls[1:] and client.registered(urls[1], "order-svc") == []
    dead.clear()
    assert client.answering() == urls


class Days:
    """A clock whose sleeps let something happen: by the number of the look before it."""

    def __init__(self, happens: dict[int, Callable[[], object]]) -> None:
        self.now, self.slept, self.happens = 0.0, 0, happens

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1
        self.happens.get(self.slept, lambda: None)()


class Forgetful(Double):
    """It takes what is said of who is away, for when it is back."""

    def __init__(self, there: Sequence[Instance]) -> None:
        super().__init__(there)
        self.said: list[tuple[str, bool, float, Any]] = []
        self.dead = False

    def answering(self) -> list[str]:
        if self.dead:
            raise NacosError("0 of 2 servers answer")
        return super().answering()

    def put_away(self, url: str, service: str, one: Instance, enabled: bool, weight: float) -> None:
        self.said.append((one.member, enabled, weight, one.metadata))

    def leave(self) -> None:
        del self.there[ONE.member]

    def come(self, enabled: bool) -> None:
        self.there[ONE.member] = replace(ONE, enabled=enabled)


def held(double: Forgetful, folder: Path, happens: dict[int, Callable[[], object]]) -> tuple[str, Marks]:
    marks = Marks(str(folder), "public G a")
    client: Any = double
    hold = Hold(client, {ONE.member: {"a": 2.0}}, marks, contextlib.nullcontext, Days(happens))
    return hold.run(10.0, 1.0), marks


def test_who_is_away_is_kept_out_until_it_is_set(tmp_path: Path) -> None:
    double = Forgetful([OFF])
    marks = Marks(str(tmp_path), "public G a")
    said, _marks = held(
        double,
        tmp_path,
        {1: double.leave, 3: lambda: double.come(True), 5: lambda: marks.end([ONE.member])},
    )
    assert said == "held until they were set by others"
    # Twice while it was away, and once as it came back enabled all the same.
    assert double.said == [(ONE.member, False, 2.0, {})] * 2 and double.puts == [(ONE.member, False, 2.0)]
    assert not double.there[ONE.member].enabled


def test_who_is_enabled_while_it_is_there_is_wanted(tmp_path: Path) -> None:
    double = Forgetful([OFF])
    said, _marks = held(double, tmp_path, {2: lambda: double.come(True)})
    assert said == "held until they were set by others" and double.puts == [] and double.there[ONE.member].enabled


def test_a_server_that_lost_what_it_knew_is_told_again(tmp_path: Path) -> None:
    double = Forgetful([OFF])

    def back() -> None:
        double.dead = False
        double.come(True)

    said, _marks = held(double, tmp_path, {1: lambda: setattr(double, "dead", True), 3: back})
    assert said == "held for 10 s" and double.puts == [(ONE.member, False, 2.0)]


def test_who_has_not_come_back_is_let_go(tmp_path: Path) -> None:
    double = Forgetful([OFF])
    said, marks = held(double, tmp_path, {1: double.leave})
    assert said == "held for 10 s" and double.said[-1] == (ONE.member, True, 2.0, {})
    assert {enabled for _member, enabled, _weight, _data in double.said[:-1]} == {False}
    assert list((tmp_path / "nacos").iterdir()) == [] and not marks.has(ONE.member, "")


def test_a_newer_hold_ends_the_older_one(tmp_path: Path) -> None:
    double = Forgetful([OFF])
    marks = Marks(str(tmp_path), "public G a")
    said, _marks = held(double, tmp_path, {2: lambda: marks.put(ONE.member, "another"), 3: double.leave})
    assert said == "held until they were set by others" and double.said == [] and marks.has(ONE.member, "another")


ENTRY = {"kind": "nacos", "servers": ["http://nacos1:8848/nacos"], "services": "order-svc"}


def test_an_entry() -> None:
    [source] = _kind_nacos.sources({**ENTRY, "namespace": "prod"})
    assert source == {
        "name": "order-svc in prod at http://nacos1:8848/nacos",
        "host": "localhost",
        "settings": {
            **{"servers": ENTRY["servers"], "services": ["order-svc"], "namespace": "prod"},
            "settle": 35.0,
        },
    }
    assert _kind_nacos.pool(ENTRY) == "order-svc" and _kind_nacos.member(ENTRY, "10.0.0.3:8080") == "10.0.0.3:8080"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"servers": "nacos1:8848"}, "servers:"),
        ({"servers": []}, "servers [] is no name, or list of them"),
        ({"services": [""]}, "services [''] is no name, or list of them"),
        ({"services": ["a", "a"]}, "services names one twice"),
        ({"services": "G@@a"}, "'G@@a' is no name of a service"),
        ({"settle": "35"}, "settle '35' is no number of seconds"),
        ({"tls": {"cert": "/a"}}, "tls has no ca"),
        ({"auth": {"file": "a"}}, "auth: file"),
        ({"reader": ""}, "reader"),
    ],
)
def test_an_entry_that_cannot_be_meant(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        _kind_nacos.sources({**ENTRY, **entry})
    assert said in str(error.value)
