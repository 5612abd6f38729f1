# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks that a person or a timer runs, on a fleet whose roll was killed, is at work, or never was."""

from __future__ import annotations

import contextlib
import json
import re
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab.demo import clean, processes, wait_for
from tests.lab.demo.playbook import MARK
from tests.lab.stage import LONG, Ended, Stage, kill

pytestmark = pytest.mark.timeout(600)

LIMIT = ("-l", "order-1,order-2")
EVERYBODY = {"order-1", "order-2", "order-3"}


def play(fleet: Stage, name: str, *words: str, limit: str = "order-svc") -> Ended:
    with fleet.playbook("-l", limit, *words, name=f"{name}.yml") as playbook:
        return Ended(playbook.wait(LONG), playbook.text)


@contextlib.contextmanager
def killed(
    fleet: Stage, moment: tuple[str, int], also: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], None]]:
    """A roll that is dead, while what it left running on the hosts may still be at work.

    Gives a function that waits until that has ended.
    """
    roll = fleet.playbook(*LIMIT)

    def die() -> None:
        also()
        kill(roll)

    fleet.moments.after(*moment, die)
    with roll:
        assert roll.wait(LONG) != 0
        left = partial(processes.marked, f"{MARK}={roll.mark}")
        yield lambda: wait_for("the end of what it left running", lambda: not left(), LONG)


def status(fleet: Stage, path: Path, limit: str = "order-svc") -> tuple[str, dict[str, Any]]:
    """What it prints, and what it writes of order-svc."""
    ended = play(fleet, "status", "-e", f"fleet_status_json={path}", limit=limit)
    assert ended.code == 0, ended.text
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    document = json.loads(path.read_text())
    assert (document["format"], document["wrong"]) == (1, {})
    return ended.text, document["services"]["order-svc"]


def last(ended: Ended) -> str:
    return ended.text.splitlines()[-1]


def metric(path: Path, name: str) -> float:
    [line] = [line for line in path.read_text().splitlines() if line.startswith(f"lossless_restart_{name}{{")]
    return float(line.split()[-1])


@pytest.mark.parametrize(
    ("moment", "step"),
    [
        pytest.param(("lb-1 reload", 1), "granted", marks=pytest.mark.variant),
        (("supervisorctl stop order-1", 1), "restarting"),
        pytest.param(("lb-1 reload", 2), "attaching", marks=pytest.mark.variant),
    ],
    ids=["drain", "restart", "attach"],
)
def test_what_a_killed_roll_left_out_is_put_back(tmp_path: Path, moment: tuple[str, int], step: str) -> None:
    """Seen by status and watchdog, shown by check mode, put back by restore, and restarted once by the next roll."""
    fleet, metrics = Stage(tmp_path / "fleet"), tmp_path / "metrics"
    with fleet, fleet.watched() as (client, observer):
        files = fleet.configurations()
        with killed(fleet, moment) as ended:
            text, found = status(fleet, tmp_path / "status.json")
            assert {one["host"]: one["step"] for one in found["leases"]}["order-1"] == step
            assert [(run["life"], run["holds"]) for run in found["runs"]] == [("dead", ["order-1", "order-2"])]
            assert "is DEAD" in text and "restore.yml -l order-svc puts back" in text, text
            watchdog = play(fleet, "watchdog", "-e", f"fleet_watchdog_textfile={metrics}")
            assert watchdog.code == 2 and last(watchdog).startswith("CRITICAL: order-svc: run "), watchdog.text
            assert metric(metrics, "runs_silent") == 1 and stat.S_IMODE(metrics.stat().st_mode) == 0o644
            ended()
            before, starts = fleet.files(), fleet.starts()
            check = play(fleet, "restore", "--check")
            assert check.code == 0 and "order-svc: would be put back: order-1, order-2" in check.text, check.text
            assert fleet.files() == before
            restored = play(fleet, "restore")
            assert restored.code == 0 and "order-svc: put back: order-1, order-2" in restored.text, restored.text
            assert fleet.configurations() == files
            assert (fleet.held(), fleet.down(), fleet.starts()) == ({}, set(), starts)
            assert all(fleet.takers(balancer) == EVERYBODY for balancer in fleet.balancers)
            again = play(fleet, "restore")
            assert again.code == 0 and "order-svc: nothing was left out" in again.text, again.text
            watchdog = play(fleet, "watchdog", "-e", f"fleet_watchdog_textfile={metrics}")
            assert watchdog.code == 0 and last(watchdog).startswith("OK: order-svc: order-svc 3 of 3"), watchdog.text
            assert metric(metrics, "runs_silent") == 0
            roll = fleet.roll(limit=LIMIT[1])
            assert roll.code == 0 and "resuming run" in roll.text, roll.text
            assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
            assert fleet.held() == {} and fleet.runs() == []
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


