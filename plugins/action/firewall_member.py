# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module firewall_member on an instance's own host, for its lease."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _firewall_rule
from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        host = str(variables["inventory_hostname"])
        result = super().made({**args, **_own.ledger(host)}, variables)
        if args["state"] == _firewall_rule.OPEN and not result.get("failed"):
            _own.write(f"opened {host}", time.monotonic())
        return result

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        named = [
            {
                "member": point["member"],
                "addresses": point["known"]["addresses"],
                "from": point["from"],
                "token": point["token"],
            }
            for point in points
        ]
        commands = [{"command": point["command"]} for point in points if "command" in point]
        return {
            "members": named,
            "state": _firewall_rule.LEASED.get(str(state), state),
            **(commands[0] if commands else {}),
        }
