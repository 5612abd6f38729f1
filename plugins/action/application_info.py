# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module application_info, and keeps its readings for the guard."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils._action import SourceAction


class ActionModule(SourceAction):
    """See plugins/plugin_utils/_action.py. points: the traffic points of the source, as the description has them."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        points = args.pop("points", None)
        if points is not None:
            args["members"] = [{"member": point["member"], "serving": point["serving"]} for point in points]
        return super().act(args, variables)
