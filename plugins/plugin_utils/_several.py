# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several services at once, for the playbooks that a person or a timer runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._inventory import Inventory
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

# The playbooks that change something: they want a limit, and a description without a fault.
CHANGING = ("stop", "restore", "approve")
# Those for which only the service and its ledger matter.
BARE = ("stop", "approve", "records")
# Names one file or run for all services together.
_SHARED = ("fleet_status_json", "fleet_watchdog_textfile")


def chosen(selected: Iterable[str], inventory: Inventory) -> dict[str, list[str]]:
    """The selected hosts by their service; a host without one, such as a balancer, is left aside."""
    found: dict[str, list[str]] = {}
    for host in selected:
        name = inventory[host].get("fleet_service")
        if name:
            found.setdefault(str(name), []).append(host)
    if not found:
        raise Invalid("no selected host has a fleet_service: select a service, as in -l order-svc")
    return found


def described(
    entry: str, services: Mapping[str, Sequence[str]], describe: Callable[[Sequence[str]], dict[str, Any]]
) -> dict[str, Any]:
    """{entry, services, wrong, selected, sources, fleet}, kept for the guard. What is wrong with one service keeps
    nothing from the others, unless something is to be changed. fleet: of the first, for reading all sources at once."""
    found: dict[str, dict[str, Any]] = {}
    wrong: dict[str, str] = {}
    for service, hosts in services.items():
        try:
            found[service] = {"entry": entry, **describe(hosts)}
        except Invalid as error:
            if entry in CHANGING:
                raise
            wrong[service] = str(error)
    shared = _shared(found)
    for service, one in found.items():
        _own.write(f"description {service}", one)
    _own.write("services", {host: service for service, hosts in services.items() if service in found for host in hosts})
    _own.write("services wrong", wrong)
    return {
        "entry": entry,
        "services": found,
        "wrong": wrong,
        "selected": [host for one in found.values() for host in one.get("selected", [])],
        "sources": _sources(found),
        "fleet": next((one["fleet"] for one in found.values()), {}),
        **shared,
    }


def nothing(entry: str, why: str) -> dict[str, Any]:
    """The same where no service is known, for a watchdog, which has to say so itself."""
    _own.write("services", {})
    _own.write("services wrong", {"inventory": why})
    return {"entry": entry, "services": {}, "wrong": {"inventory": why}, "selected": [], "sources": [], "fleet": {}}


def _shared(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What holds for all services together; raises Invalid where they differ."""
    if len(found) > 1 and any(one["fleet"].get("fleet_run") for one in found.values()):
        raise Invalid(f"fleet_run names one run, and {', '.join(found)} are selected: limit this to the run's service")
    values: dict[str, Any] = {}
    for service, one in found.items():
        for name in _SHARED:
            value = one["fleet"].get(name)
            if value != values.setdefault(name, value):
                raise Invalid(f"{name} is {value!r} for {service} and {values[name]!r} for another: name one file")
    return values


def _sources(found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every source of the services, with all pools and members that it is asked about."""
    merged: dict[str, dict[str, Any]] = {}
    for one in found.values():
        for source in one.get("sources", []):
            known = merged.setdefault(source["name"], {**source, "pools": [], "members": []})
            for name in ("pools", "members"):
                known[name] = list(dict.fromkeys([*known[name], *source[name]]))
    return list(merged.values())
