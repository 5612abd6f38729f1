# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module warm_up."""

from __future__ import annotations

from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction


class ActionModule(FleetAction):
    """See plugins/plugin_utils/_action.py."""
