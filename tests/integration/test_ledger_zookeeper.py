# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger in a real ZooKeeper: what every backend does, who may do it, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _guard, _zookeeper_session
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused, State
from ansible_collections.lossless.restart.plugins.module_utils._ledger_zookeeper import ZooKeeper as Backend
from kazoo.exceptions import NoAuthError

from tests.integration.zookeeper_truth import (
    OWNER,
    READER,
    Place,
    Tree,
    Truth,
    anyone,
    mine,
    of,
    secret,
    without_clock,
)
from tests.lab import adhoc
from tests.lab.tls import Authority
from tests.lab.zookeeper import ZooKeeper
from tests.unit.guard_fleet import ALICE
from tests.unit.ledger_semantics import RUN_ID, Semantics, leasing, run_of, timeless

DAY = 86400.0


@pytest.fixture
def place(zookeeper: ZooKeeper, tmp_path: Path) -> Place:
    return Place(zookeeper.hosts, tmp_path)


@pytest.fixture
def truth(zookeeper: ZooKeeper) -> Iterator[Truth]:
    with Truth(zookeeper.hosts) as found:
        yield found


@pytest.fixture
def ledger(place: Place) -> Iterator[Backend]:
    with place.opened() as found:
        yield found


class TestZooKeeper(Semantics):
    """With the fixture above."""


def test_reading_makes_nothing(place: Place, truth: Truth) -> None:
    with place.opened() as ledger:
        assert timeless(ledger.snapshot()).leases == {}
        assert ledger.events(RUN_ID) == [] and ledger.past(RUN_ID) is None and list(ledger.history()) == []
    assert truth.tree(place.path) == {}


@pytest.mark.parametrize("made", [False, True], ids=["before the first run", "after it"])
def test_check_mode_writes_nothing(place: Place, truth: Truth, made: bool) -> None:
    if made:
        with place.opened() as ledger:
            ledger.commit(leasing("order-1"))
    before = truth.tree(place.path)
    with place.opened(dry=True) as ledger:
        assert "order-2" in ledger.commit(leasing("order-2")).leases
        ledger.append(RUN_ID, {"event": "began"})
        assert "order-2" not in ledger.snapshot().leases
    assert truth.tree(place.path) == before


def test_all_belongs_to_one_identity_and_readers_only_read(place: Place, truth: Truth, tmp_path: Path) -> None:
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
        ledger.append(RUN_ID, {"event": "began"})
        ledger.commit(lambda state: state.with_run(run_of("20270115T080000-bbbbbb", "finished")))
    before = truth.tree(place.path)
    assert len(before) == 10
    assert [sorted(node[3]) for node in before.values()] == [sorted([mine(), of(*READER, read=True)])] * 10
    reading = Place(place.hosts, tmp_path, place.path, auth={"file": secret(tmp_path, *READER)})
    with reading.opened() as ledger:
        assert list(ledger.snapshot().leases) == ["order-1"]
        assert [event["event"] for event in ledger.events(RUN_ID)] == ["began"]
        with pytest.raises(Refused, match="cannot be written by digest user 'audit'.*Nothing was changed"):
            ledger.commit(leasing("order-2"))
        with pytest.raises(Refused, match="cannot be written by digest user 'audit'"):
            ledger.append(RUN_ID, {"event": "ended"})
    assert truth.tree(place.path) == before
    with Truth(place.hosts, ("mallory", "x")) as mallory, pytest.raises(NoAuthError):
        mallory.state(place.path)


def test_the_clock_is_the_servers(place: Place, truth: Truth) -> None:
    """Controllers a day apart agree, to the millisecond of the server's own record."""
    for clock in (lambda: time.time() - DAY, time.time, lambda: time.time() + DAY):
        with place.opened(clock=clock) as ledger:
            written = ledger.commit(leasing("order-1"))
            assert written.at == truth.client.get(f"{place.path}/clock")[1].mtime / 1000
            assert ledger.snapshot().at == truth.client.get(f"{place.path}/clock")[1].mtime / 1000
    with place.opened(clock=lambda: time.time() - DAY, dry=True) as ledger:
        assert ledger.snapshot().at >= written.at


