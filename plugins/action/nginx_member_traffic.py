# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module nginx_member_traffic for the members of a batch's leases, and fails the host whose member is bad."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    changes = False

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        return {
            "members": [
                {"upstream": point["pool"].partition("/")[2], "member": point["member"]}
                for point in points
                if point["state"] == "up"
            ]
        }

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        log = f"log-{self.place(variables)}"
        began = _own.read(f"began-{self.place(variables)}")
        result = super().made({**args, "since": _own.read(log), "began": began}, variables)
        if "positions" in result:
            _own.write(log, result["positions"])
        return result

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        accepted = args.pop("accept", None)
        result = super().act(args, variables)
        if accepted is None or result.get("failed"):
            return result
        mine = _own.leases([str(variables["inventory_hostname"])])
        names = {point["member"] for lease in mine.values() for point in lease["before"]}
        bad = [
            one["msg"] for one in result.get("members", []) if one["member"] in names and one["verdict"] not in accepted
        ]
        return {**result, "failed": True, "msg": "; ".join(bad)} if bad else result
