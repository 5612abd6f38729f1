# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A controller that is killed: the leases tell what is out, and the same command again does the rest, once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab.adhoc import direct
from tests.lab.demo import clean, processes, wait_for
from tests.lab.demo.playbook import Playbook
from tests.lab.stage import LONG, Stage, interrupt, kill

pytestmark = pytest.mark.timeout(600)

STATE = {"url": "http://{{ instance_address }}/internal/status", "expect": {"pool.busy": "<= 48"}}
LIMIT = ("-l", "order-1,order-2")
DRAIN, RESTART, ATTACH = ("lb-1 reload", 1), ("supervisorctl stop order-1", 1), ("lb-1 reload", 2)


def end(playbook: Playbook, number: int) -> None:
    """At once: of the signals that are heard first, the second one."""
    if number != signal.SIGKILL:
        interrupt(playbook, number)
    kill(playbook, number)


def finished(fleet: Stage, starts: dict[str, int]) -> None:
    """Everybody serves at every balancer, nothing is held, and each was started so often."""
    assert all(fleet.takers(balancer) == set(fleet.instances) for balancer in fleet.balancers)
    assert fleet.down() == set()
    assert fleet.held() == {} and fleet.runs() == []
    assert fleet.starts() == starts


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param(DRAIN, signal.SIGKILL, marks=pytest.mark.variant),
        pytest.param(DRAIN, signal.SIGINT, marks=pytest.mark.variant),
        (RESTART, signal.SIGKILL),
        pytest.param(RESTART, signal.SIGTERM, marks=pytest.mark.variant),
        pytest.param(ATTACH, signal.SIGKILL, marks=pytest.mark.variant),
    ],
    ids=["drain-KILL", "drain-INT", "restart-KILL", "restart-TERM", "attach-KILL"],
)
def test_killed_controller(tmp_path: Path, moment: tuple[str, int], number: signal.Signals) -> None:
    """Whatever its modules still did on their own: nobody is restarted twice, nobody is left out."""
    fleet = Stage(tmp_path / "fleet", variables={"instance_state": [STATE]})
    with fleet, fleet.watched() as (client, observer):
        files = fleet.configurations()
        first = fleet.playbook(*LIMIT)
        fleet.moments.after(*moment, partial(end, first, number))
        with first:
            assert first.wait(LONG) != 0
            assert "RECEIPT" not in first.text
            assert set(fleet.held()) == {"order-1", "order-2"} and fleet.runs() == ["running"]
            tokens = {lease["host"]: lease["token"] for lease in fleet.status()["leases"]}
            second = fleet.roll(limit=LIMIT[1])
        assert second.code == 0 and "resuming run" in second.text, second.text
        for instance, token in tokens.items():
            late = restarted_late(fleet, instance, token)
            assert f"token {token} is older than" in late["msg"] and not late["touched"], late
        finished(fleet, {"order-1": 2, "order-2": 2, "order-3": 1})
        assert fleet.configurations() == files
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


def restarted_late(fleet: Stage, instance: str, token: int) -> dict[str, Any]:
    """What a module of the killed controller answers that was on its way for so long."""
    restart = {"supervisor": instance, "config": str(fleet.folder / "supervisord.conf")}
    asked = {"restart": restart, "address": fleet.instances[instance], "state_dir": str(fleet.folder / "state")}
    return direct("instance_process", {**asked, "state": "restarted", "token": token})


def test_module_that_outlives_its_controller(tmp_path: Path) -> None:
    """The killed run's module is about to restart order-1 when the next run wants to: it is restarted once."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"instance_restart_deadline": LONG})
    with fleet, fleet.watched() as (client, _observer), contextlib.ExitStack() as stack:
        first, second = fleet.playbook("-l", "order-1"), fleet.playbook("-l", "order-1")
        stack.enter_context(first)
        with fleet.moments.pause("supervisorctl stop order-1") as arrived:
            arrived(first)
            kill(first)
            first.wait(LONG)
            assert len(restarting(fleet)) == 1
            stack.enter_context(second)
            wait_for("the second run at the lock", lambda: len(restarting(fleet)) == 2, LONG)
        assert second.wait(LONG) == 0, second.text
        assert "resuming run" in second.text and "was left alone" in second.text, second.text
        finished(fleet, {"order-1": 2, "order-2": 1, "order-3": 1})
    assert clean(client.result), client.losses


def restarting(fleet: Stage) -> list[int]:
    """The processes that have the lock of an instance's restart open."""
    locks = str(fleet.folder / "state" / "locks" / "instance-")
    return [one.pid for one in processes.running() if any(path.startswith(locks) for path in opened(one.pid))]


