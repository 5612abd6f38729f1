# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several processes and random orders on one ledger: the floor holds, and every lease has one holder."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Mapping
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _floor
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.guard_fleet import ALICE, BOB, Fleet

FORK = multiprocessing.get_context("fork")


def race(fleet: Fleet, pid: int, host: str, barrier: Barrier, answers: Any) -> None:
    """Measure on the same revision as all others, then ask at the same moment."""
    owner = {**ALICE, "pid": pid}
    run = fleet.begin([host], owner=owner)
    barrier.wait(30)
    ticket = fleet.ask("ticket")["ticket"]
    barrier.wait(30)
    try:
        result = fleet.ask("acquire", run=run, wanted=[host], ticket=ticket, held=60, owner=owner)
    except Refused as refusal:
        answers.put((host, f"refused: {refusal}"))
    else:
        answers.put((host, "stale" if result["stale"] else "granted"))


def last_place(fleet: Fleet) -> None:
    """Three configured, one out: one more may be out, and two processes want it at the same moment. One gets it."""
    first = fleet.begin(["order-3"], owner=BOB)
    fleet.acquire(first, ["order-3"], owner=BOB)
    barrier, answers = FORK.Barrier(2), FORK.Queue()
    racers = [
        FORK.Process(target=race, args=(fleet, pid, host, barrier, answers))
        for pid, host in ((301, "order-1"), (302, "order-2"))
    ]
    for racer in racers:
        racer.start()
    found = dict(answers.get(timeout=60) for _unused in racers)
    for racer in racers:
        racer.join(60)
    assert sorted(found.values()) == ["granted", "stale"]
    winner = next(host for host, answer in found.items() if answer == "granted")
    assert sorted(fleet.leases()) == sorted(["order-3", winner])


@pytest.mark.parametrize("attempt", range(5))
def test_the_last_place_is_given_once(tmp_path: Path, attempt: int) -> None:
    last_place(Fleet(tmp_path / "ledger", size=3))


HOSTS = st.lists(st.integers(1, 6).map(lambda number: f"order-{number}"), min_size=1, max_size=4, unique=True)
STEP = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from([0, 1, 2]), HOSTS),
    st.tuples(st.just("acquire"), st.sampled_from([0, 1, 2]), HOSTS),
    st.tuples(st.just("renew"), st.sampled_from([0, 1, 2]), HOSTS),
    st.tuples(st.just("release"), st.sampled_from([0, 1, 2]), HOSTS),
    st.tuples(st.just("finish"), st.sampled_from([0, 1, 2]), HOSTS),
    st.tuples(st.just("die"), st.sampled_from([0, 1, 2]), HOSTS),
    st.tuples(st.just("sick"), st.just(0), HOSTS),
    st.tuples(st.just("wait"), st.sampled_from([1, 70, 400]), HOSTS),
)


class Controllers:
    """Three controllers that do what they are told; each keeps the run and the tokens that it was given."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.pids = [100, 200, 300]
        self.runs: dict[int, str] = {}
        self.dead: list[Mapping[str, Any]] = []
        self.out = {"order_svc": 0, "admin": 0}

    def owner(self, who: int) -> Mapping[str, Any]:
        return {**ALICE, "pid": self.pids[who]}

    def do(self, action: str, who: int, hosts: list[str]) -> None:
        if action == "sick":
            self.fleet.sick = set(hosts[:2])
        elif action == "wait":
            self.fleet.now += who
        elif action == "die":
            self.runs.pop(who, None)
            self.dead.append(self.owner(who))
            self.pids[who] += 1
        elif action == "begin":
            self.runs[who] = self.fleet.begin(owner=self.owner(who), dead=self.dead)
        elif who in self.runs:
            self._ask(action, self.runs[who], self.owner(who), hosts)

    def _ask(self, action: str, run: str, owner: Mapping[str, Any], hosts: list[str]) -> None:
        try:
            if action == "acquire":
                before = self.lost()
                granted = self.fleet.acquire(run, hosts, fit="shrink", owner=owner)["granted"]
                self.check_room(before, set(granted))
            else:
                self.fleet.ask(action, run=run, wanted=hosts, owner=owner, held=60, done=True, step="restarting")
        except Refused:
            return

    def lost(self) -> set[str]:
        return set(self.fleet.leases()) | self.fleet.sick

    def check_room(self, before: set[str], granted: set[str]) -> None:
        """Whoever goes out of a pool leaves enough behind, by the issue's own formula."""
        for hosts in self.fleet.pools.values():
            if (granted - before) & set(hosts):
                total = len(hosts)
                assert len((before | granted) & set(hosts)) <= total - -(-total * 30 // 100)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_random_orders(steps: list[tuple[str, int, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder) / "ledger", size=6, pools={"admin": ["order-1", "order-2", "order-3"]})
        controllers = Controllers(fleet)
        seen: dict[str, int] = {}
        revision = 0
        for step in steps:
            controllers.do(*step)
            status = fleet.ask("status")
            assert status["revision"] >= revision
            revision = status["revision"]
            known = {run["id"] for run in status["runs"]}
            for lease in status["leases"]:
                assert lease["run"] in known
                assert lease["token"] >= seen.get(lease["host"], 0)
                seen[lease["host"]] = lease["token"]
            tokens = [lease["token"] for lease in status["leases"]]
            assert len(set(tokens)) == len(tokens)


def test_the_formula_above_is_the_floor() -> None:
    assert [6 - -(-6 * 30 // 100), 3 - -(-3 * 30 // 100)] == [4, 2]
    assert [_floor.max_out(total, _floor.parse_floor("30%")) for total in (6, 3)] == [4, 2]
