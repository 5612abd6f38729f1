# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person reads at three in the morning, line by line."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _status_lines

from tests.unit.looked import DRAINED, NOON, RUN, lease, level, look, run


def test_all_is_well() -> None:
    assert _status_lines.status_lines(look()) == [
        "",
        "order-svc: all is well",
        "",
        "  pools",
        "    order-svc        6 of 6 in traffic  floor 30% = 2  4 more may go out",
        "    nginx/order_svc  6 of 6 in traffic  floor 30% = 2  4 more may go out",
        "",
        "  ledger /var/lib/ledger on bastion: nobody is at work",
        "",
    ]


def test_everything_at_once() -> None:
    leased = {"why": "leased", "detail": f"run {RUN} of ann@bastion, since 07:35Z, EXPIRED"}
    out = {"order-1": leased, "order-2": leased, "order-3": {"why": "drained", "detail": DRAINED}}
    sick = lease("order-2", step="restarting", until=NOON - 180, expired=True, healthy=False, saw="connection refused")
    found = look(
        levels=[
            level(out=out, in_traffic=3, room=1, at_most=True),
            level("nginx/order_svc", out=out, in_traffic=1, room=0, below=1, at_most=True),
        ],
        troubles=["lb-2: cannot be read: no route"],
        runs=[run(life="dead", holds=["order-1", "order-2"], reason="new heap")],
        leases=[lease("order-1"), sick],
        queue=[{"run": RUN, "hosts": ["order-4"], "since": NOON - 20, "why": "no room"}],
        strays={"order-3": out["order-3"]},
    )
    assert _status_lines.status_lines(found) == [
        "",
        "order-svc: 5 ALARMS",
        "  ALARM: nginx/order_svc BELOW ITS FLOOR by 1: 1 of 6 in traffic, floor 2",
        "         nothing more is taken out until members are back: put back or mend those that are out",
        "  ALARM: lb-2: cannot be read: no route",
        "         nothing is taken out until balancers and inventory agree; "
        "see that it can be read, and lists every member",
        f"  ALARM: run {RUN} of ann@bastion is DEAD, last heard of 07:59Z, and holds order-1, order-2 out of traffic",
        f"  ALARM: the lease of order-2 expired 3 min ago, at step restarting of run {RUN}",
        "         restore.yml -l order-svc puts back what is healthy; "
        "the same rolling_restart.yml command again goes on with it",
        f"  ALARM: out without a lease: order-3: {DRAINED}",
        "         whoever drained it puts it back; nothing here touches it",
        "",
        "  pools",
        "    order-svc        at most 3 of 6 in traffic  floor 30% = 2  at most 1 more may go out",
        "    nginx/order_svc  at most 1 of 6 in traffic  floor 30% = 2  BELOW ITS FLOOR by 1",
        "",
        "  out of traffic",
        f"    order-1, order-2  leased by run {RUN} of ann@bastion, since 07:35Z, EXPIRED",
        f"    order-3           {DRAINED}",
        "",
        "  runs",
        f"    {RUN}  DEAD  ann@bastion, pid 4711  began 07:30Z  heard of 60 s ago  2 of 4 done  "
        "holds order-1, order-2; because: new heap",
        "",
        "  leases",
        f"    order-1  at step granted     out for 25 min  lease ends in 4 min      run {RUN}  healthy",
        f"    order-2  at step restarting  out for 25 min  lease EXPIRED 3 min ago  run {RUN}  "
        "unhealthy: connection refused",
        "",
        "  waiting",
        f"    {RUN}  waits for order-4  for 20 s  no room",
        "",
        "  ledger /var/lib/ledger on bastion: nobody is at work",
        "",
    ]


