# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what the inventory says of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.utils.vars import load_extra_vars
from ansible_collections.lossless.restart.plugins.plugin_utils import _description, _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction

_ROLES = Path(__file__).parents[2] / "roles"


class ActionModule(FleetAction):
    """Validates the description and keeps it for the guard."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        try:
            described = self._describe(variables)
        except _description.Invalid as error:
            return {"failed": True, "msg": f"{error}. Nothing was touched."}
        _own.write("description", described)
        return {"changed": False, **described}

    def _describe(self, variables: dict[str, Any]) -> dict[str, Any]:
        specs = {role: _spec(role) for role in ("fleet", "instance")}
        known = [name for spec in specs.values() for name in spec]
        selected: Sequence[str] = variables["ansible_play_hosts_all"]
        if not context.CLIARGS["subset"]:
            raise _description.Invalid("no limit was given: say what to restart, as in -l order-svc or -l order-3")
        _description.check_names(load_extra_vars(self._loader), known, "extra variables", strict=True)
        hostvars, groups = variables["hostvars"], variables["groups"]
        service = _service(selected, hostvars, groups)
        for host in selected:
            _description.check_names(hostvars[host], known, host)
        fleet = _description.typed(_values(hostvars[selected[0]], specs["fleet"]), specs["fleet"], selected[0])
        _description.check_service(fleet, selected)
        for host in selected:
            own = _description.typed(_values(hostvars[host], specs["instance"]), specs["instance"], host)
            _description.check_selected(host, own)
        instances = _instances(groups[service], fleet, hostvars, groups)
        return {
            "service": service,
            "fleet": fleet,
            "ledger_host": fleet["fleet_ledger_host"],
            "selected": [host for host in groups[service] if host in set(selected)],
            "instances": instances,
            "pools": _description.pools_of(service, groups[service], instances),
            "sources": _known_hosts(_description.sources_of(instances), hostvars),
            "checked": [host for host in selected if _on_host(hostvars[host])],
        }


def _spec(role: str) -> dict[str, Any]:
    text = (_ROLES / role / "meta" / "argument_specs.yml").read_text("utf-8")
    options: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    options.pop("instance_batch", None)
    return {
        name: {key: value for key, value in option.items() if key != "description"} for name, option in options.items()
    }


def _values(found: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in spec if name in found and found[name] is not None}


def _service(selected: Sequence[str], hostvars: Mapping[str, Any], groups: Mapping[str, Any]) -> str:
    names = {host: hostvars[host].get("fleet_service") for host in selected}
    without = [host for host, name in names.items() if not name]
    if without:
        raise _description.Invalid(
            f"{', '.join(without[:5])}: fleet_service is not set: this host is part of no service"
        )
    if len(set(names.values())) > 1:
        listed = "; ".join(f"{host}: {name}" for host, name in list(names.items())[:5])
        raise _description.Invalid(f"the selected hosts are of several services ({listed}): restart one at a time")
    service = str(names[selected[0]])
    if not groups.get(service):
        raise _description.Invalid(
            f"fleet_service {service!r}: the inventory has no group of this name with hosts in it"
        )
    outside = [host for host in selected if host not in groups[service]]
    if outside:
        raise _description.Invalid(f"{', '.join(outside[:5])}: not in the group {service}, but fleet_service says so")
    return service


def _instances(
    hosts: Sequence[str], fleet: Mapping[str, Any], hostvars: Mapping[str, Any], groups: Mapping[str, Any]
) -> dict[str, Any]:
    """All instances that share a pool with the service's, its own first."""
    found = {host: _description.instance(host, hostvars[host], fleet) for host in hosts}
    shared = {pool: settings["groups"] for one in found.values() for pool, settings in one["pools"].items()}
    for pool, names in shared.items():
        for name in names or []:
            if name not in groups:
                raise _description.Invalid(
                    f"{pool}: members_of names the group {name!r}, which the inventory does not have"
                )
            for host in groups[name]:
                if host not in found:
                    found[host] = _only(_description.instance(host, hostvars[host], fleet), set(shared))
    return found


def _only(one: dict[str, Any], pools: set[str]) -> dict[str, Any]:
    """An instance of another service, as far as it shares our pools."""
    points = [point for point in one["points"] if point["pool"] in pools]
    return {**one, "points": points, "pools": {name: value for name, value in one["pools"].items() if name in pools}}


def _known_hosts(sources: list[dict[str, Any]], hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    missing = [source["name"] for source in sources if source["name"] not in hostvars]
    if missing:
        raise _description.Invalid(f"{', '.join(missing)}: named as a balancer, but not a host of the inventory")
    return sources


def _on_host(values: Mapping[str, Any]) -> bool:
    return bool(values.get("instance_state")) or not values["instance_restart"].get("command")
