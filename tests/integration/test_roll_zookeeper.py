# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rolls whose ledger is in ZooKeeper, while its servers die."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import lab
from tests.integration.zookeeper_truth import Place, Truth
from tests.lab.demo import clean
from tests.lab.stage import LONG, Stage, kill
from tests.lab.zookeeper import ZooKeeper

pytestmark = pytest.mark.timeout(900)

PATH = "/restart"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[ZooKeeper]:
    with lab.zookeeper(tmp_path / "zk", servers=3) as found:
        yield found


@pytest.fixture
def fleet(tmp_path: Path, servers: ZooKeeper) -> Stage:
    variables = Place(servers.hosts, tmp_path, PATH).variables
    return Stage(tmp_path / "fleet", instances=2, balancers=1, variables=variables)


def all_done(fleet: Stage, truth: Truth) -> None:
    """Everybody was restarted once and serves, nothing is held, and the history has one run, from beginning to end."""
    assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
    assert fleet.down() == set()
    state = truth.state(PATH)
    assert state["leases"] == {} and state["runs"] == {}
    [run] = truth.client.get_children(f"{PATH}/past")
    events = [event["event"] for event in truth.events(PATH, run)]
    assert (events[0], events[-1], events.count("released")) == ("began", "ended", len(fleet.instances))


@pytest.mark.variant
def test_the_leader_is_killed_in_the_middle(servers: ZooKeeper, fleet: Stage) -> None:
    with fleet, fleet.watched() as (client, observer), Truth(servers.hosts) as truth:
        checked = fleet.roll("--check")
        assert checked.code == 0 and truth.tree(PATH) == {}, checked.text
        fleet.moments.before("supervisorctl stop order-1", 1, lambda: servers.leader().kill())
        ended = fleet.roll()
        assert ended.code == 0 and "RECEIPT" in ended.text, ended.text
        all_done(fleet, truth)
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


def test_the_majority_dies_in_the_drain(servers: ZooKeeper, fleet: Stage) -> None:
    """What is out and was not restarted goes back, nothing else goes out; with the servers back it is resumed."""

    def die() -> None:
        for server in (servers.follower(), servers.leader()):
            server.kill()

    with fleet, fleet.watched() as (client, _observer), Truth(servers.hosts) as truth:
        fleet.moments.after("lb-1 reload", 1, die)
        ended = fleet.roll()
        assert ended.code != 0 and "unreachable: " in ended.text and "more is granted" in ended.text, ended.text
        assert fleet.down() == set() and fleet.starts() == dict.fromkeys(fleet.instances, 1)
        for server in servers.servers:
            if not server.alive:
                server.launch()
        for server in servers.servers:
            server.wait()
        assert list(truth.state(PATH)["leases"]) == ["order-1"]
        resumed = fleet.roll()
        assert resumed.code == 0 and "resuming run" in resumed.text, resumed.text
        all_done(fleet, truth)
    assert clean(client.result), client.losses


def test_a_person_looks_and_puts_back(servers: ZooKeeper, fleet: Stage) -> None:
    """Looking makes no ledger; what a killed roll left goes back; without a majority the pools are told still."""

    def play(name: str) -> tuple[int, str]:
        with fleet.playbook("-l", "order-svc", name=f"{name}.yml") as playbook:
            return playbook.wait(LONG), playbook.text

    with fleet, fleet.watched() as (client, _observer), Truth(servers.hosts) as truth:
        code, text = play("status")
        assert code == 0 and "there is none yet" in text and truth.tree(PATH) == {}, text
        roll = fleet.playbook("-l", "order-1")
        fleet.moments.after("lb-1 reload", 1, partial(kill, roll))
        with roll:
            assert roll.wait(LONG) != 0
            code, text = play("watchdog")
            assert code == 2 and "is DEAD" in text.splitlines()[-1], text
            code, text = play("restore")
            assert code == 0 and "order-svc: put back: order-1" in text, text
        assert fleet.down() == set() and truth.state(PATH)["leases"] == {}
        for server in (servers.follower(), servers.leader()):
            server.kill()
        code, text = play("status")
        assert code == 0 and "cannot be read" in text and "at most 2 of 2 in traffic" in text, text
    assert clean(client.result), client.losses
