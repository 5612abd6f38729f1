# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs: begun, resumed, stopped, finished; and the plan that says so before."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import ALICE, BOB, NOON, Fleet

CAROL = {"name": "carol", "machine": "ctl-3", "boot": "b3", "pid": 300, "start": 9}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "ledger", size=10)


def live(fleet: Fleet) -> dict[str, str]:
    return {run["id"]: run["state"] for run in fleet.ask("status")["runs"]}


def half_done(fleet: Fleet) -> str:
    """alice's run: order-1 done, order-2 restarted, order-3 drained only; the clock is 100 s further."""
    run = fleet.begin(since=NOON - 50)
    for host in ("order-1", "order-2", "order-3"):
        fleet.acquire(run, [host])
    fleet.ask("release", run=run, wanted=["order-1"], done=True)
    fleet.ask("renew", run=run, wanted=["order-2"], step="attaching", held=60)
    fleet.drain("order-2", "order-3")
    fleet.now += 100
    return run


def test_begin(fleet: Fleet) -> None:
    result = fleet.ask("begin", planned=["order-2", "order-1", "order-2"], reason="new heap size")
    assert re.fullmatch(r"20270115T080000-[0-9a-f]{6}", result["run"])
    assert (result["resumed"], result["leases"], result["left_out"]) == (False, {}, {})
    assert (result["since"], result["began"], result["elapsed"]) == (NOON, NOON, 0)
    run = fleet.ask("status")["runs"][0]
    assert (run["state"], run["planned"], run["reason"]) == ("running", ["order-2", "order-1"], "new heap size")
    assert run["owner"] == ALICE


def test_since_is_counted_by_the_ledgers_clock(fleet: Fleet) -> None:
    result = fleet.ask("begin", planned=fleet.hosts, since=NOON - 90)
    assert (result["since"], result["elapsed"]) == (NOON - 90, 90)
    with pytest.raises(Refused, match="since .* is 60 s ahead of the ledger's clock"):
        fleet.ask("begin", planned=fleet.hosts, since=NOON + 60, owner=BOB)


def test_the_same_question_again_is_the_same_run(fleet: Fleet) -> None:
    """The answer was lost, and the caller asks again."""
    first = fleet.ask("begin", planned=fleet.hosts)
    again = fleet.ask("begin", planned=fleet.hosts)
    assert again == {**first, "changed": False}
    assert len(live(fleet)) == 1


def test_a_live_run_is_no_obstacle(fleet: Fleet) -> None:
    mine, other = fleet.begin(), fleet.begin(owner=BOB)
    assert live(fleet) == {mine: "running", other: "running"}


@pytest.mark.parametrize("how", ["stopped", "dead", "silent"])
def test_resumed_by_the_same_command(fleet: Fleet, how: str) -> None:
    run = half_done(fleet)
    before = fleet.leases()
    dead = [ALICE] if how == "dead" else []
    if how == "stopped":
        fleet.ask("finish", run=run)
    if how == "silent":
        fleet.now += 301
    result = fleet.ask("begin", planned=fleet.hosts, owner=BOB, dead=dead, held=600)
    assert (result["run"], result["resumed"], result["since"], result["began"]) == (run, True, NOON - 50, NOON)
    assert result["elapsed"] == fleet.now - (NOON - 50)
    assert result["done"] == ["order-1"]
    assert result["msg"] == f"resuming run {run} of 08:00Z, 1 of 10 done"
    assert list(result["leases"]) == ["order-2", "order-3"]
    for host, lease in result["leases"].items():
        assert lease["token"] > max(one["token"] for one in before.values())
        assert lease == {**before[host], "token": lease["token"], "until": fleet.now + 600}
    assert result["leases"]["order-2"]["step"] == "attaching"
    assert result["leases"]["order-2"]["token"] != result["leases"]["order-3"]["token"]
    with pytest.raises(Refused, match=f"run {run} belongs to another process now: bob"):
        fleet.ask("renew", run=run, wanted=["order-2"], held=60)
    assert fleet.acquire(run, ["order-2", "order-3", "order-4"], owner=BOB)["changed"]


