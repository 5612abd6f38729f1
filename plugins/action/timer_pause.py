# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module timer_pause on an instance's own host, for its lease."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils._timer_turn import LEASED, RESTORED
from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction, granted


class ActionModule(FleetAction):
    """See plugins/plugin_utils/_action.py. Timers are the instance's own: no source tells of them, and no pool."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if args.pop("leases", None) is None:
            return self.call(args, variables)
        host, steps = str(variables["inventory_hostname"]), tuple(args.pop("steps"))
        lease = _own.leases([host]).get(host)
        if lease is None or lease["step"] not in steps:
            return {"changed": False, "idle": True, "msg": f"{host} is not at step {' or '.join(steps)}"}
        state = LEASED[args["state"]]
        if state != RESTORED:
            granted(host, steps)
        result = self.call({**args, "state": state, "token": lease["token"], **_own.ledger(host)}, variables)
        _own.keep_outcome([host], str(self._task.action), not result.get("failed"))
        return {**result, "batch": [host], "place": ""}
