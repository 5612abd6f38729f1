# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules whose members can come from leases."""

from __future__ import annotations


class ModuleDocFragment:
    """Resolved on the controller by the action plugin of the module's name."""

    DOCUMENTATION = r"""
options:
  leases:
    description:
      - Inventory hosts that do this together, where no members are named. The members are those of the leases that this
        run was granted for these hosts, at the source on which the task runs or that it names. One call serves all.
      - What the ledger did not grant to this run is refused.
    type: list
    elements: str
  steps:
    description: Only leases that are at one of these steps.
    type: list
    elements: str
    choices: [granted, restarting, attaching]
    default: []
"""
