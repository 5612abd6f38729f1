# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A roll of instances with jobs: none starts during a restart, and all start again as before, whoever was killed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.integration.test_roll_killed import boundary
from tests.lab.demo import clean
from tests.lab.stage import LONG
from tests.lab.stage.timed import JOB, Timed

pytestmark = pytest.mark.timeout(600)
# Without a client there is no traffic to wait for.
NOBODY = {"instance_verify_requests": 0}


def test_no_job_starts_during_a_restart(tmp_path: Path) -> None:
    seen: dict[str, set[str]] = {}

    def look(command: str) -> None:
        seen[command] = fleet.off

    with Timed(tmp_path / "fleet", balancers=1, variables={"fleet_pace": [1]}) as fleet:
        with fleet.watched() as (client, _observer):
            for name in fleet.instances:
                for verb in ("stop", "start"):
                    command = f"supervisorctl {verb} {name}"
                    fleet.moments.before(command, 1, partial(look, command))
            ended = fleet.roll()
            assert ended.code == 0, ended.text
            assert seen == {command: {command.split()[2]} for command in seen} and len(seen) == 6
            assert fleet.off == set() and fleet.starts() == dict.fromkeys(fleet.instances, 2)
        assert clean(client.result), client.losses


@pytest.mark.parametrize(
    "killed", ["Restart | tell the ledger", pytest.param("Verify | give the lease back", marks=pytest.mark.variant)]
)
def test_a_killed_controller(tmp_path: Path, killed: str) -> None:
    """What was switched off is found by restore.yml, and by the same command."""
    with Timed(tmp_path / "fleet", instances=2, balancers=1, variables=NOBODY) as fleet:
        died = fleet.roll(limit="order-1", environment=boundary(tmp_path / "steps", f"1 {killed}"))
        assert died.code == -9 and list(fleet.held()) == ["order-1"], died.text
        assert fleet.off == ({"order-1"} if killed.startswith("Restart") else set())
        with fleet.playbook("-l", fleet.service, name="restore.yml") as restore:
            assert restore.wait(LONG) == 0, restore.text
        assert fleet.off == set() and fleet.held() == {}
        died = fleet.roll(limit="order-2", environment=boundary(tmp_path / "more", f"1 {killed}"))
        assert died.code == -9, died.text
        ended = fleet.roll(limit="order-2")
        assert ended.code == 0 and fleet.off == set() and fleet.held() == {}, ended.text


def test_a_sick_instance_keeps_its_jobs_off_until_it_is_well(tmp_path: Path) -> None:
    with Timed(
        tmp_path / "fleet", instances=2, balancers=1, variables={**NOBODY, "instance_health_deadline": 1}
    ) as fleet:
        fleet.moments.before("supervisorctl stop order-1", 1, lambda: fleet.switch("order-1", "unhealthy"))
        ended = fleet.roll(limit="order-1")
        assert ended.code == 2 and fleet.off == {"order-1"}, ended.text
        fleet.switch("order-1", "unhealthy", None)
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and fleet.off == set(), ended.text


def test_jobs_and_no_traffic(tmp_path: Path) -> None:
    """A service that nobody calls. What cannot be switched off is said before anything is touched."""
    with Timed(tmp_path / "fleet", instances=2, balancers=1, alone=True) as fleet:
        table = fleet.table("order-2").read_text()
        fleet.table("order-2").write_text(table.replace(JOB, "/opt/order/other.sh"))
        ended = fleet.roll()
        assert ended.code == 2 and f"cron/order-2 has '{JOB}' in it" in ended.text, ended.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1)
        fleet.table("order-2").write_text(table)
        ended = fleet.roll()
        assert ended.code == 0 and fleet.starts() == dict.fromkeys(fleet.instances, 2), ended.text
        assert fleet.off == set()