def test_death_is_proved_of_a_process_and_not_of_its_run(fleet: Fleet) -> None:
    """Two commands find alice dead; bob is faster, and lives when carol comes with the same proof."""
    run = half_done(fleet)
    first = fleet.ask("begin", planned=fleet.hosts, owner=BOB, dead=[ALICE])
    second = fleet.ask("begin", planned=fleet.hosts, owner=CAROL, dead=[ALICE])
    assert (first["run"], first["resumed"]) == (run, True)
    assert second["run"] != run and not second["resumed"] and second["leases"] == {}


def test_begin_goes_on_with_the_run_of_the_plan(fleet: Fleet) -> None:
    """Asked again, since the answer was lost, it is the same; another command finds that it was resumed meanwhile."""
    run = half_done(fleet)
    seen = {"run": run, "done": ["order-1"]}
    assert fleet.ask("begin", planned=fleet.hosts, owner=BOB, dead=[ALICE], resumes=seen)["run"] == run
    again = fleet.ask("begin", planned=fleet.hosts, owner=BOB, dead=[ALICE], resumes=seen)
    assert (again["run"], again["changed"], again["msg"]) == (run, False, f"run {run} began")
    other = fleet.ask("begin", planned=fleet.hosts, owner=CAROL, dead=[ALICE], resumes=seen)
    assert other["run"] != run and not other["resumed"]
    assert f"since run {run}, which was to be resumed, has gone on meanwhile" in other["msg"]


@pytest.mark.parametrize("seen", [{}, {"run": "20270115T080000-aaaaaa", "done": []}])
def test_begin_goes_on_with_no_other_run(fleet: Fleet, seen: dict[str, Any]) -> None:
    """What the plan did not know of would do again what it has done."""
    run = half_done(fleet)
    result = fleet.ask("begin", planned=fleet.hosts, owner=BOB, dead=[ALICE], resumes=seen)
    assert result["run"] != run and result["since"] == fleet.now
    assert {lease["run"] for lease in fleet.leases().values()} == {result["run"]}


