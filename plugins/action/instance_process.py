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
        host, fenced = str(variables["inventory_hostname"]), args.get("state") == "fenced"
        if not args.pop("leased", False):
            return self.found(args, variables)
        steps = (_own.GRANTED, _own.RESTARTING, _own.ATTACHING) if fenced else (_own.RESTARTING,)
        lease = granted(host, steps)
        args["token"] = lease["token"]
        args |= _own.ledger(host)
        if fenced:
            result = self.found(args, variables)
            # It is fenced to be put back, so it must run.
            return result if result.get("running") else {**result, "failed": True}
        if not again:
            args["older_than"] = time.monotonic() - _own.since()
            # That age grows while the module is on its way. So what is known by name is spared, or meant, by its name.
            args["spare"] = _own.restarted(host)
            args["process"] = lease["process"] or (None if args["spare"] else _own.process(host))
        return self.found(args, variables)
