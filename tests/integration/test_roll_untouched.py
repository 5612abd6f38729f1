# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands after which every file and every process is what it was before."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.stage import Ended, Stage

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("still") / "fleet", instances=2, balancers=1) as started:
        yield started


def untouched(fleet: Stage, *words: str) -> Ended:
    """What the command said, once it is clear that it changed nothing and gave no command that does."""
    fleet.moments.order.clear()
    files, pids = fleet.files(), fleet.pids()
    ended = fleet.roll(*words)
    assert fleet.files() == files, ended.text
    assert fleet.pids() == pids and 0 not in pids.values(), ended.text
    assert fleet.reloads() == {"lb-1": 0}
    assert not [name for name in fleet.moments.order if name.split()[1] in ("reload", "stop", "start", "restart")]
    return ended


def test_check_mode(fleet: Stage) -> None:
    ended = untouched(fleet, "--check", "--diff")
    assert ended.code == 0, ended.text
    assert "batch 1: order-1, order-2" not in ended.text and "batch 1: order-1" in ended.text
    assert "order_svc: 2 configured, 2 in traffic" in ended.text
    assert "RECEIPT" not in ended.text


@pytest.mark.parametrize(
    "words",
    [
        ("--start-at-task", "Take the batch out"),
        ("--start-at-task", "Restart | restart the process"),
        ("--start-at-task", "lossless.restart.instance : Restart | restart the process"),
        ("--start-at-task", "Settle | put back what was not restarted"),
        ("--tags", "restart"),
        ("--tags", "always"),
        ("--skip-tags", "all"),
    ],
    ids=" ".join,
)
def test_parts_of_the_play(fleet: Stage, words: tuple[str, ...]) -> None:
    untouched(fleet, *words)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instance_lease", {"order-1": {"token": 99, "step": "restarting"}}),
        ("instance_leases", {"order-1": {"token": 99, "step": "restarting"}}),
        ("instance_guard", {"granted": {"order-1": {"step": "granted"}}, "stale": False}),
        ("fleet_run", "20260101T000000-abcdef"),
        ("fleet_planned", {"todo": ["order-1"], "sizes": [1], "batches": [["order-1"]], "unhealthy": {}}),
        ("fleet_described", {"checked": ["order-1"]}),
        ("instance_batch", ["order-1", "order-2"]),
    ],
)
def test_made_up_state(fleet: Stage, name: str, value: object) -> None:
    ended = untouched(fleet, "-e", json.dumps({name: value}))
    assert ended.code == 2 and f"extra variables: {name} cannot be set" in ended.text, ended.text


def test_made_up_state_past_the_preflight(fleet: Stage) -> None:
    """The description made up, and the check that would refuse it left out: no lease, no change."""
    planned = {"todo": ["order-1"], "sizes": [1], "batches": [["order-1"]], "unhealthy": {}}
    source = {"name": "lb-1", "kind": "nginx", "pools": ["order_svc"]}
    settings = {"fleet_kind": "rolling", "fleet_state_dir": "/tmp", "fleet_ledger_host": "localhost"}
    described = {"checked": [], "sources": [source], "fleet": settings, "ledger_host": "localhost"}
    lease = {"granted": {"order-1": {"step": "granted", "token": 99}}, "stale": False}
    made_up = {
        "fleet_planned": planned,
        "fleet_described": described,
        "instance_guard": lease,
    }
    ended = untouched(fleet, "-e", json.dumps(made_up), "--start-at-task", "Take the batch out of every traffic point")
    assert ended.code != 0 or "RECEIPT" not in ended.text, ended.text
