# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A look at a service as the guard and its action give it, made of values."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _alarms

NOON = 1_800_000_000.0
RUN = "20270115T080000-7f3a2c"
DRAINED = "drained by hand (down in nginx/order_svc at lb-1)"


def level(pool: str = "service/order-svc", **values: Any) -> dict[str, Any]:
    plain = {"pool": pool, "configured": 6, "in_traffic": 6, "out": {}, "floor": "30%", "least": 2}
    return {**plain, "room": 4, "below": 0, "at_most": False, **values}


def run(**values: Any) -> dict[str, Any]:
    """ann's run of half an hour, with two of four done."""
    planned = {"planned": ["order-1", "order-2", "order-3", "order-4"], "done": ["order-3", "order-4"], "holds": []}
    times = {"began": NOON - 1800, "heartbeat": NOON - 60, "ended": None, "silent": False}
    owner = {"owner": {"name": "ann@bastion", "pid": 4711}, "reason": "", "why": "", "word": {}}
    return {"id": RUN, "state": "running", "life": "live", **planned, **times, **owner, **values}


def lease(host: str, **values: Any) -> dict[str, Any]:
    times = {"age": 1500.0, "until": NOON + 240, "expired": False}
    return {"host": host, "run": RUN, "step": "granted", "healthy": True, "saw": "connected", **times, **values}


def look(**values: Any) -> dict[str, Any]:
    """With its alarms."""
    nothing: dict[str, Any] = {"runs": [], "leases": [], "queue": [], "requests": [], "strays": {}, "troubles": []}
    nothing |= {"policy": None, "closed": [], "policy_trouble": ""}
    ledger = {"ledger": "/var/lib/ledger on bastion", "ledger_trouble": "", "id": "3f2a", "at": NOON}
    levels = [level(), level("nginx/order_svc")]
    found = {"service": "order-svc", "levels": levels, **nothing, **ledger, **values}
    return {**found, "alarms": _alarms.alarms(found)}
