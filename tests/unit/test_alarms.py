# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is called wrong, in which words, and what is said to do about it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _alarms

from tests.unit.looked import DRAINED, NOON, RUN, lease, level, look, run

HELD = ["order-1", "order-2"]
LEFT = "restore.yml -l order-svc puts back what is healthy; the same rolling_restart.yml command again goes on with it"


@pytest.mark.parametrize(
    ("run_", "dead", "expected"),
    [
        (run(), set(), "live"),
        (run(), {RUN}, "dead"),
        (run(silent=True), set(), "silent"),
        (run(state="stopped"), set(), "live"),
        (run(state="stopped"), {RUN}, "dead"),
        (run(state="stopped", ended=NOON, silent=True), {RUN}, "stopped"),
    ],
)
def test_life(run_: dict[str, Any], dead: set[str], expected: str) -> None:
    assert _alarms.life(run_, dead) == expected


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"runs": [run(holds=HELD)], "leases": [lease("order-1"), lease("order-2")]},
        {"runs": [run(state="stopped", life="stopped")]},
        {"levels": [level(at_most=True)]},
    ],
    ids=["nobody at work", "at work", "to be resumed", "not all known"],
)
def test_no_alarm(values: dict[str, Any]) -> None:
    assert look(**values)["alarms"] == []


@pytest.mark.parametrize(
    ("values", "kind", "text", "do"),
    [
        (
            {"levels": [level("nginx/order_svc", in_traffic=1, below=1, room=0)]},
            "below",
            "nginx/order_svc BELOW ITS FLOOR by 1: 1 of 6 in traffic, floor 2",
            "nothing more is taken out until members are back: put back or mend those that are out",
        ),
        (
            {"policy_trouble": "the policy /etc/lossless_restart/policy.yml is gone"},
            "policy",
            "the policy /etc/lossless_restart/policy.yml is gone",
            "no restart begins and nothing more is taken out until the platform team has mended it",
        ),
        (
            {"ledger_trouble": "bastion is unreachable: no route"},
            "ledger",
            "the ledger /var/lib/ledger on bastion cannot be read: bastion is unreachable: no route",
            "no restart begins or goes on without it; who is at work is not known here",
        ),
        (
            {"troubles": ["lb-2: cannot be read: no route"]},
            "source",
            "lb-2: cannot be read: no route",
            "nothing is taken out until balancers and inventory agree; see that it can be read, and lists every member",
        ),
        (
            {"runs": [run(life="dead", holds=HELD)]},
            "dead",
            f"run {RUN} of ann@bastion is DEAD, last heard of 07:59Z, and holds order-1, order-2 out of traffic",
            LEFT,
        ),
        (
            {"runs": [run(life="silent")]},
            "silent",
            f"run {RUN} of ann@bastion is SILENT, last heard of 07:59Z, and holds nothing",
            LEFT,
        ),
        (
            {"runs": [run(life="stopped", holds=["order-1"], why="order-1: gate failed")]},
            "left_out",
            f"order-1 left out by run {RUN}, which stopped: order-1: gate failed",
            f"mend the cause; then {LEFT}",
        ),
        (
            {"runs": [run()], "leases": [lease(host, expired=True, until=NOON - 600) for host in HELD]},
            "expired",
            f"the lease of order-1, order-2 expired 10 min ago, at step granted of run {RUN}",
            "its run takes longer than it said: look at it, or let it be granted nothing more with "
            "stop.yml -l order-svc",
        ),
        (
            {"strays": {"order-3": {"why": "drained", "detail": DRAINED}}},
            "stray",
            "out without a lease: order-3: drained by hand (down in nginx/order_svc at lb-1)",
            "whoever drained it puts it back; nothing here touches it",
        ),
        (
            {"strays": {host: {"why": "unhealthy", "detail": "unhealthy: refused"} for host in HELD}},
            "stray",
            "out without a lease: order-1, order-2: unhealthy: refused",
            "it counts as out: mend it, or restart it with rolling_restart.yml -l HOST",
        ),
    ],
    ids=["below", "policy", "ledger", "source", "dead", "silent", "left out", "expired", "drained", "unhealthy"],
)
def test_alarm(values: dict[str, Any], kind: str, text: str, do: str) -> None:
    assert look(**values)["alarms"] == [{"kind": kind, "text": text, "do": do}]


def test_an_expired_lease_of_a_dead_run_asks_for_the_same_as_the_run() -> None:
    late = [lease("order-1", expired=True, until=NOON - 30)]
    alarms = look(runs=[run(life="dead", holds=["order-1"])], leases=late)["alarms"]
    assert [(alarm["kind"], alarm["do"]) for alarm in alarms] == [("dead", LEFT), ("expired", LEFT)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172799, "48 h"), (172800, "2 d")],
)
def test_span(seconds: float, text: str) -> None:
    assert _alarms.span(seconds) == text