def test_begin_does_not_go_on_with_a_run_that_has_done_more_since_the_plan(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.ask("finish", run=run)
    assert fleet.ask("begin", planned=fleet.hosts, owner=BOB, resumes={"run": run, "done": []})["run"] != run


def test_each_answer_under_a_lease_tells_since_when_the_run_counts(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.acquire(run, ["order-2"])
    assert fleet.ask("renew", run=run, wanted=["order-2"], held=60)["elapsed"] == fleet.now - (NOON - 50)


def test_what_a_run_was_done_with_is_only_put_back_for_another_one(fleet: Fleet) -> None:
    """order-1 was restarted by bob's run, and then held by alice's, which is dead: bob's has nothing to restart."""
    mine, other = fleet.begin(owner=BOB), fleet.begin()
    fleet.acquire(mine, ["order-1"], owner=BOB)
    fleet.ask("release", run=mine, wanted=["order-1"], done=True, owner=BOB)
    fleet.acquire(mine, ["order-2"], owner=BOB)
    fleet.acquire(other, ["order-1", "order-3"], process={"order-3": {"pid": 3, "start": 3, "boot": "b"}})
    fleet.ask("finish", run=mine, owner=BOB)
    resumed = fleet.ask("begin", planned=fleet.hosts, owner=BOB, dead=[ALICE], since=NOON)
    held = fleet.leases()
    assert [held[host]["step"] for host in ("order-1", "order-2", "order-3")] == {
        mine: ["attaching", "granted", "granted"],
        other: ["granted", "granted", "granted"],
    }[resumed["run"]]


def test_neither_dead_nor_reported_is_not_resumed(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.ask("stop", run=run)
    result = fleet.ask("begin", planned=fleet.hosts, owner=BOB)
    assert (result["resumed"], result["leases"]) == (False, {})
    assert result["left_out"] == {
        "order-2": f"out by run {run} since 08:00Z, at step attaching",
        "order-3": f"out by run {run} since 08:00Z, at step granted",
    }


def test_a_run_that_works_on_long_is_not_silent(fleet: Fleet) -> None:
    run = fleet.begin()
    fleet.acquire(run, ["order-1"], held=3600)
    fleet.now += 3000
    assert not fleet.ask("begin", planned=fleet.hosts, owner=BOB)["resumed"]


def test_another_service_is_left_alone(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.ask("finish", run=run)
    result = fleet.ask("begin", planned=fleet.hosts, owner=BOB, service="pay-svc")
    assert (result["resumed"], result["leases"], result["left_out"]) == (False, {}, {})


def test_a_part_of_it_resumes_what_it_names(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.ask("finish", run=run)
    result = fleet.ask("begin", planned=["order-2"], owner=BOB)
    assert (result["run"], list(result["leases"])) == (run, ["order-2"])
    assert result["left_out"] == {"order-3": f"out by run {run} since 08:00Z, at step granted"}
    fleet.ask("release", run=run, wanted=["order-2"], done=True, owner=BOB)
    ended = fleet.ask("finish", run=run, owner=BOB)
    assert (ended["complete"], ended["planned"], ended["left"]) == (True, ["order-2"], [])
    assert (list(ended["out"]), ended["state"]) == (["order-3"], "stopped")
    again = fleet.ask("begin", planned=fleet.hosts, owner=CAROL)
    assert (again["run"], again["done"], list(again["leases"])) == (run, ["order-1", "order-2"], ["order-3"])


def test_nothing_left_to_do_in_it_is_a_new_run(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.ask("finish", run=run)
    result = fleet.ask("begin", planned=["order-1"], owner=BOB)
    assert (result["resumed"], result["since"]) == (False, fleet.now)
    assert list(result["left_out"]) == ["order-2", "order-3"]


def test_new_takes_over_what_was_left_out_and_restarts_it_again(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.ask("finish", run=run)
    result = fleet.ask("begin", planned=fleet.hosts, owner=BOB, new=True)
    assert (result["resumed"], result["since"], result["done"]) == (False, fleet.now, [])
    assert {host: lease["step"] for host, lease in result["leases"].items()} == {
        "order-2": "restarting",
        "order-3": "granted",
    }
    assert {lease["run"] for lease in result["leases"].values()} == {result["run"]}
    assert live(fleet) == {result["run"]: "running"}
    assert fleet.ask("status", run=run)["past"]["state"] == "superseded"


def test_two_dead_runs_are_settled_by_one(fleet: Fleet) -> None:
    first = fleet.begin()
    fleet.acquire(first, ["order-1"])
    second = fleet.begin(owner=BOB)
    fleet.acquire(second, ["order-2", "order-3"], owner=BOB)
    result = fleet.ask("begin", planned=fleet.hosts, owner=CAROL, dead=[ALICE, BOB])
    assert (result["run"], sorted(result["leases"])) == (second, ["order-1", "order-2", "order-3"])
    assert live(fleet) == {second: "running"}


def test_finish_all_done(fleet: Fleet) -> None:
    run = fleet.begin(["order-1", "order-2"])
    fleet.acquire(run, ["order-1", "order-2"])
    fleet.ask("release", run=run, wanted=["order-1", "order-2"], done=True)
    result = fleet.ask("finish", run=run)
    assert (result["complete"], result["state"], result["done"]) == (True, "finished", ["order-1", "order-2"])
    assert result["msg"] == f"run {run}: 2 of 2 done"
    assert live(fleet) == {}
    assert fleet.ask("finish", run=run) == {**result, "changed": False}
    assert not fleet.ask("stop", run=run)["changed"]
    assert not fleet.ask("release", run=run, wanted=["order-1"])["changed"]
    assert fleet.ask("begin", planned=["order-1", "order-2"])["run"] != run


def test_finish_with_something_left(fleet: Fleet) -> None:
    run = half_done(fleet)
    fleet.ask("stop", run=run, why="order-2: gate failed")
    result = fleet.ask("finish", run=run)
    assert (result["complete"], result["state"], result["done"]) == (False, "stopped", ["order-1"])
    assert result["left"] == fleet.hosts[1:]
    assert result["msg"] == (
        f"run {run}: 1 of 10 done; not done: order-2, order-3, order-4, order-5, order-6, order-7, order-8, order-9, "
        "order-10; still out: order-2 (at step attaching since 08:00Z), order-3 (at step granted since 08:00Z); "
        "stopped: order-2: gate failed"
    )


def test_ended_early_with_nothing_held_is_resumed_too(fleet: Fleet) -> None:
    run = fleet.begin()
    fleet.acquire(run, ["order-1"])
    fleet.ask("release", run=run, wanted=["order-1"], done=True)
    result = fleet.ask("finish", run=run)
    assert (result["state"], result["why"], result["out"]) == ("stopped", "it ended before all was done", {})
    again = fleet.ask("begin", planned=fleet.hosts, owner=BOB)
    assert (again["run"], again["resumed"], again["done"]) == (run, True, ["order-1"])


def test_all_done_but_something_held_is_not_past(fleet: Fleet) -> None:
    run = fleet.begin(["order-1"])
    fleet.acquire(run, ["order-1"])
    fleet.ask("release", run=run, wanted=["order-1"], done=True)
    fleet.acquire(run, ["order-1"])
    result = fleet.ask("finish", run=run)
    assert (result["complete"], result["state"], list(result["out"])) == (False, "stopped", ["order-1"])
    assert list(fleet.leases()) == ["order-1"]


def test_only_its_process_ends_a_run_and_anybody_may_stop_it(fleet: Fleet) -> None:
    run = fleet.begin()
    with pytest.raises(Refused, match="belongs to another process now"):
        fleet.ask("finish", run=run, owner=BOB)
    with pytest.raises(Refused, match="belongs to another process now"):
        fleet.ask("stop", run=run, owner=BOB)
    assert live(fleet) == {run: "running"}
    assert fleet.ask("stop", run=run, owner=None, why="on call")["changed"]
    assert live(fleet) == {run: "stopped"}


@pytest.mark.parametrize("action", ["stop", "finish"])
def test_an_unknown_run(fleet: Fleet, action: str) -> None:
    fleet.begin()
    with pytest.raises(Refused, match="run 20270115T080000-bbbbbb is not in the ledger"):
        fleet.ask(action, run="20270115T080000-bbbbbb")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"reason": "x" * 201}, "reason is longer than 200"),
        ({"reason": "a\nb"}, "line end"),
        ({"reason": 7}, "reason '7' is no str"),
        ({"planned": []}, "planned \\[\\] is no list"),
        ({"planned": None}, "action begin needs 'planned'"),
        ({"since": "yesterday"}, "since 'yesterday' is not a number"),
        ({"dead": ["*"]}, "dead '\\*' is no Mapping"),
        ({"new": "yes"}, "new 'yes' is no bool"),
        ({"owner": {**ALICE, "pid": [1]}}, "owner: pid"),
        ({"owner": {**ALICE, "password": "x"}}, "owner has name, machine, boot, pid, start, password"),
        ({"service": "order svc"}, "service 'order svc' is no name"),
    ],
)
def test_bad_input(fleet: Fleet, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        fleet.ask("begin", **{"planned": fleet.hosts, **asked})
    assert not fleet.ledger.exists() or fleet.ask("status")["runs"] == []


def test_a_template_in_a_reason_stays_as_it_is(fleet: Fleet) -> None:
    reason = "{{ lookup('file', '/etc/passwd') }} $(id) `id`"
    fleet.begin(reason=reason)
    assert fleet.ask("status")["runs"][0]["reason"] == reason


def test_status_is_for_people_too(fleet: Fleet) -> None:
    run = half_done(fleet)
    assert fleet.ask("status")["msg"].splitlines() == [
        f"order-svc: run {run} of alice, pid 100, running, began 08:00Z, 1 of 10 done",
        f"order-svc: order-2 is out by run {run} since 08:00Z, at step attaching, until 08:01Z (EXPIRED)",
        f"order-svc: order-3 is out by run {run} since 08:00Z, at step granted, until 08:01Z (EXPIRED)",
    ]
    fleet.now += 300
    assert "not heard of since 08:00Z" in fleet.ask("status")["msg"]


def plan(fleet: Fleet, **params: Any) -> dict[str, Any]:
    return fleet.ask("plan", **{"wanted": fleet.hosts, "pace": [1, "25%"], "owner": None, **params})


def test_plan(fleet: Fleet) -> None:
    result = plan(fleet)
    assert result["batches"] == [
        ["order-1"],
        ["order-2", "order-3"],
        ["order-4", "order-5"],
        ["order-6", "order-7"],
        ["order-8", "order-9"],
        ["order-10"],
    ]
    assert result["lowest"]["nginx/order_svc"] == {"name": "order_svc", "configured": 10, "in_traffic": 8, "least": 3}
    assert (result["blocked"], result["unhealthy"], result["resumed"], result["resumes"]) == ({}, {}, [], None)
    assert not fleet.ledger.exists()


def test_the_unhealthy_go_first_and_what_blocks_is_named(fleet: Fleet) -> None:
    fleet.sick = {"order-9"}
    fleet.states["lb-1", "order-3"] = "down"
    mine = fleet.begin(["order-2"])
    fleet.acquire(mine, ["order-2"])
    result = plan(fleet, pace=["100%"])
    assert result["batches"][0] == ["order-9", "order-1", "order-4", "order-5", "order-6"]
    assert result["batches"][1] == ["order-7", "order-8", "order-10"]
    assert result["unhealthy"] == {"order-9": "refused"}
    assert list(result["blocked"]) == ["order-2", "order-3"]
    assert f"held by run {mine} of alice" in result["blocked"]["order-2"]
    assert "drained by hand (down in nginx/order_svc at lb-1)" in result["blocked"]["order-3"]
    assert result["lowest"]["service/order-svc"]["in_traffic"] == 3
    assert result["notes"][0] == "batch 1 has 5 instead of 8: there is no room for more"


def test_the_plan_says_what_it_resumes(fleet: Fleet) -> None:
    run = half_done(fleet)
    result = plan(fleet, dead=[ALICE])
    assert result["resumes"]["run"] == run
    assert result["resumed"] == ["order-2", "order-3"]
    assert result["batches"][0] == ["order-2", "order-3"]
    assert result["done"] == ["order-1"]
    assert "order-1" not in [host for batch in result["batches"] for host in batch]
    assert result["msg"].splitlines()[0] == f"resuming run {run} of 08:00Z, 1 of 10 done"
    anew = plan(fleet, dead=[ALICE], new=True)
    assert (anew["resumes"], anew["done"], anew["batches"][0]) == (None, [], ["order-2", "order-3"])


def test_a_floor_that_no_batch_can_keep(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=1)
    result = plan(fleet)
    assert result["batches"] == []
    assert "none may ever be out" in result["blocked"]["order-1"]


@pytest.mark.parametrize("pace", [[], [0], ["0%"], ["a"], None])
def test_bad_pace(fleet: Fleet, pace: Any) -> None:
    with pytest.raises(Refused, match="pace"):
        plan(fleet, pace=pace)


def test_a_ledger_that_vanished_does_not_come_back_empty(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    run = fleet.begin()
    fleet.ledger.rename(tmp_path.with_name("away"))
    for action in ("stop", "finish"):
        with pytest.raises(Refused):
            fleet.ask(action, run=run)
    assert not fleet.ledger.exists()


def test_the_plan_knows_what_the_last_finished_run_took(fleet: Fleet) -> None:
    def expected(wanted: list[str]) -> float | None:
        found: float | None = fleet.ask("plan", wanted=wanted, pace=[1])["expected"]
        return found

    assert expected(["order-1"]) is None
    run = fleet.begin(["order-1", "order-2"])
    fleet.acquire(run, ["order-1", "order-2"])
    fleet.now += 40
    fleet.ask("release", run=run, wanted=["order-1", "order-2"], done=True)
    assert expected(["order-3"]) is None, "a run that goes on says nothing yet"
    fleet.ask("finish", run=run)
    assert expected(["order-1", "order-2", "order-3"]) == 60


def test_killed_before_its_report(fleet: Fleet) -> None:
    """All was done, and nobody was told: the same command only reports; another one, or a new run, is a new roll."""
    both = ["order-1", "order-2"]
    run = fleet.begin(both)
    fleet.acquire(run, both)
    fleet.ask("release", run=run, wanted=both, done=True)
    assert plan(fleet, wanted=["order-1"], dead=[ALICE])["resumes"] is None
    assert plan(fleet, wanted=both, dead=[ALICE], new=True)["resumes"] is None
    again = plan(fleet, wanted=both, dead=[ALICE])
    assert (again["resumes"]["run"], again["batches"], again["done"]) == (run, [], both)
    result = fleet.ask("begin", planned=both, owner=BOB, dead=[ALICE])
    assert (result["run"], result["resumed"], result["done"]) == (run, True, both)
    assert fleet.ask("finish", run=run, owner=BOB)["state"] == "finished"
    assert plan(fleet, wanted=both)["resumes"] is None


def test_what_a_resumed_run_does_not_go_on_with_is_not_held_for_longer(fleet: Fleet) -> None:
    run = half_done(fleet)
    before = fleet.leases()
    fleet.ask("begin", planned=["order-3"], owner=BOB, dead=[ALICE])
    after = fleet.leases()
    assert after["order-2"] == before["order-2"]
    assert (after["order-3"]["run"], after["order-3"]["until"]) == (run, fleet.now + 600)


def test_no_two_runs_have_one_id(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun in the same second by chance with the same letters."""
    letters = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr(secrets, "token_hex", lambda _size: next(letters))
    first, second = fleet.begin(["order-1"]), fleet.begin(["order-2"], owner=BOB)
    assert (first[-6:], second[-6:]) == ("aaaaaa", "bbbbbb")
    assert list(live(fleet)) == [first, second]


def test_what_is_too_much_to_go_on_with_is_said_by_plan_and_grant_alike(fleet: Fleet) -> None:
    """A sick one costs nothing, so that more than may be out at once were leased; then all of them serve again."""
    held = fleet.hosts[:7]
    run = fleet.begin(fleet.hosts)
    fleet.acquire(run, held)
    fleet.sick = {"order-8"}
    fleet.acquire(run, ["order-8"])
    fleet.sick = set()
    result = plan(fleet, dead=[ALICE])
    said = "only 7 of 10 may be out at once, so that none can go first. restore.yml -l order-svc puts back"
    assert all(said in result["blocked"][host] for host in [*held, "order-8"])
    assert result["batches"] == []
    again = fleet.begin(fleet.hosts, owner=BOB, dead=[ALICE])
    with pytest.raises(Refused, match=said):
        fleet.acquire(again, ["order-1"], owner=BOB)


def test_what_is_out_goes_before_what_serves(fleet: Fleet) -> None:
    """With it back, there is room for the others."""
    run = fleet.begin(fleet.hosts)
    fleet.acquire(run, fleet.hosts[:7])
    fleet.sick = {"order-8"}
    fleet.acquire(run, ["order-8"])
    fleet.sick = set()
    fleet.drain("order-8")
    assert plan(fleet, dead=[ALICE])["batches"][0] == ["order-8"]
