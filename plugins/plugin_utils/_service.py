# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One service as the inventory describes it, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import (
    _description,
    _gates,
    _names,
    _pushing,
    _settings,
    _silences,
)
from ansible_collections.lossless.restart.plugins.plugin_utils._inventory import Inventory, Variables
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

# So many hosts are named in one message.
_NAMED = 5


def name(selected: Sequence[str], inventory: Inventory) -> str:
    names = {host: inventory[host].get("fleet_service") for host in selected}
    without = [host for host, name in names.items() if not name]
    if without:
        raise Invalid(
            f"{_listed(without)}: fleet_service is not set, so this is no instance of a service: "
            "limit the run to a service's hosts"
        )
    if len({str(name) for name in names.values()}) > 1:
        listed = "; ".join(f"{host}: {name}" for host, name in list(names.items())[:_NAMED])
        raise Invalid(f"the selected hosts are of several services ({listed}): restart one at a time")
    service = str(names[selected[0]])
    if not inventory.groups.get(service):
        raise Invalid(f"fleet_service {service!r}: the inventory has no group of this name with hosts in it")
    outside = [host for host in selected if host not in inventory.groups[service]]
    if outside:
        raise Invalid(f"{_listed(outside)}: not in the group {service}, but fleet_service says so")
    return service


def description(
    service: str,
    selected: Sequence[str],
    specs: Mapping[str, Any],
    inventory: Inventory,
    extra: Mapping[str, Any],
    rolls: bool = True,
) -> dict[str, Any]:
    """One service, with the settings of its selected hosts. rolls: whether it is to be restarted."""
    members = inventory.groups[service]
    for host in members:
        _names.check(inventory[host], [name for spec in specs.values() for name in spec], host)
    if rolls:
        _refuse_habits(members, extra, inventory)
    fleet = settings(members, selected, specs["fleet"], inventory, rolls)
    instances = _instances(members, fleet, inventory)
    found = {
        host: _settings.typed(_values(inventory[host], specs["instance"]), specs["instance"], host) for host in selected
    }
    for host, own in found.items():
        _settings.check_selected(host, own)
        _settings.check_settles(host, own, instances[host])
    sources = _description.sources_of(instances)
    _check_sources(sources, inventory)
    for host, own in found.items():
        _settings.check_held(host, own, fleet, [*sources, *instances[host]["own"]])
    return {
        "service": service,
        "fleet": fleet,
        "ledger_host": fleet["fleet_ledger_host"],
        "selected": [host for host in members if host in set(selected)],
        "instances": instances,
        "pools": _description.pools_of(service, members, instances),
        "sources": sources,
        "alerts": _silences.alerts(fleet["fleet_alertmanager"], found),
        "cut": [host for host, own in found.items() if own["instance_drain_overrun"] == "cut"],
        "verified": [host for host, own in found.items() if own["instance_verify_requests"] > 0],
        "checked": [host for host in selected if _on_host(inventory[host])],
    }


def _values(found: Variables, spec: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: found[name] for name in spec if name in found}
    return {name: value for name, value in given.items() if value is not None}


def _listed(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return ", ".join(hosts[:_NAMED]) + more


def _refuse_habits(members: Sequence[str], extra: Mapping[str, Any], inventory: Inventory) -> None:
    """What is for one run must not stand in the inventory."""
    for name in _settings.ONCE:
        if name in extra:
            if extra[name] in ("", None):
                raise Invalid(f"{name} is empty: say why, or leave it out")
            continue
        for host in members:
            if name in inventory[host]:
                raise Invalid(
                    f"{host}: {name} stands in the inventory, and is for one run only: remove it there, and write "
                    f"-e {name}=... where it is meant"
                )


def settings(
    members: Sequence[str], selected: Sequence[str], spec: Mapping[str, Any], inventory: Inventory, rolls: bool = True
) -> dict[str, Any]:
    """The service's own settings: the same at every instance, whichever are selected."""
    spoken = [name for name in spec if name not in _settings.RECORDED]
    first = selected[0]
    values = _values(inventory[first], dict.fromkeys(spoken))
    for host in members:
        here = _values(inventory[host], dict.fromkeys(spoken))
        for name in spoken:
            if here.get(name) != values.get(name):
                raise Invalid(
                    f"{host}: {name} is {_settings.shown(name, here.get(name))} here and "
                    f"{_settings.shown(name, values.get(name))} at {first}: "
                    "it belongs to the service, so write it once, in the group's variables"
                )
    if not rolls:
        # How a service is restarted must not get in the way of what is no restart.
        values["fleet_kind"] = "rolling"
    recorded = {name: inventory.literal(first, name) or "" for name in _settings.RECORDED}
    fleet = _settings.typed({**values, **recorded}, spec, first)
    _settings.check_service(fleet, selected)
    _gates.check(fleet)
    _pushing.check(fleet)
    host = fleet["fleet_ledger_host"] or "localhost"
    if host not in inventory:
        raise Invalid(f"fleet_ledger_host {host!r} is no host of the inventory: add it there")
    seconds, confirm = _settings.baking(fleet["fleet_bake"])
    found = {**fleet, "fleet_bake_seconds": seconds, "fleet_bake_confirm": confirm}
    return {**found, "fleet_ledger_host": host, "fleet_since": _settings.moment(fleet["fleet_since"])}


def _instances(hosts: Sequence[str], fleet: Mapping[str, Any], inventory: Inventory) -> dict[str, Any]:
    """All instances that share a pool with the service's, its own first."""
    found = {host: _description.instance(host, inventory[host], fleet) for host in hosts}
    shared: dict[str, list[str]] = {}
    for one in found.values():
        for pool, settings in one["pools"].items():
            shared.setdefault(pool, []).extend(settings["groups"] or [])
    for pool, names in shared.items():
        for name in dict.fromkeys(names):
            if name not in inventory.groups:
                raise Invalid(f"{pool}: members_of names the group {name!r}, which the inventory does not have")
            for host in inventory.groups[name]:
                if host not in found:
                    found[host] = _only(_description.instance(host, inventory[host], fleet), set(shared))
    _description.check_addresses(found)
    return found


def _only(one: dict[str, Any], pools: set[str]) -> dict[str, Any]:
    """An instance of another service, as far as it shares our pools."""
    points = [point for point in one["points"] if point["pool"] in pools]
    named = {point["source"] for point in points}
    return {
        **one,
        "points": points,
        "sources": [source for source in one["sources"] if source["name"] in named],
        "pools": {name: value for name, value in one["pools"].items() if name in pools},
    }


def _check_sources(sources: Sequence[Mapping[str, Any]], inventory: Inventory) -> None:
    missing = list(dict.fromkeys(source["host"] for source in sources if source["host"] not in inventory))
    if missing:
        raise Invalid(f"{_listed(missing)}: named in instance_traffic, but no host of the inventory: add it there")
    for source in sources:
        _description.check_source(source["kind"], source["host"], inventory[source["host"]])


def _on_host(values: Mapping[str, Any]) -> bool:
    """Whether the state check has something to look at."""
    asks = _description.asking(values["instance_traffic"])
    return asks or bool(values.get("instance_state")) or not values["instance_restart"].get("command")
