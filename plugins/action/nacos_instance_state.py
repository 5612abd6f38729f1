# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module nacos_instance_state for the members of a batch's leases."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction

_IN, _OUT, _HELD = "in", "out", "held"
_GONE = "gone"


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    _supports_async = True

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = super().act(args, variables)
        return {**result, "place": "nacos"} if "place" in result else result

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        return super().made({**args, **_own.ledger(str(variables["inventory_hostname"]))}, variables)

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        wanted = {"before": _IN, _HELD: _HELD}.get(str(state), _OUT)
        # Who was not registered then comes as it likes with its next process.
        meant = [point for point in points if wanted == _OUT or point["state"] != _GONE]
        return {
            "members": [point["member"] for point in meant],
            "before": {"members": {point["member"]: point["known"] for point in meant}},
            "tokens": {point["member"]: point["token"] for point in meant},
            "state": wanted,
            **({} if warmup is None else {"share": float(warmup)}),
        }
