# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module firewall_member_info: keeps its readings for the guard, or lets it prove the members of leases."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _firewall_rule
from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction, SourceAction


class ActionModule(SourceAction, LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if args.get("leases") is None:
            return SourceAction.act(self, args, variables)
        return LeasedAction.act(self, args, variables)

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = super().made(args, variables)
        if "log_positions" in result:
            # From here on the log tells of the traffic after the change.
            _own.write(f"log-{self.place(variables)}", result["log_positions"])
            _own.write(f"began-{self.place(variables)}", result.get("opened"))
        return result

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        # Who was refused for another's reason is not to be met now either.
        meant = [point for point in points if state != "before" or point["state"] == "up"]
        opened = [_own.read(f"opened {point['host']}") for point in meant]
        since = min((time.monotonic() - at for at in opened if at is not None), default=0.0)
        return {
            "members": [point["member"] for point in meant],
            "state": _firewall_rule.LEASED[str(state)],
            "since": since,
        }
