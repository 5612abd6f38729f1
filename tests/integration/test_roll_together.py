# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several rolls at once: who waits, who is refused, who leaves something out, and who may go below the floor."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.lab.demo import clean, processes, wait_for
from tests.lab.demo.playbook import MARK
from tests.lab.stage import LONG, Stage

pytestmark = pytest.mark.timeout(600)

WAIT = {"fleet_fit": "wait", "fleet_wait_deadline": 300}


@pytest.mark.variant
def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    """Two of three must stay: while order-1 is out nobody else goes, and the second run says whom it waits for."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"fleet_floor": "60%", **WAIT})
    with fleet, fleet.watched() as (client, observer):
        fleet.switch("order-1", "unhealthy")
        with fleet.playbook("-l", "order-1", "-e", "fleet_reason=memory-leak") as first:
            wait_for("the first to restart order-1", lambda: fleet.starts()["order-1"] == 2, 60)
            with fleet.playbook("-l", "order-2,order-3", "-e", '{"fleet_pace": [1]}') as second:
                wait_for("the second to wait", lambda: "waiting, 1 in the queue" in second.text, 60)
                assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
                fleet.switch("order-1", "unhealthy", None)
                assert first.wait(LONG) == 0, first.text
                assert second.wait(LONG) == 0, second.text
                assert "(memory-leak)" in second.text and "s more at the most" in second.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
        assert fleet.takers("lb-1") == set(fleet.instances)
        assert fleet.held() == {} and fleet.runs() == []
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 2}


def test_waiting_ends(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"fleet_floor": "60%", **WAIT, "fleet_wait_deadline": 1})
    with fleet, fleet.watched() as (client, _observer):
        fleet.die("order-3")
        ended = fleet.roll(limit="order-1")
        assert ended.code == 2 and "nothing was granted within 1 s (fleet_wait_deadline)" in ended.text, ended.text
        assert fleet.starts()["order-1"] == 1
        assert fleet.down() == set() and fleet.held() == {}
    assert client.result["duplicated"] == 0


def test_shrunk_to_what_fits(tmp_path: Path) -> None:
    """While the plan is made there is room for two, and then a person takes one out: one goes, one is left."""
    fleet = Stage(tmp_path / "fleet", instances=4, balancers=1, variables={"fleet_floor": "50%", "fleet_fit": "shrink"})
    with fleet, fleet.watched() as (client, observer):
        with fleet.playbook("-l", "order-1,order-2,order-3", "-e", '{"fleet_pace": [1, 2]}') as roll:
            wait_for("order-1 to be restarted", lambda: fleet.starts()["order-1"] == 2, 60)
            fleet.by_hand("order-4", "down")
            assert roll.wait(LONG) == 2, roll.text
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1, "order-4": 1}
        assert "NOT DONE: order-3" in roll.text
        assert fleet.takers("lb-1") == {"order-1", "order-2", "order-3"}
        assert fleet.held() == {}
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 2}


def test_broken_glass(tmp_path: Path) -> None:
    """With one sick of three and a floor of two nothing may go; with a reason it may, and the reason is on record."""
    why = "fleet_break_glass='the payment provider is down until order-2 restarts'"
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"fleet_floor": "60%"})
    with fleet, fleet.watched() as (client, observer):
        fleet.by_hand("order-1", "down")
        ended = fleet.roll(limit="order-2")
        assert ended.code == 2 and "floor 60% = 2; may take out 0 more" in ended.text, ended.text
        assert fleet.starts()["order-2"] == 1
        ended = fleet.roll("-e", why, limit="order-2")
        assert ended.code == 0, ended.text
        assert ended.text.count("BROKEN GLASS: the payment provider is down until order-2 restarts") == 2, ended.text
        assert fleet.starts() == {"order-1": 1, "order-2": 2, "order-3": 1}
        assert fleet.down() == {("lb-1", "order-1")}
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


def test_two_ledgers_by_mistake(tmp_path: Path) -> None:
    """Who asks another ledger is refused before anything is touched, unless it takes the other's place."""
    fleet = Stage(tmp_path / "fleet", balancers=1)
    with fleet, fleet.watched() as (client, observer):
        assert fleet.roll(limit="order-1").code == 0
        known = json.loads((fleet.folder / "ledger" / "state.json").read_text())["id"]
        files, pids = fleet.files(), fleet.pids()
        other = ("-e", f"fleet_ledger={fleet.folder}/other-ledger")
        ended = fleet.roll(*other, limit="order-1,order-2")
        assert ended.code == 2 and "two ledgers guard nothing" in ended.text, ended.text
        assert known in ended.text and f"{fleet.folder}/ledger" in ended.text and "other-ledger" in ended.text
        assert (fleet.files(), fleet.pids()) == (files, pids) and not (fleet.folder / "other-ledger").exists()
        ended = fleet.roll(*other, "-e", f"fleet_ledger_replaces={known}", limit="order-1,order-2")
        assert ended.code == 0, ended.text
        assert fleet.starts() == {"order-1": 3, "order-2": 2, "order-3": 1}
        ended = fleet.roll(limit="order-1")
        assert ended.code == 2 and "two ledgers guard nothing" in ended.text, ended.text
        assert fleet.starts()["order-1"] == 3
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


