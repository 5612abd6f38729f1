# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A roll in which nothing fails: who is restarted, in what order, and what the clients notice of it."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from tests.lab.demo import clean, wait_for
from tests.lab.stage import LONG, Ended, Stage, long_request

pytestmark = pytest.mark.timeout(600)

HEALTH = {"url": "http://{{ instance_address }}/health-extended", "expect": {"status": "healthy"}}
STATE = {"url": "http://{{ instance_address }}/internal/status", "expect": {"pool.busy": "<= 48"}}


def test_default_roll(tmp_path: Path) -> None:
    """Batches of 1 and 2 over two pools and two balancers."""
    variables = {"fleet_pace": [1, 2], "instance_state": [STATE]}
    pools = {"order_svc": None, "order_admin": 2}
    fleet = Stage(tmp_path / "fleet", upstreams=pools, variables=variables)
    with fleet, fleet.watched() as (client, observer):
        pids, files = fleet.pids(), fleet.configurations()
        ended = fleet.roll()
        assert ended.code == 0, ended.text
        assert all(fleet.takers(balancer) == set(fleet.instances) for balancer in fleet.balancers)
        assert fleet.configurations() == files
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
        assert not set(fleet.pids().values()) & {*pids.values(), 0}
        assert fleet.reloads() == dict.fromkeys(fleet.balancers, 2 * 2)
        assert fleet.held() == {} and fleet.runs() == []
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1, "order_admin": 1}
    assert "3 of 3 restarted" in ended.text


def test_numbers_on_the_command_line(tmp_path: Path) -> None:
    """There they are texts, for the engine."""
    numbers = {"instance_drain_deadline": 60, "instance_restart_deadline": 60, "instance_restart_retries": 1}
    numbers |= {"instance_health_deadline": 60, "instance_warmup_seconds": 1, "instance_verify_requests": 0}
    numbers |= {"instance_verify_deadline": 20, "instance_quiet_window": 0, "fleet_bake": 1, "fleet_wait_deadline": 30}
    words = [word for name, value in numbers.items() for word in ("-e", f"{name}={value}")]
    fleet = Stage(tmp_path / "fleet", instances=2, balancers=1, variables={"instance_warmup": [50]})
    with fleet, fleet.watched():
        ended = fleet.roll(*words, "-e", "fleet_kind=canary")
        assert ended.code == 0 and "2 of 2 restarted" in ended.text, ended.text
        assert fleet.starts() == {"order-1": 2, "order-2": 2}


def test_limit_keeps_the_floor_of_the_whole(tmp_path: Path) -> None:
    """Of four, two stay at the least: two selected ones go together; with two out already, none goes."""
    fleet = Stage(tmp_path / "fleet", instances=4, variables={"fleet_floor": "50%", "fleet_pace": [2]})
    with fleet, fleet.watched() as (client, observer):
        ended = fleet.roll(limit="order-svc:!order-3:!order-4")
        assert ended.code == 0, ended.text
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1, "order-4": 1}
        wait_for("the observer", lambda: observer.live()["pools"]["order_svc"]["now"] == 4)
        assert observer.lowest == {"order_svc": 2}
        for instance in ("order-1", "order-2"):
            fleet.by_hand(instance, "down")
        files = fleet.files()
        ended = fleet.roll(limit="order-3")
        assert ended.code == 2 and "floor 50% = 2" in ended.text, ended.text
        assert fleet.files() == files
        assert fleet.starts()["order-3"] == 1
    assert clean(client.result), client.losses


def test_unhealthy_first_and_drained_never(tmp_path: Path) -> None:
    """order-3 is sick and goes first, order-2 was drained by a person and stays so: order-1 waits for order-3."""
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"instance_probe": HEALTH})
    with fleet, fleet.watched() as (client, observer):
        fleet.by_hand("order-2", "down")
        fleet.switch("order-3", "unhealthy")
        fleet.moments.after("supervisorctl stop order-3", 1, lambda: fleet.switch("order-3", "unhealthy", None))
        ended = fleet.roll()
        assert ended.code == 0, ended.text
        assert re.search(r"batch 1: order-3 \(unhealthy", ended.text) and "order-2: drained by hand" in ended.text
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 2}
        stops = [name.split()[2] for name in fleet.moments.order if name.startswith("supervisorctl stop")]
        assert stops == ["order-3", "order-1"]
        assert fleet.down() == {("lb-1", "order-2")}
        assert fleet.takers("lb-1") == {"order-1", "order-3"}
    assert clean(client.result), client.losses
    states = [event["state"] for event in observer.events if event["instance"] == "order-2"]
    assert states == ["in traffic", "out of order_svc at lb-1"]


