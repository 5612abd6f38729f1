# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module application_state on an instance's own host, for its lease."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction

_IN, _OUT = "in", "out"
_WAS_OUT = "down"


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = super().act(args, variables)
        return {**result, "place": ""} if "place" in result else result

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        if not points:
            return {"members": []}
        point = points[0]
        wanted = _IN if state == "before" else _OUT
        if point["state"] == _WAS_OUT:
            # Whom a person took out stays out. Nothing is waited for: nobody sends to it.
            wanted, point = _OUT, {**point, "settle": 0.0, "finished": []}
        names = ("leave", "join", "serving", "finished", "settle", "token")
        return {
            "members": [point["member"]],
            "state": wanted,
            "pool": point["pool"],
            **{name: point[name] for name in names if name in point},
        }

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        host = str(variables["inventory_hostname"])
        [member] = args.pop("members")
        result = super().made({**args, "member": member, **_own.ledger(host)}, variables)
        # Of one that did not answer nobody knows.
        came = args["state"] == _OUT and (result.get("failed") or result["changed"])
        return {**result, **(_own.exposed(host) if came else {})}
