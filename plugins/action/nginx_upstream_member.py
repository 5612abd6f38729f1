# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module nginx_upstream_member for the members of a batch's leases."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = super().made({**args, **_own.ledger(str(variables["inventory_hostname"]))}, variables)
        if "log_positions" in result:
            # From here on the log tells of the traffic after the change.
            _own.write(f"log-{self.place(variables)}", result["log_positions"])
        lines = [f"{member} by {line}" for member, found in result.get("still_sent_to", {}).items() for line in found]
        if lines and not args.get("cut"):
            where = f"{self.place(variables)} still sends to {'; '.join(lines)}"
            return {**result, "failed": True, "msg": f"{where}: name that upstream in instance_traffic too"}
        return result

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        return {"members": [_member(point, state, warmup) for point in points if point["kind"] == "nginx"]}


def _member(point: dict[str, Any], state: str | None, warmup: int | None) -> dict[str, Any]:
    member = {"upstream": point["pool"].partition("/")[2], "member": point["member"], "token": point["token"]}
    if state != "before":
        return {**member, "state": state}
    if warmup is not None:
        return {**member, "state": point["state"], "weight": max(1, point["weight"] * warmup // 100)}
    return {**member, **{name: point[name] for name in ("state", "weight", "weight_written") if name in point}}