def test_a_restore_that_is_killed_itself(tmp_path: Path) -> None:
    """It put order-1 and order-2 back and said so to nobody: the roll goes on with its run, and restarts each once."""
    fleet = Stage(tmp_path / "fleet", balancers=1)
    with fleet, fleet.watched() as (client, observer), killed(fleet, ("lb-1 reload", 1)):
        restore = fleet.playbook(*LIMIT, name="restore.yml")
        fleet.moments.after("lb-1 reload", 2, partial(kill, restore))
        with restore:
            assert restore.wait(LONG) != 0
        assert set(fleet.held()) == {"order-1", "order-2"}
        roll = fleet.roll(limit=LIMIT[1])
        assert roll.code == 0 and "resuming run" in roll.text, roll.text
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
        assert fleet.takers("lb-1") == EVERYBODY and fleet.held() == {}
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


def test_only_what_is_healthy_goes_back(tmp_path: Path) -> None:
    """order-1 died in its restart, order-2 is well, a person drained order-4; the timer heals only where it may."""
    fleet = Stage(tmp_path / "fleet", instances=4, balancers=1, variables={"fleet_floor": "25%"})
    with fleet, fleet.watched() as (client, _observer):
        fleet.by_hand("order-4", "down")
        with killed(fleet, ("supervisorctl stop order-1", 1), partial(fleet.switch, "order-1", "fail_start")) as ended:
            ended()
        files = fleet.configurations()
        assert play(fleet, "watchdog").code == 2 and fleet.configurations() == files
        restored = play(fleet, "restore")
        assert restored.code == 2 and "order-svc: put back: order-2" in restored.text, restored.text
        assert re.search("order-svc: REMAINS OUT: order-1: Restore .*, without a process", restored.text), restored.text
        assert fleet.down() == {("lb-1", "order-1"), ("lb-1", "order-4")} and set(fleet.held()) == {"order-1"}
        fleet.switch("order-1", "fail_start", None)
        fleet.supervisorctl("start", "order-1")
        wait_for("order-1", lambda: fleet.healthy("order-1"))
        healed = play(fleet, "watchdog", "-e", "fleet_watchdog_heal=healthy")
        assert healed.code == 2 and "DEAD" not in last(healed), healed.text
        assert last(healed).startswith("CRITICAL: order-svc: out without a lease: order-4: drained by hand"), (
            healed.text
        )
        assert fleet.down() == {("lb-1", "order-4")} and fleet.held() == {}
        assert fleet.takers("lb-1") == EVERYBODY
    assert clean(client.result), client.losses


