# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first Ctrl-C or SIGTERM: what is in work ends well, and nothing more goes out. The second: test_roll_resume."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

import pytest

from tests.lab.demo import clean
from tests.lab.stage import LONG, Stage, interrupt, kill

pytestmark = pytest.mark.timeout(600)

LIMIT = "order-1,order-2"
ALL = {"order-1", "order-2", "order-3"}


@pytest.mark.parametrize(
    ("number", "moment", "said"),
    [
        (signal.SIGINT, "lb-1 reload", "stopped by Ctrl-C"),
        (signal.SIGINT, "supervisorctl stop order-1", "stopped by Ctrl-C"),
        pytest.param(signal.SIGTERM, "supervisorctl stop order-1", "stopped by SIGTERM", marks=pytest.mark.variant),
    ],
    ids=["edit-INT", "restart-INT", "restart-TERM"],
)
def test_first_signal(tmp_path: Path, number: signal.Signals, moment: str, said: str) -> None:
    """It comes in the middle of an edit or a restart, to the whole process group where it is a Ctrl-C."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"fleet_pace": [1]})
    with fleet, fleet.watched() as (client, observer):
        files = fleet.configurations()
        roll = fleet.playbook("-l", LIMIT)
        fleet.moments.before(moment, 1, partial(interrupt, roll, number))
        with roll:
            assert roll.wait(LONG) == 2, roll.text
        assert "1 of 2 restarted" in roll.text and "NOT DONE: order-2" in roll.text, roll.text
        assert f"stopped: {said.removeprefix('stopped ')}" in roll.text and "FAILED order-2" not in roll.text
        assert [run["why"] for run in fleet.status()["runs"]] == [said]
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
        assert fleet.held() == {} and fleet.configurations() == files
        assert not [one for one in observer.events if one["instance"] == "order-2" and "out of" in one["state"]]
        again = fleet.roll(limit=LIMIT)
        assert again.code == 0 and "1 of 2 done" in again.text, again.text
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
        assert fleet.takers("lb-1") == ALL and fleet.held() == {}
    assert clean(client.result), client.losses


def test_first_signal_to_a_resumed_run(tmp_path: Path) -> None:
    """It comes before the guard grants what the dead run left out: that goes back as it was, and its lease is gone."""
    fleet = Stage(tmp_path / "fleet", balancers=1)
    with fleet, fleet.watched() as (client, _observer):
        first = fleet.playbook("-l", LIMIT)
        fleet.moments.after("lb-1 reload", 1, partial(kill, first))
        with first:
            first.wait(LONG)
        assert set(fleet.held()) == {"order-1", "order-2"}
        # The state check before the plan is one, that of the batch the next.
        reads = fleet.moments.order.count("supervisorctl status order-1")
        second = fleet.playbook("-l", LIMIT)
        fleet.moments.before("supervisorctl status order-1", reads + 2, partial(interrupt, second, signal.SIGINT))
        with second:
            assert second.wait(LONG) == 2, second.text
        assert "0 of 2 restarted" in second.text and "lease kept" not in second.text, second.text
        assert fleet.down() == set() and fleet.held() == {} and fleet.takers("lb-1") == ALL
        assert fleet.starts() == dict.fromkeys(ALL, 1)
        assert fleet.roll(limit=LIMIT).code == 0
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1} and fleet.held() == {}
    assert clean(client.result), client.losses


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.variant)], ids=["INT", "TERM"]
)
def test_before_anything_is_out_the_first_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    """While the plan reads the balancers."""
    fleet = Stage(tmp_path / "fleet", balancers=1)
    with fleet:
        files = fleet.files()
        roll = fleet.playbook("-l", LIMIT)
        fleet.moments.before("lb-1 version", 1, partial(kill, roll, number))
        with roll:
            assert roll.wait(LONG) == {signal.SIGINT: 99, signal.SIGTERM: -15}[number], roll.text
        assert "Restart" not in roll.text and "A second one" not in roll.text
        assert fleet.files() == files and fleet.runs() == []
        fleet.moments.check()
