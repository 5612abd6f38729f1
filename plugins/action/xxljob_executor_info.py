# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module xxljob_executor_info; keeps its readings for the guard."""

from __future__ import annotations

from ansible_collections.lossless.restart.plugins.plugin_utils._action import SourceAction


class ActionModule(SourceAction):
    """See plugins/plugin_utils/_action.py."""