def opened(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for file in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                yield os.readlink(file.path)


def test_run_of_another_machine(tmp_path: Path) -> None:
    """While it lives here it is refused. Elsewhere nobody knows: the refusal says what to type to go on with it."""
    fleet = Stage(tmp_path / "fleet", balancers=1)
    with fleet, fleet.watched() as (client, _observer), fleet.playbook("-l", LIMIT[1]) as first:
        with fleet.moments.pause("lb-1 reload") as arrived:
            arrived(first)
            words = ("-e", f"fleet_take_over={fleet.status()['runs'][0]['id']}")
            lives = fleet.roll(*words, limit=LIMIT[1])
            assert lives.code == 2 and "on this machine. Nothing was taken over" in lives.text, lives.text
            kill(first)
            first.wait(LONG)
        fleet.owned(machine="elsewhere")
        refused = fleet.roll(limit=LIMIT[1])
        assert refused.code == 2 and f"take it over at once with {' '.join(words)}" in refused.text, refused.text
        taken = fleet.roll(*words, "-e", "fleet_reason='ctl-1 burnt down'", limit=LIMIT[1])
        assert taken.code == 0 and "taking over run" in taken.text and "resuming run" in taken.text, taken.text
        finished(fleet, {"order-1": 2, "order-2": 2, "order-3": 1})
        events = fleet.status(run=words[1].partition("=")[2])["events"]
        [event] = [one for one in events if one["event"] == "taken over"]
        assert event["from"]["machine"] == "elsewhere" and event["why"] == "ctl-1 burnt down"
    assert clean(client.result), client.losses


@pytest.mark.variant
def test_new_run_after_a_kill(tmp_path: Path) -> None:
    """It starts with what the dead run left out, and then restarts everybody, those too that the dead run had done."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"fleet_pace": [1]})
    with fleet, fleet.watched() as (client, observer):
        first = fleet.playbook("-l", "order-svc")
        fleet.moments.after("supervisorctl start order-2", 1, partial(kill, first))
        with first:
            first.wait(LONG)
        assert fleet.held() == {"order-2": "restarting"}
        given = len(fleet.moments.order)
        again = fleet.roll("-e", "fleet_new=true")
        assert again.code == 0 and "resuming run" not in again.text, again.text
        assert "order-2 (left out by an earlier run)" in again.text and "3 of 3 restarted" in again.text
        stops = [name.split()[2] for name in fleet.moments.order[given:] if name.startswith("supervisorctl stop")]
        assert stops == ["order-2", "order-1", "order-3"]
        finished(fleet, {"order-1": 3, "order-2": 3, "order-3": 2})
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 2}


def test_other_command_after_a_kill(tmp_path: Path) -> None:
    """What a dead run left out does not come back by itself, and counts as out; another selection says so."""
    fleet = Stage(tmp_path / "fleet", balancers=1)
    with fleet, fleet.watched() as (client, _observer):
        first = fleet.playbook("-l", "order-1")
        fleet.moments.after(*DRAIN, partial(kill, first))
        with first:
            first.wait(LONG)
        other = fleet.roll(limit="order-3")
        assert other.code == 0 and "1 out (order-1" in other.text, other.text
        assert fleet.down() == {("lb-1", "order-1")}
        again = fleet.roll(limit="order-1")
        assert again.code == 0 and "resuming run" in again.text, again.text
        finished(fleet, {"order-1": 2, "order-2": 1, "order-3": 2})
    assert clean(client.result), client.losses
