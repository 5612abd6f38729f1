# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module dubbo_provider_info; keeps for the guard its readings, and for the lease what a process says."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import SourceAction


class ActionModule(SourceAction):
    """See plugins/plugin_utils/_action.py. pool: whose traffic point at this instance the process is asked of."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        pool = args.pop("pool", None)
        if args.get("source"):
            return super().act(args, variables)
        result = self.call(args, variables)
        if pool is not None and not result.get("failed"):
            said = result["qos"]["services"]
            services = {key: [{"registered": one["registered"]} for one in where] for key, where in said.items()}
            _own.write(f"point {variables['inventory_hostname']} {pool}", {"services": services})
        return result
