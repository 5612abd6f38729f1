# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's refusal and its silence are two things: after the one nothing is touched, after the other put back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused
from ansible_collections.lossless.restart.plugins.modules import availability_guard
from ansible_collections.lossless.restart.plugins.plugin_utils import _alone, _own

from tests.unit.guard_fleet import ALICE, BOB, Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "ledger", size=4)


@pytest.fixture
def run(fleet: Fleet) -> str:
    name = fleet.begin()
    fleet.acquire(name, ["order-1"])
    return name


def renewed(fleet: Fleet, name: str, **asked: Any) -> dict[str, Any]:
    """What the guard answers."""
    try:
        return fleet.ask("renew", **{"run": name, "wanted": ["order-1"], "step": "attaching", "held": 60, **asked})
    except Refused as refusal:
        return {"failed": True, "msg": str(refusal), **refusal.facts}


def gone(ledger: Path) -> None:
    ledger.rename(ledger.with_name("away"))


def wiped(ledger: Path) -> None:
    (ledger / "state.json").unlink()


def damaged(ledger: Path) -> None:
    (ledger / "state.json").write_text("{")


def closed(ledger: Path) -> None:
    ledger.chmod(0o500)


@pytest.mark.parametrize("loss", [gone, wiped, damaged, closed])
def test_a_lost_ledger_gives_no_answer(fleet: Fleet, run: str, loss: Any) -> None:
    loss(fleet.ledger)
    result = renewed(fleet, run)
    assert result["failed"] and _alone.unanswered(result), result["msg"]


@pytest.mark.parametrize("asked", [{"owner": BOB}, {"wanted": ["order-2"]}, {"run": "20270115T080000-bbbbbb"}])
def test_a_refusal_is_an_answer(fleet: Fleet, run: str, asked: dict[str, Any]) -> None:
    result = renewed(fleet, run, **asked)
    assert result["failed"] and not _alone.unanswered(result)


def test_an_expired_lease_is_an_answer(fleet: Fleet, run: str) -> None:
    fleet.now += 61
    assert not _alone.unanswered(renewed(fleet, run))


def test_the_module_says_which_it_is(fleet: Fleet) -> None:
    fleet.now = time.time()
    run = fleet.begin()
    asked = {"action": "renew", "ledger": str(fleet.ledger), "run": run, "wanted": ["order-1"], "held": 60.0}
    with pytest.raises(Failed) as refused:
        availability_guard.run({**asked, "owner": BOB}, False)
    gone(fleet.ledger)
    with pytest.raises(Failed) as silent:
        availability_guard.run({**asked, "owner": ALICE}, False)
    assert (refused.value.facts["answered"], silent.value.facts["answered"]) == (True, False)


def test_without_any_answer_of_the_modules() -> None:
    """The host is unreachable, or has no room for the module."""
    assert _alone.unanswered({"failed": True, "msg": "bastion is unreachable"})
    assert not _alone.unanswered({"failed": False})


@pytest.fixture
def granted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process has done with five hosts."""
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    hosts = [f"order-{number}" for number in range(1, 6)]
    lease = {"token": 7, "step": _own.RESTARTING, "before": []}
    _own.keep_leases(dict.fromkeys(hosts[:4], lease), held=60.0)
    return hosts


def test_what_is_healthy_goes_on_to_be_put_back(granted: list[str]) -> None:
    result = _alone.attach(["order-1"], 60.0, "no way there")
    assert "order-1: healthy, and put back although the ledger does not answer (no way there)" in result["msg"]
    kept = _own.leases(granted)
    assert [kept[host]["step"] for host in granted[:2]] == ["attaching", "restarting"]
    assert kept["order-1"]["token"] == 7


def test_the_report(granted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _own.end_leases(["order-1", "order-2"], _own.DONE)
    _own.end_leases(["order-3"], _own.RESTORED)
    result = _alone.report({"failed": True, "msg": "timed out"}, granted, "/l on bastion")
    assert result["failed"] and result["msg"] == "the ledger /l on bastion does not answer: timed out"
    assert result["done"] == ["order-1", "order-2"] and result["out"] == {"order-4": "at step restarting"}
    assert (len(result["planned"]), result["left"]) == (5, ["order-3", "order-4", "order-5"])
    assert capsys.readouterr().out.strip().splitlines() == [
        "WITHOUT THE LEDGER, as this process knows it: 2 of 5 restarted",
        "  the ledger /l on bastion does not answer: timed out",
        "  restarted and back in traffic: order-1, order-2",
        "  NOT DONE, put back as it was: order-3",
        "  NOT DONE, STILL OUT at step restarting: order-4",
        "  NOT DONE, not touched: order-5",
        "  Nothing more goes out. Once it answers, the same command again goes on, and restarts nobody twice.",
    ]


def test_the_report_of_a_run_that_is_somebody_elses_now(granted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    result = _alone.report({"failed": True, "answered": True, "msg": "it belongs to bob"}, granted, "/l on bastion")
    assert result["msg"] == "it belongs to bob"
    assert "no longer this process's" in capsys.readouterr().out
