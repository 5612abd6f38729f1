# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module health_gate, and keeps how old the process is that it watched."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction


class ActionModule(FleetAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        return self.found(args, variables)