def test_what_a_roll_kept_out_on_purpose_waits_for_a_person(tmp_path: Path) -> None:
    """order-1 failed its gate: the timer leaves it alone, a restore looks at its health as the gate does."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"instance_health_deadline": 2.0})
    with fleet, fleet.watched() as (client, _observer):
        fleet.moments.before("supervisorctl start order-1", 1, partial(fleet.switch, "order-1", "unhealthy"))
        assert fleet.roll(limit="order-1").code == 2
        out = {("lb-1", "order-1")}
        sick = play(fleet, "restore")
        assert sick.code == 2 and "REMAINS OUT: order-1: Gate | wait until the instance is healthy" in sick.text, (
            sick.text
        )
        assert fleet.down() == out and set(fleet.held()) == {"order-1"}
        fleet.switch("order-1", "unhealthy", None)
        timer = play(fleet, "watchdog", "-e", "fleet_watchdog_heal=healthy")
        assert timer.code == 2 and "order-1 left out by run" in last(timer), timer.text
        assert fleet.down() == out
        assert play(fleet, "restore", limit="order-1").code == 0
        assert fleet.down() == set() and fleet.held() == {} and fleet.takers("lb-1") == EVERYBODY
    assert clean(client.result), client.losses


def test_a_person_stops_a_roll_at_work(tmp_path: Path) -> None:
    """What is in work ends, no batch is granted, a restore leaves it alone; the roll goes on later."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"fleet_pace": [1], "instance_restart_deadline": LONG})
    with fleet, fleet.watched() as (client, _observer):
        with fleet.playbook(*LIMIT) as roll:
            with fleet.moments.pause("supervisorctl stop order-1") as arrived:
                arrived(roll)
                text, found = status(fleet, tmp_path / "status.json")
                [run] = found["runs"]
                assert run["life"] == "live" and f"-e fleet_run={run['id']}" in text, text
                restored = play(fleet, "restore")
                assert restored.code == 0 and "not touched: order-1: run" in restored.text, restored.text
                words = ("-e", f"fleet_run={run['id']}", "-e", "fleet_reason='the {disks} fill up'")
                checked = play(fleet, "stop", *words, "--check")
                assert checked.code == 0 and "would be so: run" in checked.text and fleet.runs() == ["running"]
                stopped = play(fleet, "stop", *words)
                assert stopped.code == 0 and "what it holds it still ends: order-1" in stopped.text, stopped.text
                assert fleet.down() == {("lb-1", "order-1")}
            assert roll.wait(LONG) == 2
            assert "stopped: by " in roll.text and ": the {disks} fill up" in roll.text, roll.text
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
        assert fleet.down() == set() and fleet.held() == {} and fleet.takers("lb-1") == EVERYBODY
        nothing = play(fleet, "stop")
        assert nothing.code == 0 and "no run goes on: nothing to stop" in nothing.text, nothing.text
        assert fleet.roll(limit=LIMIT[1]).code == 0
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
    assert clean(client.result), client.losses


def test_what_cannot_be_read_is_said_and_the_rest_is_told(tmp_path: Path) -> None:
    """A balancer is gone, a ledger was never made or is nobody's; hosts without a service are left aside."""
    fleet = Stage(tmp_path / "fleet", ssh=True, variables={"fleet_floor": "60%"})
    with fleet:
        ledger = fleet.folder / "ledger"
        fleet.by_hand("order-1", "down")
        fleet.by_hand("order-2", "down", ["lb-1"])
        text, found = status(fleet, tmp_path / "status.json", limit="all")
        assert text.count("BELOW ITS FLOOR by 1: 1 of 3 in traffic, floor 2") == 2, text
        fleet.kill_balancer("lb-2")
        text, found = status(fleet, tmp_path / "status.json")
        assert "lb-2: cannot be read: lb-2 is unreachable" in text and "at most 1 of 3 in traffic" in text, text
        assert set(found["strays"]) == {"order-1", "order-2"}
        for name in ("watchdog", "restore", "stop"):
            play(fleet, name)
        assert not ledger.exists()
        ledger.mkdir(mode=0o755)
        text, found = status(fleet, tmp_path / "status.json")
        assert "is open to others (mode 0755)" in found["ledger_trouble"] and "at most 1 of 3 in traffic" in text, text
        watchdog = play(fleet, "watchdog")
        assert watchdog.code == 2 and "cannot be read" in last(watchdog), watchdog.text
        restored = play(fleet, "restore")
        assert restored.code == 2 and "order-svc: NOTHING WAS RESTORED" in restored.text, restored.text
        assert list(ledger.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("rolling_restart", "fleet_run"),
        ("status", "fleet_run"),
        ("restore", "fleet_watchdog_heal"),
        ("stop", "fleet_x"),
    ],
)
def test_a_playbook_knows_its_own_variables_only(tmp_path: Path, name: str, variable: str) -> None:
    """The inventory is enough for this: nothing is started."""
    fleet = Stage(tmp_path / "fleet")
    fleet.write()
    ended = play(fleet, name, "-e", f"{variable}=1")
    assert ended.code == 2 and f"extra variables: {variable} cannot be set" in ended.text, ended.text
    fleet.moments.close()


def test_a_watchdog_that_finds_no_service_says_so_in_its_line(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet")
    fleet.write()
    ended = play(fleet, "watchdog", limit="lb")
    assert ended.code == 2, ended.text
    assert (
        ended.text
        == "CRITICAL: inventory: no selected host has a fleet_service: select a service, as in -l order-svc\n"
    )
    fleet.moments.close()
