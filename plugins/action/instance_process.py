# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module instance_process; with `leased` a restart needs a lease that is at that step."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction, granted


class ActionModule(FleetAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        again = args.pop("again", False)
        if not args.pop("leased", False):
            return self.call(args, variables)
        if args.get("state") == "fenced":
            return self._fenced(args, variables)
        args["token"] = granted(str(variables["inventory_hostname"]), (_own.RESTARTING,))["token"]
        run = _own.read("run")
        args["older_than"] = None if again else run["elapsed"] + time.monotonic() - run["at"]
        return self.call(args, variables)

    def _fenced(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """What is to be put back must run."""
        steps = (_own.GRANTED, _own.RESTARTING, _own.ATTACHING)
        args["token"] = granted(str(variables["inventory_hostname"]), steps)["token"]
        result = self.call(args, variables)
        return result if result.get("running") else {**result, "failed": True}
