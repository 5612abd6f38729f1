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

import pytest

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
        (DRAIN, signal.SIGKILL),
        (DRAIN, signal.SIGINT),
        (RESTART, signal.SIGKILL),
        (RESTART, signal.SIGTERM),
        (ATTACH, signal.SIGKILL),
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
            second = fleet.roll(limit=LIMIT[1])
        assert second.code == 0 and "resuming run" in second.text, second.text
        finished(fleet, {"order-1": 2, "order-2": 2, "order-3": 1})
        assert fleet.configurations() == files
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


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
