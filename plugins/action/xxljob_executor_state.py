# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module xxljob_executor_state for the members of a batch's leases."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction

_IN, _OUT = "in", "out"


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = super().act(args, variables)
        return {**result, "place": "xxl-job"} if "place" in result else result

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        del args["members"]
        return super().made({**args, **_own.ledger(str(variables["inventory_hostname"]))}, variables)

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        # Who was not in the group then comes as it likes with its next process.
        meant = [point for point in points if point["known"]["address"] is not None]
        return {
            "members": [point["member"] for point in meant],
            "executors": [_executor(point) for point in meant],
            "state": _IN if state == "before" else _OUT,
        }


def _executor(point: dict[str, Any]) -> dict[str, Any]:
    names = ("member", "token", "leave", "join", "headers_file")
    return {"address": point["known"]["address"], **{name: point[name] for name in names if name in point}}
