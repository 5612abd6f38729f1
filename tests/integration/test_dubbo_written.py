# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_state writes to a real ZooKeeper: what stands there is read byte for byte by a client of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _zookeeper
from ansible_collections.lossless.restart.plugins.modules import dubbo_provider_state
from kazoo.security import make_acl, make_digest_acl

from tests.integration.test_dubbo_info import A, B, Place, Process
from tests.integration.zookeeper_truth import OWNER, READER, secret
from tests.lab.zookeeper import ZooKeeper
from tests.unit.dubbo_nodes import instance33, rule30, url33

THEIRS = rule30(providers=("10.0.0.9:20880",)) + b"# by ops\n"


@pytest.fixture
def place(zookeeper: ZooKeeper) -> Place:
    return Place(zookeeper)


@pytest.fixture
def process(place: Place) -> Iterator[Process]:
    """An instance of 3.3 with lab.Echo on both levels; another one beside it."""
    with place.process() as first, place.process() as second:
        first.make(f"{first.root}/mapping/lab.Echo", b"order-svc")
        for one, host in ((first, "10.0.0.3"), (second, "10.0.0.4")):
            one.offer(url33(f"{host}:20880"))
            one.appear("order-svc", f"{host}:20880", instance33(host))
        yield first


def ask(place: Place, state: str, via: str = "rule", check: bool = False, **params: Any) -> dict[str, Any]:
    """What the module answers, in this process."""
    defaults = {name: option.get("default") for name, option in dubbo_provider_state.SPEC["argument_spec"].items()}
    asked = {"state": state, "via": via, "registries": [place.address], "application": "order-svc", "members": [A]}
    more = {"settle": 0.0, "restarted": False, "deadline": 5.0, "quiet": 0.0, **params}
    return _answer.of(dubbo_provider_state.run, {**defaults, **asked, **more}, check)


def tree(process: Process, path: str = "") -> dict[str, bytes]:
    """Everything below the chroot."""
    path = path or process.root.rpartition("/")[0]
    found = {path: process.client.get(path)[0]}
    for name in process.client.get_children(path):
        found.update(tree(process, f"{path}/{name}"))
    return found


def rule(process: Process) -> str:
    return f"{process.root}/config/dubbo/lab.Echo::.configurators"


def test_what_was_made_goes_again(place: Place, process: Process) -> None:
    """The node, and the folders above it that were not there."""
    before = tree(process)
    assert ask(place, "out", check=True)["changed"] and tree(process) == before
    taken = ask(place, "out")
    assert taken["changed"] and not taken.get("failed")
    made = tree(process)
    assert sorted(made.keys() - before.keys()) == sorted(
        [f"{process.root}/config", f"{process.root}/config/dubbo", rule(process)]
    )
    assert A.encode() in made[rule(process)] and B.encode() not in made[rule(process)]
    assert not ask(place, "out")["changed"] and tree(process) == made
    assert ask(place, "in", before=taken["before"])["changed"] and tree(process) == before
    assert not ask(place, "in", before=taken["before"])["changed"]


def test_what_was_there_stays(place: Place, process: Process) -> None:
    process.make(rule(process), THEIRS)
    before = tree(process)
    ask(place, "out")
    during = process.client.get(rule(process))[0]
    assert len(during) > len(THEIRS) and during.endswith(THEIRS[THEIRS.index(b'"side"') - 1 :])
    # Two members in one rule, and the folder is another's.
    ask(place, "out", members=[B])
    ask(place, "in")
    ask(place, "in", members=[B])
    assert tree(process) == before


def test_a_folder_that_others_use_stays(place: Place, process: Process) -> None:
    ask(place, "out")
    other = process.make(f"{process.root}/config/dubbo/lab.Other::.configurators", THEIRS)
    ask(place, "in")
    assert not process.client.exists(rule(process)) and process.client.get(other)[0] == THEIRS


def test_who_writes_in_between_is_not_overwritten(
    place: Place, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the module read is no more when it writes, once: it reads again."""
    process.make(rule(process), THEIRS)
    theirs = THEIRS.replace(b"10.0.0.9", b"10.0.0.8")
    write, first = _zookeeper.ZooKeeper.write, threading.Event()

    def late(self: Any, nodes: Any, acl: Any) -> None:
        if not first.is_set():
            first.set()
            process.client.set(rule(process), theirs)
        write(self, nodes, acl)

    monkeypatch.setattr(_zookeeper.ZooKeeper, "write", late)
    assert ask(place, "out")["changed"] and first.is_set()
    assert A.encode() in process.client.get(rule(process))[0]
    ask(place, "in")
    assert process.client.get(rule(process))[0] == theirs


def test_deleted_nodes_are_those_of_the_member_alone(place: Place, process: Process) -> None:
    before = tree(process)
    taken = ask(place, "out", "registry")
    gone = before.keys() - tree(process).keys()
    assert gone == {one["path"] for one in taken["written"]} and len(gone) == 2
    assert all("10.0.0.3" in path for path in gone)


@pytest.mark.parametrize("via", ["rule", "registry"])
def test_without_the_right_to_write(place: Place, via: str, tmp_path: Path) -> None:
    """All may read, one may write."""
    rights = [make_digest_acl(*OWNER, all=True), make_acl("world", "anyone", read=True, admin=True)]
    with place.process(acl=rights) as one:
        one.offer(url33(A))
        before = tree(one)
        refused = ask(place, "out", via)
        assert (
            refused["failed"]
            and "cannot be written by somebody without auth: this identity has no right" in (refused["msg"])
        )
        reader = {"scheme": "digest", "file": secret(tmp_path, *READER)}
        assert "cannot be written by digest user" in ask(place, "out", via, auth=reader)["msg"]
        assert tree(one) == before
        owner = {"scheme": "digest", "file": secret(tmp_path, *OWNER)}
        taken = ask(place, "out", via, auth=owner)
        assert not taken.get("failed"), taken["msg"]
        if via == "rule":
            assert one.client.get_acls(rule(one))[0] == one.client.get_acls(one.root)[0]
            assert not ask(place, "in", auth=owner).get("failed") and tree(one) == before