def test_the_clock_may_go_back_a_little_and_no_more(place: Place, truth: Truth) -> None:
    with place.opened() as ledger:
        at = ledger.commit(leasing("order-1")).at
    for ahead, refused in ((4, False), (3600, True)):
        state = {**truth.state(place.path), "at": time.time() + ahead}
        truth.client.set(f"{place.path}/state", json.dumps(state).encode())
        with place.opened() as ledger:
            if refused:
                with pytest.raises(Refused, match=r"its servers' clock went back by 3\d\d\d s.*Nothing was changed"):
                    ledger.commit(leasing("order-2"))
            else:
                assert ledger.commit(lambda state: state).at == state["at"] > at


def test_a_ledger_that_vanished_does_not_come_back_empty(place: Place, truth: Truth) -> None:
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
    truth.client.delete(place.path, recursive=True)
    with place.opened(found=False) as ledger:
        for attempt in (lambda: ledger.commit(leasing("order-2")), lambda: ledger.append(RUN_ID, {"event": "x"})):
            with pytest.raises(Refused, match="is not there, or not all of it.*Nothing was changed"):
                attempt()
    assert truth.tree(place.path) == {}


def test_events_in_several_pieces(place: Place, truth: Truth) -> None:
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
        for number in range(5):
            ledger.append(RUN_ID, {"number": number, "why": "x" * 40_000})
        assert [event["number"] for event in ledger.events(RUN_ID)] == [0, 1, 2, 3, 4]
    assert len(truth.client.get_children(f"{place.path}/events/{RUN_ID}")) == 3
    assert [event["number"] for event in truth.events(place.path, RUN_ID)] == [0, 1, 2, 3, 4]


def test_more_than_the_server_takes(place: Place, truth: Truth) -> None:
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
        before = without_clock(truth.tree(place.path))

        def grown(state: State) -> State:
            for number in range(6000):
                state = leasing(f"order-{number}")(state)
            return state

        with pytest.raises(Refused, match="bytes at once, and ZooKeeper takes 1,000,000"):
            ledger.commit(grown)
    assert without_clock(truth.tree(place.path)) == before


# What cannot be trusted, or is not let in

Prepare = Callable[[Place, Truth], Any]


def ready(place: Place, truth: Truth) -> None:
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))


def record(**changed: Any) -> Prepare:
    def change(place: Place, truth: Truth) -> None:
        ready(place, truth)
        truth.client.set(f"{place.path}/state", json.dumps({**truth.state(place.path), **changed}).encode())

    return change


def bytes_of(data: bytes) -> Prepare:
    def change(place: Place, truth: Truth) -> None:
        ready(place, truth)
        truth.client.set(f"{place.path}/state", data)

    return change


def opened_to(*acl: Any, node: str = "") -> Prepare:
    def change(place: Place, truth: Truth) -> None:
        ready(place, truth)
        truth.client.set_acls(f"{place.path}{node}", [mine(), *acl])

    return change


def of_somebody_else(place: Place, truth: Truth) -> None:
    with Truth(place.hosts, ("mallory", "x")) as mallory:
        mallory.make(place.path, acl=[of("mallory", "x", all=True)])


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (bytes_of(b""), "/state is damaged or of another version.*Nothing is guessed.*remove /restart"),
        (bytes_of(b'{"format":2,"id"'), "/state is damaged"),
        (bytes_of(b"\0" * 50), "/state is damaged"),
        (record(format=99), "its format is 99 and this version of the collection knows"),
        (record(token="7"), "its field 'token' is '7'"),
        (record(owner="me"), "it has the unknown field 'owner'"),
        (opened_to(anyone(all=True)), r"/restart-[-\d]+ is open to world:anyone. Look who used it"),
        (opened_to(anyone(read=True), node="/state"), r"/state is open to world:anyone"),
        (opened_to(of("mallory", "x", write=True), node="/state"), "/state is open to digest:mallory"),
        (
            of_somebody_else,
            "by digest user 'restart': this identity has no right to it.*password are right, and the ACL",
        ),
    ],
)
def test_what_cannot_be_trusted(place: Place, truth: Truth, prepare: Prepare, said: str) -> None:
    prepare(place, truth)
    before = without_clock(seen(truth, place))
    with place.opened() as ledger:
        for attempt in (ledger.snapshot, lambda: ledger.commit(leasing("order-2"))):
            with pytest.raises(Refused, match=f"(?s){said}.*Nothing was changed"):
                attempt()
    assert without_clock(seen(truth, place)) == before