@pytest.mark.parametrize(
    ("values", "state", "way"),
    [
        ({}, "RUNNING", f"  to stop run {RUN}: stop.yml -l order-svc -e fleet_run={RUN}"),
        ({"state": "stopped", "holds": ["order-1"]}, "STOPPING", ""),
        (
            {"state": "stopped", "life": "stopped", "why": "by ann"},
            "STOPPED",
            f"  to go on with run {RUN}: the same rolling_restart.yml command again",
        ),
    ],
)
def test_the_way_on(values: dict[str, Any], state: str, way: str) -> None:
    lines = _status_lines.status_lines(look(runs=[run(**values)]))
    assert f"    {RUN}  {state}  ann@bastion" in "\n".join(lines)
    assert [line for line in lines if line.startswith("  to ")] == [way] * bool(way)


@pytest.mark.parametrize(
    ("values", "said"),
    [({"id": ""}, "there is none yet; the first run makes it"), ({"ledger_trouble": "damaged"}, "NOT READ")],
)
def test_the_ledger(values: dict[str, Any], said: str) -> None:
    assert f"  ledger /var/lib/ledger on bastion: {said}" in _status_lines.status_lines(look(**values))


RECOVERED: dict[str, Any] = {
    "granted": {"order-1": {}, "order-2": {}},
    "kept": {
        "order-3": {"left": True, "detail": "unhealthy: refused"},
        "order-4": {"left": False, "detail": "run 7 is at work with it"},
    },
}


def test_a_restore_tells_what_is_back_and_what_is_not() -> None:
    outcome = _status_lines.restored(RECOVERED, ["order-2", "order-3", "order-4"])
    assert outcome == {
        "back": ["order-1"],
        "remains": {"order-2": "it did not come back", "order-3": "unhealthy: refused"},
        "busy": {"order-4": "run 7 is at work with it"},
    }
    assert _status_lines.restored_lines("order-svc", outcome, {"order-2": "Gate: no answer"}, check_mode=False) == [
        "order-svc: put back: order-1",
        "order-svc: REMAINS OUT: order-2: Gate: no answer",
        "order-svc: REMAINS OUT: order-3: unhealthy: refused",
        "order-svc: not touched: order-4: run 7 is at work with it",
        "  Mend the cause, then run this again, or go on with the restart: rolling_restart.yml.",
    ]


def test_a_restore_of_nothing_and_in_check_mode() -> None:
    nothing = _status_lines.restored({"granted": {}, "kept": {}}, ["order-9"])
    assert _status_lines.restored_lines("order-svc", nothing, {}, False) == ["order-svc: nothing was left out"]
    all_back = _status_lines.restored({"granted": {"order-1": {}}, "kept": {}}, [])
    assert _status_lines.restored_lines("order-svc", all_back, {}, True) == ["order-svc: would be put back: order-1"]


def test_the_policy_and_what_waits() -> None:
    rules: dict[str, Any] = {
        "environment": "production",
        "place": "/etc/x",
        "at_most": "25%",
        "approval": True,
        "confirm": False,
    }
    plan: dict[str, Any] = {
        "kind": "rolling",
        "service": "order-svc",
        "environment": "production",
        "by": "alice",
        "hosts": ["order-1"],
    }
    plan |= {"pace": [1], "floor": "30%", "max_out": None, "reason": "", "change": "CHG-7", "glass": ""}
    request = {"id": "3f9c1a2b7d40", "plan": plan, "since": NOON, "until": NOON + 3600, "by": ""}
    lines = _status_lines.status_lines(
        look(policy=rules, closed=["freeze (/etc/x line 3): frozen"], requests=[request])
    )
    assert "  policy: production (/etc/x); at most 25% at once; needs another person's approval" in lines
    assert "    nothing is taken out now: freeze (/etc/x line 3): frozen" in lines
    assert "  request 3f9c1a2b7d40 waits for another person's word; it ends 09:00Z, in 60 min" in lines
    assert "    because: (no reason given); change: CHG-7" in lines
    approved = _status_lines.status_lines(look(requests=[{**request, "by": "bob"}]))
    assert "  request 3f9c1a2b7d40 has the word of bob; it ends 09:00Z, in 60 min" in approved