def aged(fleet: Stage, seconds: float) -> None:
    """The ledger as it will read when so many seconds have passed in which nobody came."""
    path = fleet.folder / "ledger" / "state.json"
    state = json.loads(path.read_text())
    for run in state["runs"].values():
        run["heartbeat"] -= seconds
    for lease in state["leases"].values():
        lease["until"] -= seconds
    path.write_text(json.dumps(state))


def test_a_run_that_slept_past_its_lease_changes_nothing(tmp_path: Path) -> None:
    """Frozen in the middle of its drain, it is taken for dead and resumed by another; awake again, it is fenced off."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"instance_quiet_window": 5})
    with fleet, fleet.watched() as (client, observer):
        with fleet.playbook("-l", "order-1") as sleeper:
            wait_for("order-1 to be proved out", lambda: "1 proved out" in sleeper.text, 120)
            frozen = processes.marked(f"{MARK}={sleeper.mark}")
            for process in frozen:
                os.kill(process.pid, signal.SIGSTOP)
            assert fleet.held() == {"order-1": "granted"}
            aged(fleet, 1000)
            ended = fleet.roll(limit="order-1")
            assert ended.code == 0 and "resuming run" in ended.text, ended.text
            files, pids, reloads = fleet.configurations(), fleet.pids(), fleet.reloads()
            for process in frozen:
                os.kill(process.pid, signal.SIGCONT)
            assert sleeper.wait(120) == 2, sleeper.text
        assert "which this host has already seen. A newer run holds this member" in sleeper.text, sleeper.text
        assert "was taken over and ended by another process" in sleeper.text
        assert (fleet.configurations(), fleet.pids(), fleet.reloads()) == (files, pids, reloads)
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
        assert fleet.held() == {} and fleet.runs() == []
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 2}


def test_two_runs_on_one_balancer(tmp_path: Path) -> None:
    """Each has its own members' fence: neither keeps the other from its work, whoever has the higher token."""
    fleet = Stage(tmp_path / "fleet", instances=4, variables={"fleet_pace": [1]})
    with fleet, fleet.watched() as (client, observer):
        first, second = (fleet.playbook("-l", limit) for limit in ("order-1,order-2", "order-3,order-4"))
        with first, second:
            assert [first.wait(LONG), second.wait(LONG)] == [0, 0], first.text + second.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
        assert fleet.takers("lb-1") == fleet.takers("lb-2") == set(fleet.instances)
    assert clean(client.result), client.losses
    assert observer.lowest["order_svc"] >= 2


def test_the_only_instance(tmp_path: Path) -> None:
    """It is restarted only where it is said twice that nothing serves meanwhile; the client pays for it."""
    fleet = Stage(tmp_path / "fleet", instances=1, balancers=1)
    why = ("-e", "fleet_break_glass='there is only this one and it hangs'")
    with fleet, fleet.watched():
        for words, said in ((), "none may ever be out. Add an instance"), (why, "Only fleet_break_glass_empty lets"):
            ended = fleet.roll(*words)
            assert ended.code == 2 and said in ended.text, ended.text
        assert fleet.starts() == {"order-1": 1} and fleet.down() == set()
        ended = fleet.roll(*why, "-e", "fleet_break_glass_empty=true")
        assert ended.code == 0, ended.text
        assert fleet.starts() == {"order-1": 2} and fleet.down() == set() and fleet.takers("lb-1") == {"order-1"}