def test_unreachable_instance_is_not_touched(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet", ssh=True, balancers=1)
    with fleet, fleet.watched() as (client, observer):
        assert fleet.hosts
        fleet.hosts.kill("order-2")
        ended = fleet.roll()
        assert ended.code == 2 and "order-2 was not touched: order-2 is unreachable" in ended.text, ended.text
        assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 2}
        assert fleet.takers("lb-1") == set(fleet.instances)
    assert clean(client.result), client.losses
    # On a busy machine it may be slow to answer; taken out it is never.
    assert not [one for one in observer.events if one["instance"] == "order-2" and "out of" in one["state"]]


def test_single(tmp_path: Path) -> None:
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"fleet_kind": "single"})
    with fleet, fleet.watched() as (client, _observer):
        ended = fleet.roll()
        assert ended.code == 2 and "single restarts exactly one instance, and 3 are selected" in ended.text, ended.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1)
        ended = fleet.roll(limit="order-2")
        assert ended.code == 0, ended.text
        assert fleet.starts() == {"order-1": 1, "order-2": 2, "order-3": 1}
        assert fleet.takers("lb-1") == set(fleet.instances)
    assert clean(client.result), client.losses


def test_forced_says_what_it_cut(tmp_path: Path) -> None:
    """A request that takes a minute is cut; the floor holds; nobody else loses anything."""
    variables = {"fleet_kind": "forced", "instance_drain_deadline": 6.0}
    fleet = Stage(tmp_path / "fleet", balancers=1, variables=variables)
    with fleet, long_request(fleet, "order-1", through="lb-1") as answer, fleet.watched() as (client, observer):
        ended = fleet.roll(limit="order-1,order-2")
        assert ended.code == 0, ended.text
        assert re.search(rf"cut: .*{fleet.instances['order-1']}", ended.text), ended.text
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
        assert fleet.takers("lb-1") == set(fleet.instances)
        assert answer() in ("502", "closed")
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}


def test_restart_is_tried_again(tmp_path: Path) -> None:
    """order-1 does not start, order-2 starts sick; each once."""
    sick = {"order-2": {"instance_health_deadline": 3.0}}
    fleet = Stage(tmp_path / "fleet", balancers=1, variables={"instance_restart_retries": 1}, own=sick)
    with fleet, fleet.watched() as (client, _observer):
        for instance, switch in (("order-1", "fail_start"), ("order-2", "unhealthy")):
            start = f"supervisorctl start {instance}"
            fleet.moments.before(start, 1, partial(fleet.switch, instance, switch))
            fleet.moments.before(start, 2, partial(fleet.switch, instance, switch, None))
        ended = fleet.roll(limit="order-1,order-2")
        assert ended.code == 0, ended.text
        assert fleet.moments.order.count("supervisorctl stop order-2") == 2
        assert fleet.takers("lb-1") == set(fleet.instances)
        assert fleet.held() == {}
    assert clean(client.result), client.losses


def test_warm_up(tmp_path: Path) -> None:
    """A tenth of the weight, then half of it, then all; one reload for each step and batch."""
    variables = {"instance_warmup": [10, 50], "instance_warmup_seconds": 0.5}
    fleet = Stage(tmp_path / "fleet", balancers=1, variables=variables, line_words="max_fails=0 weight=20")
    seen: list[list[str]] = []

    def look() -> None:
        text = (fleet.folder / "lb-1" / "conf.d" / "upstreams.conf").read_text()
        members = "|".join(fleet.instances[one] for one in ("order-1", "order-2"))
        seen.append(re.findall(rf"server (?:{members}) (.*);", text))

    with fleet, fleet.watched() as (client, _observer):
        files = fleet.configurations()
        for number in range(1, 5):
            fleet.moments.before("lb-1 reload", number, look)
        ended = fleet.roll(limit="order-1,order-2")
        assert ended.code == 0, ended.text
        assert fleet.reloads() == {"lb-1": 4}
        assert [set(both) for both in seen] == [
            {"max_fails=0 weight=20 down"},
            {"max_fails=0 weight=2"},
            {"max_fails=0 weight=10"},
            {"max_fails=0 weight=20"},
        ]
        assert fleet.configurations() == files
    assert clean(client.result), client.losses


def test_a_step_of_the_warm_up_that_goes_badly(tmp_path: Path) -> None:
    """At half of its weight order-1 is far slower than the others: out it goes, and comes back with its very weight."""
    variables = {"instance_warmup": [50], "instance_warmup_seconds": 6, "instance_verify_p95": 60}
    variables["instance_warmup_requests"] = 20
    fleet = Stage(tmp_path / "fleet", balancers=1, variables=variables, line_words="max_fails=0 weight=20")
    with fleet, fleet.watched() as (client, _observer):
        files = fleet.configurations()
        fleet.moments.after("supervisorctl stop order-1", 1, partial(fleet.switch, "order-1", "slow", 2))
        ended = fleet.roll(limit="order-1")
        assert ended.code == 2 and re.search(r"order_svc: .*: bad, .* beside the others' \d+", ended.text), ended.text
        assert fleet.down() == {("lb-1", "order-1")} and list(fleet.held()) == ["order-1"]
        fleet.switch("order-1", "slow", None)
        with fleet.playbook("-l", fleet.service, name="restore.yml") as restore:
            assert restore.wait(LONG) == 0, restore.text
        assert fleet.configurations() == files and fleet.held() == {}
    assert clean(client.result), client.losses


