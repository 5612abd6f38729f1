# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what the inventory says of a service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.utils.vars import load_extra_vars
from ansible_collections.lossless.restart.plugins.plugin_utils import _channels, _names, _own, _service, _several
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction
from ansible_collections.lossless.restart.plugins.plugin_utils._inventory import Inventory
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

_ROLES = Path(__file__).parents[2] / "roles"


class ActionModule(FleetAction):
    """Validates the description and keeps it for the guard."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        entry = args.get("entry")
        try:
            described = self._several(entry, variables) if entry else self._describe(variables)
        except Invalid as error:
            if entry == "watchdog":
                return _several.nothing(entry, str(error))
            return {"failed": True, "msg": f"{error}. Nothing was touched."}
        if not entry:
            _own.write("description", described)
        return {"changed": False, **described}

    def _describe(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The service that is to be restarted."""
        if not context.CLIARGS["subset"]:
            raise Invalid("no limit was given: say what to restart, as in -l order-svc or -l order-3")
        specs, extra = self._specs("main")
        selected = variables["ansible_play_hosts_all"]
        inventory = Inventory(variables["hostvars"], variables["groups"])
        return _told(_service.description(_service.name(selected, inventory), selected, specs, inventory, extra))

    def _several(self, entry: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Every service of which a host is selected, for one of a person's playbooks."""
        if entry in _several.CHANGING and not context.CLIARGS["subset"]:
            raise Invalid(f"no limit was given: say what to {entry}, as in -l order-svc")
        specs, extra = self._specs(entry)
        inventory = Inventory(variables["hostvars"], variables["groups"])

        def describe(hosts: Sequence[str]) -> dict[str, Any]:
            service = _service.name(hosts, inventory)
            if entry not in _several.BARE:
                return _told(_service.description(service, hosts, specs, inventory, extra, rolls=False))
            # Whatever is wrong with an instance, the service's runs can be stopped.
            fleet = _service.settings(inventory.groups[service], hosts, specs["fleet"], inventory, rolls=False)
            return _told({"service": service, "fleet": fleet, "ledger_host": fleet["fleet_ledger_host"]})

        return _several.described(entry, _several.chosen(variables["ansible_play_hosts_all"], inventory), describe)

    def _specs(self, entry: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What may be written, and the extra variables: none of them is anything else."""
        specs = {"fleet": _spec("fleet", entry), "instance": _spec("instance")}
        extra = load_extra_vars(self._loader)
        _names.check(extra, [name for spec in specs.values() for name in spec], "extra variables", strict=True)
        return specs, extra


def _told(described: dict[str, Any]) -> dict[str, Any]:
    """The description without those who are told, which are kept apart: there are secrets in them, and a description is
    shown with -v."""
    _own.write("channels", _channels.checked(described["fleet"].pop("fleet_notify")))
    return described


def _spec(role: str, entry: str = "main") -> dict[str, Any]:
    text = (_ROLES / role / "meta" / "argument_specs.yml").read_text("utf-8")
    options: dict[str, Any] = yaml.safe_load(text)["argument_specs"][entry]["options"]
    options.pop("instance_batch", None)
    return {
        name: {key: value for key, value in option.items() if key != "description"} for name, option in options.items()
    }
