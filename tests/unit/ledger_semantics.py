# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every backend of the ledger does, as tests of one that its file's fixture `ledger` makes; and records for it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _journal, _ledger
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Lease, Refused, Run, State

from tests.unit.guard_fleet import ALICE, NOON

RUN_ID = "20270115T080000-aaaaaa"


def run_of(name: str = RUN_ID, state: str = "running") -> Run:
    hosts = ["order-1"]
    texts = ("alice", "", "", "", state)
    return Run(name, "order-svc", ALICE, *texts, NOON, hosts, hosts, [], NOON, NOON, None, "")


def lease_of(host: str, token: int, run: str = RUN_ID) -> Lease:
    before = [{"kind": "nginx", "pool": "nginx/p", "source": "lb-1", "member": f"{host}:1", "state": "up", "weight": 1}]
    return Lease(host, run, "order-svc", token, NOON, NOON + 60, "granted", "", ["nginx/p"], before, None)


def leasing(host: str) -> _ledger.Change:
    def change(state: State) -> State:
        token = state.token + 1
        leases = {**state.leases, host: lease_of(host, token)}
        return replace(state, token=token, leases=leases).with_run(run_of())

    return change


def timeless(state: State) -> State:
    """Without the moment at which it was read."""
    return replace(state, at=0.0)


class Semantics:
    def test_the_revision_counts_leases_and_nothing_else(self, ledger: _ledger.Ledger) -> None:
        assert ledger.commit(lambda state: state.with_run(run_of())).revision == 0
        granted = ledger.commit(leasing("order-1"))
        assert granted.revision == 1
        beat = ledger.commit(lambda state: state.with_run(replace(run_of(), heartbeat=NOON + 9)))
        assert beat.revision == 1
        lease = replace(granted.leases["order-1"], until=NOON + 99, step="restarting")
        assert ledger.commit(lambda state: replace(state, leases={"order-1": lease})).revision == 1
        taken = replace(lease, token=lease.token + 1)
        assert ledger.commit(lambda s: replace(s, token=taken.token, leases={"order-1": taken})).revision == 2
        assert ledger.commit(lambda state: replace(state, leases={})).revision == 3

    def test_compare_and_set(self, ledger: _ledger.Ledger) -> None:
        ledger.commit(leasing("order-1"), if_revision=0)
        before = timeless(ledger.snapshot())
        with pytest.raises(_ledger.Moved):
            ledger.commit(leasing("order-2"), if_revision=0)
        assert timeless(ledger.snapshot()) == before

    def test_what_a_change_raises_goes_through(self, ledger: _ledger.Ledger) -> None:
        ledger.commit(leasing("order-1"))
        before = timeless(ledger.snapshot())

        def change(state: State) -> State:
            raise Refused("no")

        with pytest.raises(Refused, match="no"):
            ledger.commit(change)
        assert timeless(ledger.snapshot()) == before

    def test_past_runs_leave_the_state(self, ledger: _ledger.Ledger) -> None:
        ledger.commit(lambda state: state.with_run(run_of()))
        done = run_of(state="finished")
        assert ledger.commit(lambda state: state.with_run(done)).runs == {}
        assert ledger.snapshot().runs == {}
        assert ledger.past(RUN_ID) == done

    def test_the_past_runs_the_newest_first(self, ledger: _ledger.Ledger) -> None:
        names = [f"20270115T08{number:04}-aaaaaa" for number in range(5)]
        for run in [run_of(name, "finished") for name in names]:
            ledger.commit(partial(State.with_run, run=run))
        assert [run.id for run in ledger.history()] == names[::-1]

    def test_what_is_written_is_read_as_it_was(self, ledger: _ledger.Ledger) -> None:
        assert timeless(ledger.commit(leasing("bestellung-ü"))) == timeless(ledger.snapshot())
        assert ledger.past(RUN_ID) is None

    def test_the_journal_is_one_chain(self, ledger: _ledger.Ledger) -> None:
        ledger.commit(leasing("order-1"))
        assert list(ledger.journal()) == [] and ledger.head().number == 0
        for number in range(5):
            ledger.append(RUN_ID if number % 2 else "", {"event": "step", "at": float(number), "text": "a\nb ü"})
        found = _journal.verify(ledger.journal())
        assert (found.lines, found.first, found.head, found.wrong) == (5, 1, ledger.head(), "")
        lines = [json.loads(line) for _place, piece in ledger.journal() for line in piece]
        assert [(line["n"], line["at"], line["run"]) for line in lines] == [
            (number + 1, float(number), RUN_ID if number % 2 else "") for number in range(5)
        ]
        assert [event["at"] for event in ledger.events(RUN_ID)] == [1.0, 3.0]

    def test_events_in_their_order(self, ledger: _ledger.Ledger) -> None:
        ledger.commit(leasing("order-1"))
        assert ledger.events(RUN_ID) == []
        for number in range(5):
            ledger.append(RUN_ID, {"event": "granted", "number": number, "why": "läuft\nnicht"})
        assert [event["number"] for event in ledger.events(RUN_ID)] == [0, 1, 2, 3, 4]
        assert ledger.events(RUN_ID)[4] == {"event": "granted", "number": 4, "why": "läuft\nnicht", "run": RUN_ID}
        assert ledger.events("20270115T080000-bbbbbb") == []