def test_canary_that_recovers(tmp_path: Path) -> None:
    """Sick at the first look and well at the second: the roll goes on, and only its first batch is watched."""
    fleet = Stage(
        tmp_path / "fleet", balancers=1, variables={"fleet_kind": "canary", "fleet_bake": 10, "fleet_pace": [1]}
    )
    with fleet, fleet.watched() as (client, _observer):
        fleet.moments.after("lb-1 reload", 2, partial(fleet.switch, "order-1", "unhealthy"))
        with fleet.playbook("-l", "order-1,order-2") as roll:
            wait_for("the first look", lambda: "  Bake " in roll.text, LONG)
            fleet.switch("order-1", "unhealthy", None)
            assert roll.wait(LONG) == 0, roll.text
        looks = [line for line in roll.text.splitlines() if "  Bake " in line and " target " in line]
        assert ["did not hold" in line for line in looks] == [True, False], roll.text
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}
        assert fleet.takers("lb-1") == set(fleet.instances)
    assert clean(client.result), client.losses


@pytest.mark.variant
def test_two_runs_at_once(tmp_path: Path) -> None:
    """While one run holds order-1 out, another may take order-3 and no more; the held one is refused."""
    variables = {"fleet_floor": "50%", "instance_restart_deadline": 300.0, "fleet_pace": [1]}
    fleet = Stage(tmp_path / "fleet", instances=4, balancers=1, variables=variables)
    with fleet, fleet.watched() as (client, observer):
        with fleet.playbook("-l", "order-1,order-2") as first:
            with fleet.moments.pause("supervisorctl stop order-1") as arrived:
                arrived(first)
                everybody = fleet.roll()
                assert everybody.code == 2 and "order-1: held by run" in everybody.text, everybody.text
                other = fleet.roll("-e", '{"fleet_pace": [2]}', limit="order-3,order-4")
                assert other.code == 0, other.text
                assert fleet.starts() == {"order-1": 1, "order-2": 1, "order-3": 2, "order-4": 2}
                assert fleet.down() == {("lb-1", "order-1")}
            assert first.wait(LONG) == 0, first.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
        assert fleet.takers("lb-1") == set(fleet.instances)
        assert fleet.held() == {}
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 2}


@pytest.mark.variant
def test_canary_that_waits_for_a_word(tmp_path: Path) -> None:
    """Nothing more goes out until a person says so; without a word the run ends after its canary, and goes on later."""
    variables = {"fleet_kind": "canary", "fleet_bake": "confirm", "fleet_pace": [1], "instance_verify_requests": 0}
    with Stage(tmp_path / "fleet", balancers=1, variables=variables) as fleet:
        with fleet.playbook("-l", "order-svc") as roll:
            wait_for("the question", lambda: "CANARY: " in roll.text, 90)
            [run] = [one["id"] for one in fleet.status()["runs"]]
            said = f"To go on: approve.yml -l order-svc -e fleet_run={run}. To stop: stop.yml -l order-svc"
            assert said in roll.text
            words = ("-l", "order-svc", "-e", f"fleet_run={run}")
            status = play(fleet, "status.yml", "-l", "order-svc")
            assert "waits for a person's word after its canary" in status.text and words[-1] in status.text
            listed = play(fleet, "approve.yml", "-l", "order-svc")
            assert f"run {run} waits for a person's word after its canary" in listed.text, listed.text
            would = play(fleet, "approve.yml", *words, "--check")
            assert would.code == 0 and "would be so: " in would.text, would.text
            assert fleet.starts() == {"order-1": 2, "order-2": 1, "order-3": 1}
            assert roll.process and roll.process.poll() is None
            given = play(fleet, "approve.yml", *words)
            assert given.code == 0 and f"run {run} of order-svc goes on after its canary" in given.text, given.text
            assert roll.wait(LONG) == 0, roll.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
        late = play(fleet, "approve.yml", *words)
        assert late.code != 0 and f"run {run} waits for nobody's word now" in late.text
        ended = fleet.roll("-e", "fleet_bake_deadline=1")
        assert ended.code == 2 and "nobody said after the canary that it goes on" in ended.text, ended.text
        assert fleet.starts() == {"order-1": 3, "order-2": 2, "order-3": 2} and not fleet.held()
        ended = fleet.roll("-e", "fleet_kind=rolling")
        assert ended.code == 0 and fleet.starts() == dict.fromkeys(fleet.instances, 3), ended.text


def play(fleet: Stage, name: str, *words: str) -> Ended:
    with fleet.playbook(*words, name=name) as playbook:
        return Ended(playbook.wait(LONG), playbook.text)
