# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger is lost in the middle: what is out and sound goes back, nothing new goes out, and it is told.

Before the restart: test_roll_failures.test_ledger_dies_in_the_drain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.lab.demo import clean
from tests.lab.stage import Stage

pytestmark = pytest.mark.timeout(600)

ALL = {"order-1", "order-2", "order-3"}
# How it is lost, and comes back.
Loss = tuple[Callable[[Path], object], Callable[[Path], object]]
AWAY: Loss = (lambda path: path.rename(f"{path}-away"), lambda path: Path(f"{path}-away").rename(path))
CLOSED: Loss = (lambda path: path.chmod(0o500), lambda path: path.chmod(0o700))


def again(fleet: Stage, starts: dict[str, int], limit: str = "order-svc") -> None:
    """The same command, once the ledger is back."""
    ended = fleet.roll(limit=limit)
    assert ended.code == 0 and "resuming run" in ended.text, ended.text
    assert fleet.starts() == starts
    assert fleet.takers("lb-1") == ALL and fleet.down() == set()
    assert fleet.held() == {} and fleet.runs() == []


@pytest.mark.parametrize(
    "loss", [pytest.param(AWAY, id="gone"), pytest.param(CLOSED, id="unwritable", marks=pytest.mark.variant)]
)
def test_lost_after_the_restart(tmp_path: Path, loss: Loss) -> None:
    """order-1 becomes healthy and goes back; order-2 does not, and stays out; order-3 is left alone."""
    fleet = Stage(tmp_path / "fleet", balancers=1, own={"order-2": {"instance_health_deadline": 3.0}})
    ledger = fleet.folder / "ledger"
    with fleet, fleet.watched() as (client, observer):
        fleet.moments.after("supervisorctl stop order-1", 1, lambda: loss[0](ledger))
        fleet.moments.before("supervisorctl start order-2", 1, partial(fleet.switch, "order-2", "unhealthy"))
        ended = fleet.roll()
        assert ended.code == 2 and f"the ledger {ledger} on localhost does not answer" in ended.text, ended.text
        assert "1 of 3 restarted" in ended.text and "restarted and back in traffic: order-1" in ended.text
        assert "NOT DONE, STILL OUT at step restarting: order-2" in ended.text
        assert "NOT DONE, not touched: order-3" in ended.text
        assert fleet.takers("lb-1") == {"order-1", "order-3"} and fleet.down() == {("lb-1", "order-2")}
        assert not [one for one in observer.events if one["instance"] == "order-3" and "out of" in one["state"]]
        loss[1](ledger)
        assert fleet.held() == {"order-1": "restarting", "order-2": "restarting"}
        fleet.switch("order-2", "unhealthy", None)
        again(fleet, dict.fromkeys(ALL, 2))
    assert clean(client.result), client.losses


def test_its_host_is_gone_until_the_end(tmp_path: Path) -> None:
    """The ledger is on another host, which cannot be reached from the restart on."""
    variables = {"fleet_ledger_host": "order-3", "fleet_pace": [1]}
    fleet = Stage(tmp_path / "fleet", balancers=1, ssh=True, variables=variables)
    limit = "order-1,order-2"
    with fleet, fleet.watched() as (client, _observer):
        assert fleet.hosts
        fleet.moments.after("supervisorctl stop order-1", 1, partial(fleet.hosts.kill, "order-3"))
        ended = fleet.roll(limit=limit)
        assert ended.code == 2 and "order-3 does not answer: order-3 is unreachable" in ended.text, ended.text
        assert "restarted and back in traffic: order-1" in ended.text
        assert "NOT DONE, not touched: order-2" in ended.text
        assert fleet.takers("lb-1") == ALL and fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
        fleet.hosts.start("order-3")
        again(fleet, {"order-1": 2, "order-2": 2, "order-3": 1}, limit)
    assert clean(client.result), client.losses