def seen(truth: Truth, place: Place) -> Tree | dict[str, Any]:
    """The tree; what is shut to its owner is seen by who shut it."""
    try:
        return truth.tree(place.path)
    except NoAuthError:
        with Truth(place.hosts, ("mallory", "x")) as mallory:
            return mallory.tree(place.path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"auth": ("restart", "wrong")}, "by digest user 'restart': this identity has no right to it"),
        ({"auth": ("nobody", "hunter2")}, "by digest user 'nobody': this identity has no right to it"),
        ({"auth": ("restart", "wrong", "sasl")}, "cannot be read by sasl user 'restart'"),
        ({"auth": ""}, "auth: file .* is not one line user:password"),
        ({"auth": 0o640}, r"not a file of uid \d+ alone .*mode 0640"),
        ({"auth": None}, "auth: file .* is not there"),
        ({"parent": "/nowhere"}, "its parent /nowhere is not there, and only /nowhere/restart itself is made"),
    ],
)
def test_who_is_not_let_in(
    place: Place, truth: Truth, tmp_path: Path, changed: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 3.0)
    ready(place, truth)
    before = without_clock(truth.tree(place.path)), truth.client.get_children("/")
    path = f"{changed['parent']}/restart" if "parent" in changed else place.path
    asked = Place(place.hosts, tmp_path, path)
    who = changed.get("auth", OWNER)
    if isinstance(who, tuple):
        user, password, scheme = (*who, "digest")[:3]
        asked.settings["auth"] = {"file": secret(tmp_path, user, password), "scheme": scheme}
    file = Path(asked.settings["auth"]["file"])
    if who == "":
        file.write_text("restart\n")
    if who is None:
        file.unlink()
    if isinstance(who, int):
        file.chmod(who)
    with pytest.raises(Refused, match=said) as refused:
        _guard.run({"action": "begin", "service": "order-svc", "planned": ["a"], "owner": ALICE, **asked.settings})
    assert "hunter2" not in str(refused.value) and "wrong" not in str(refused.value).replace("is wrong", "")
    assert (without_clock(truth.tree(place.path)), truth.client.get_children("/")) == before


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 0.5)
    with Place("127.0.0.1:1,[::1]:1", tmp_path).opened() as ledger:
        with pytest.raises(Refused, match="unreachable: .*Connection refused.*Nothing more is granted"):
            ledger.snapshot()
        with pytest.raises(Refused, match="Whether its last change was written is not known"):
            ledger.commit(leasing("order-1"))


WITHOUT = """
import json, sys
sys.modules[sys.argv[1]] = None
from ansible_collections.lossless.restart.plugins.module_utils import _guard
try:
    _guard.run(json.loads(sys.argv[2]))
except _guard.Refused as refused:
    print(refused)
"""


@pytest.mark.parametrize(
    ("library", "module", "scheme"), [("kazoo", "kazoo", "digest"), ("pure-sasl", "puresasl", "sasl")]
)
def test_without_a_library(tmp_path: Path, library: str, module: str, scheme: str) -> None:
    """In a process that cannot import it."""
    place = Place("127.0.0.1:1", tmp_path)
    place.settings["auth"]["scheme"] = scheme
    asked = json.dumps({"action": "status", **place.settings})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, asked], env=environment, capture_output=True, text=True, check=True
    )
    assert f"needs the Python library {library} on {os.uname().nodename}, and it is not there" in done.stdout


