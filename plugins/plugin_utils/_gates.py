# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The service's own conditions, asked of Prometheus from the ledger's host before a plan and before each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _grammar, _prometheus
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid
from ansible_collections.lossless.restart.plugins.plugin_utils._settings import given, told

MODULE = "lossless.restart.prometheus_gate"


def check(fleet: Mapping[str, Any]) -> None:
    """Raises Invalid."""
    server = fleet["fleet_prometheus"]
    for number, one in enumerate(fleet["fleet_gates"]):
        where = f"fleet_gates[{number}]"
        told("fleet_gates", _prometheus.gate, one, where)
    if fleet["fleet_gates"] and not server:
        raise Invalid("fleet_gates has gates, and fleet_prometheus does not say whom to ask")
    if server:
        told("fleet_prometheus", _grammar.url, server["url"], "url")


def closed(fleet: Mapping[str, Any], call: Callable[..., dict[str, Any]], variables: Mapping[str, Any]) -> list[str]:
    """Why the service is not to be restarted now; empty where all of its gates hold, or there are none."""
    if not fleet["fleet_gates"]:
        return []
    gates = [given(one) for one in fleet["fleet_gates"]]
    result = call({**given(fleet["fleet_prometheus"]), "gates": gates}, variables, MODULE)
    if not result.get("failed"):
        return []
    seen = [f"{one['name']}: {one['saw']}" for one in result.get("gates", []) if not one["ok"]]
    return [f"fleet_gates: {text}" for text in seen or [str(result["msg"])]]
