# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The watchdog's one line, and the same for Prometheus."""

from __future__ import annotations

from ansible_collections.lossless.restart.plugins.plugin_utils import _monitor

from tests.unit.looked import DRAINED, NOON, RUN, lease, level, look, run

STRAY = {"order-3": {"why": "drained", "detail": DRAINED}}
BAD = look(
    runs=[run(life="dead", holds=["order-1"])], leases=[lease("order-1", expired=True, until=NOON - 60)], strays=STRAY
)
METRICS = """\
# HELP lossless_restart_pool_configured Members that a pool has by the inventory.
# TYPE lossless_restart_pool_configured gauge
lossless_restart_pool_configured{service="order-svc",pool="nginx/order_svc"} 6
# HELP lossless_restart_pool_in_traffic Members of a pool that are in traffic.
# TYPE lossless_restart_pool_in_traffic gauge
lossless_restart_pool_in_traffic{service="order-svc",pool="nginx/order_svc"} 5
# HELP lossless_restart_pool_least Members that the floor of a pool keeps in traffic.
# TYPE lossless_restart_pool_least gauge
lossless_restart_pool_least{service="order-svc",pool="nginx/order_svc"} 2
# HELP lossless_restart_runs Runs that have not ended well yet.
# TYPE lossless_restart_runs gauge
lossless_restart_runs{service="order-svc"} 2
# HELP lossless_restart_runs_waiting Runs that wait for their turn.
# TYPE lossless_restart_runs_waiting gauge
lossless_restart_runs_waiting{service="order-svc"} 1
# HELP lossless_restart_words_waiting Plans and canaries that wait for a person's word.
# TYPE lossless_restart_words_waiting gauge
lossless_restart_words_waiting{service="order-svc"} 2
# HELP lossless_restart_leases Instances that runs hold out of traffic.
# TYPE lossless_restart_leases gauge
lossless_restart_leases{service="order-svc"} 1
# HELP lossless_restart_leases_expired Leases past their end.
# TYPE lossless_restart_leases_expired gauge
lossless_restart_leases_expired{service="order-svc"} 1
# HELP lossless_restart_runs_silent Runs whose process is dead or was not heard of for too long.
# TYPE lossless_restart_runs_silent gauge
lossless_restart_runs_silent{service="order-svc"} 1
# HELP lossless_restart_out_without_lease Members out of traffic that no lease holds.
# TYPE lossless_restart_out_without_lease gauge
lossless_restart_out_without_lease{service="order-svc"} 1
# HELP lossless_restart_alarms What the watchdog calls critical.
# TYPE lossless_restart_alarms gauge
lossless_restart_alarms{service="order-svc"} 3
# HELP lossless_restart_last_success_timestamp_seconds When the watchdog last found all well.
# TYPE lossless_restart_last_success_timestamp_seconds gauge
"""
SUCCESS = "lossless_restart_last_success_timestamp_seconds"


def successes(text: str) -> list[str]:
    return [line.removeprefix(SUCCESS) for line in text.splitlines() if line.startswith(SUCCESS)]


def test_well() -> None:
    assert _monitor.line({"order-svc": look(), "pay-svc": look(levels=[level("service/pay-svc")])}, {}) == (
        "OK: order-svc: order-svc 6 of 6, nginx/order_svc 6 of 6 in traffic, 0 runs, 0 out under a lease; "
        "pay-svc: pay-svc 6 of 6 in traffic, 0 runs, 0 out under a lease"
    )


def test_critical_is_one_line_that_names_everything() -> None:
    line = _monitor.line({"order-svc": BAD, "pay-svc": look()}, {"cart-svc": "cart-1: fleet_floor '3' is\nno share"})
    assert line == (
        "CRITICAL: cart-svc: cart-1: fleet_floor '3' is no share; "
        f"order-svc: run {RUN} of ann@bastion is DEAD, last heard of 07:59Z, and holds order-1 out of traffic; "
        f"the lease of order-1 expired 60 s ago, at step granted of run {RUN}; "
        f"out without a lease: order-3: {DRAINED}"
    )


def test_metrics() -> None:
    more = {"runs": [*BAD["runs"], run(word={"until": NOON})], "queue": [{}], "requests": [{"by": ""}, {"by": "bob"}]}
    bad = {**BAD, **more, "levels": [level("nginx/order_svc", in_traffic=5)]}
    assert _monitor.textfile({"order-svc": bad}, {}, NOON, "") == METRICS


def test_the_last_success_outlives_what_is_wrong() -> None:
    first = _monitor.textfile({"order-svc": look(), "pay-svc": look(), "old-svc": look()}, {}, NOON, "")
    assert successes(first)[0] == '{service="order-svc"} 1800000000'
    then = _monitor.textfile({"order-svc": BAD, "pay-svc": look()}, {"cart-svc": "no"}, NOON + 60.5, first)
    assert successes(then) == ['{service="order-svc"} 1800000000', '{service="pay-svc"} 1800000060.5']
    unread = _monitor.textfile({"pay-svc": look()}, {"order-svc": "no"}, NOON + 120, then)
    assert 'lossless_restart_alarms{service="order-svc"} 1' in unread.splitlines()
    assert successes(unread) == ['{service="order-svc"} 1800000000', '{service="pay-svc"} 1800000120']
