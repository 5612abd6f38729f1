# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine reboots in the middle of a roll: all of its processes are gone, and come again from what is on its disk."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _process_host

from tests.lab.demo import clean, wait_for
from tests.lab.stage import LONG, Stage, kill

pytestmark = pytest.mark.timeout(600)

ALL = {"order-1", "order-2", "order-3"}
STOP = "supervisorctl stop order-1"


def finished(fleet: Stage, starts: dict[str, int]) -> None:
    """Everybody serves at every balancer, nothing is held, and each was started so often."""
    assert all(fleet.takers(balancer) == ALL for balancer in fleet.balancers)
    assert fleet.down() == set() and fleet.held() == {} and fleet.runs() == []
    assert fleet.starts() == starts


@pytest.mark.variant
def test_an_instances_host(tmp_path: Path) -> None:
    """It is out and about to be restarted: its boot is its restart, and the same command only puts it back."""
    fleet = Stage(tmp_path / "fleet", balancers=1, ssh=True)

    def reboot() -> None:
        assert fleet.hosts
        fleet.hosts.kill("order-1")
        before = fleet.kill("order-1")
        wait_for("the instance after its boot", lambda: fleet.pid("order-1") not in (0, before), LONG)
        wait_for("its health", lambda: fleet.healthy("order-1"), LONG)

    with fleet, fleet.watched() as (client, _observer):
        fleet.moments.before(STOP, 1, reboot)
        ended = fleet.roll(limit="order-1,order-2")
        assert ended.code == 2 and "NOT DONE, lease kept: order-1" in ended.text, ended.text
        assert fleet.down() == {("lb-1", "order-1")} and fleet.held() == {"order-1": "restarting"}
        assert fleet.hosts
        fleet.hosts.start("order-1")
        again = fleet.roll(limit="order-1,order-2")
        assert again.code == 0 and "resuming run" in again.text and "was left alone" in again.text, again.text
        finished(fleet, {"order-1": 2, "order-2": 2, "order-3": 1})
    assert clean(client.result), client.losses


def test_a_balancer(tmp_path: Path) -> None:
    """Its file still says who is out; only what it had in flight is lost."""
    fleet = Stage(tmp_path / "fleet")

    def reboot() -> None:
        fleet.kill_balancer("lb-2")
        fleet.start_balancer("lb-2")

    with fleet, fleet.watched() as (client, observer):
        files = fleet.configurations()
        fleet.moments.before(STOP, 1, reboot)
        ended = fleet.roll(limit="order-1,order-2")
        assert ended.code == 0, ended.text
        finished(fleet, {"order-1": 2, "order-2": 2, "order-3": 1})
        assert fleet.configurations() == files
    assert {loss["balancer"] for loss in client.losses} <= {fleet.balancers["lb-2"]}
    assert client.result["duplicated"] == 0 and observer.lowest == {"order_svc": 1}


def test_the_controller(tmp_path: Path) -> None:
    """After the boot another process has the number of the one that died: by the boot's id that is known."""
    fleet = Stage(tmp_path / "fleet", balancers=1)
    with fleet, fleet.watched() as (client, _observer):
        first = fleet.playbook("-l", "order-1,order-2")
        fleet.moments.before(STOP, 1, partial(kill, first))
        with first:
            assert first.wait(LONG) == -signal.SIGKILL
        assert set(fleet.held()) == {"order-1", "order-2"}
        me = _process_host.Host().process(os.getpid())
        assert me
        fleet.owned(pid=me.pid, start=me.start, boot="of-the-boot-before")
        again = fleet.roll(limit="order-1,order-2")
        assert again.code == 0 and "resuming run" in again.text, again.text
        finished(fleet, {"order-1": 2, "order-2": 2, "order-3": 1})
    assert clean(client.result), client.losses


def test_all_machines_at_once(tmp_path: Path) -> None:
    """Nobody is restarted once more: their boot is younger than the run. What the disks say is out goes back."""
    fleet = Stage(tmp_path / "fleet")
    with fleet, contextlib.ExitStack() as stack:
        first = fleet.playbook("-l", "order-svc")
        fleet.moments.after(STOP, 1, partial(kill, first))
        with first:
            first.wait(LONG)
        fleet.stop()
        assert fleet.down() == {(balancer, name) for balancer in fleet.balancers for name in ("order-1", "order-2")}
        for balancer in fleet.balancers:
            fleet.start_balancer(balancer)
        fleet.start_supervisor()
        client, _observer = stack.enter_context(fleet.watched())
        again = fleet.roll()
        assert again.code == 0 and "resuming run" in again.text, again.text
        finished(fleet, dict.fromkeys(ALL, 2))
        stack.close()
        assert clean(client.result), client.losses