# Other ways in


def test_tls(zookeeper: ZooKeeper, truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert zookeeper.authority
    cert, key, _both = zookeeper.authority.issue("client")
    files = {"ca": str(zookeeper.authority.ca), "cert": str(cert), "key": str(key)}
    place = Place(zookeeper.tls_hosts, tmp_path, tls=files)
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
    assert list(truth.state(place.path)["leases"]) == ["order-1"]
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 1.0)
    strange = Authority(tmp_path / "strange")
    place.settings["tls"] = {**files, "ca": str(strange.ca)}
    with place.opened() as ledger, pytest.raises(Refused, match="unreachable: .*certificate verify failed"):
        ledger.snapshot()
    place.settings["tls"] = {"ca": "/nowhere/ca.pem"}
    with pytest.raises(Refused, match="tls: ca /nowhere/ca.pem cannot be read"):
        place.opened()


def test_sasl(place: Place, tmp_path: Path) -> None:
    place.settings["auth"] = {"scheme": "sasl", "file": secret(tmp_path, *OWNER)}
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
        assert list(ledger.snapshot().leases) == ["order-1"]
    place.settings["auth"] = {"scheme": "digest", "file": secret(tmp_path, *OWNER)}
    with place.opened() as ledger, pytest.raises(Refused, match="by digest user 'restart'"):
        ledger.snapshot()


def test_through_ansible(place: Place, truth: Truth) -> None:
    """The module in a process of its own; the password stays in its file, however much is said."""
    asked = {"service": "order-svc", "owner": ALICE, "planned": ["order-1"], **place.settings}
    assert adhoc.call("availability_guard", {"action": "begin", **asked}, adhoc.HERE, "--check")["changed"]
    assert truth.tree(place.path) == {}
    run = adhoc.call("availability_guard", {"action": "begin", **asked}, adhoc.HERE)["run"]
    assert list(truth.state(place.path)["runs"]) == [run]
    assert [event["event"] for event in truth.events(place.path, run)] == ["began"]
    said = adhoc.call("availability_guard", {"action": "status", **place.settings}, adhoc.HERE, "-vvv")
    assert [one["id"] for one in said["runs"]] == [run]
    assert "hunter2" not in json.dumps(said)
    assert not [node for node in truth.tree(place.path).values() if b"hunter2" in node[0]]


POLICY = """
format: 1
contact: the platform team
environments:
  production:
    may: [{users: [%s], kinds: [rolling]}]
    approval: false
    confirm: false
"""


def test_the_policy_is_a_node_of_the_platform_team(place: Place, truth: Truth) -> None:
    """Whoever asks the ledger reads it, and only the platform team writes it."""

    def begin(service: str, host: str) -> dict[str, Any]:
        asked = {"service": service, "owner": ALICE, "planned": [host]}
        return _guard.run({**place.settings, **asked, "action": "begin"})

    path, platform = f"{place.path}/policy.yml", ("platform", "p1atform")
    closed, anybody = [of(*platform, all=True), of(*OWNER, read=True)], (POLICY % "'*'").encode()
    begin("order-svc", "order-1")
    truth.make(path, (POLICY % "somebody-else").encode(), closed)
    with pytest.raises(Refused, match=rf"may \(zookeeper://.*{path} line 6\): .* may not do rolling"):
        begin("cart", "cart-1")
    with pytest.raises(NoAuthError):
        truth.client.set(path, b"")
    with Truth(place.hosts, platform) as team:
        team.client.set(path, anybody)
    assert begin("cart", "cart-1")["changed"]
    truth.client.delete(path)
    with pytest.raises(Refused, match="policy.yml is gone, and runs began under one"):
        begin("cart", "cart-2")
    truth.make(path, anybody, [*closed, anyone(all=True)])
    with pytest.raises(Refused, match=f"{path} may be changed by anybody"):
        begin("cart", "cart-2")
