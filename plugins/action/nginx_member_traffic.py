# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module nginx_member_traffic for the members of a batch's leases."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    changes = False

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        return {
            "members": [
                {"upstream": point["pool"].partition("/")[2], "member": point["member"]}
                for point in points
                if point["kind"] == "nginx"
            ]
        }
