# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module instance_process; a leased restart needs a lease that is at the step of restarting."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction, granted


class ActionModule(FleetAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        again = args.pop("again", False)
        if args.pop("leased", False):
            lease, run = granted(str(variables["inventory_hostname"]), (_own.RESTARTING,)), _own.read("run")
            args |= {"token": lease["token"], **_own.ledger()}
            if not again:
                args["process"] = lease["process"]
                args["older_than"] = run["elapsed"] + time.monotonic() - run["at"]
        return self.call(args, variables)
