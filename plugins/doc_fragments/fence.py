# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of modules that change something under a lease: see plugins/module_utils/_fence.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Beside the module's own option token."""

    DOCUMENTATION = r"""
options:
  ledger:
    description:
      - The ledger that gave the lease. The host remembers it for each member and refuses another one, which would not
        know of the first one's leases. C(replaces) is the id of one whose place it takes.
      - Needs C(token). After M(lossless.restart.availability_guard) the action plugin fills it in.
    type: dict
    suboptions:
      id:
        description: Its id.
        type: str
        required: true
      place:
        description: Where it is, for people.
        type: str
        required: true
      replaces:
        description: The id of the ledger that it replaces.
        type: str
        default: ""
"""
