#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_member
short_description: Shut an instance's port to its balancers by a rule on its own host, and open it
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Answers new connections from the balancers with a TCP reset. A balancer that is refused goes to the next server,
    whatever the method of the request, so that nothing is lost and nobody has to be reloaded.
  - Connections that are there already go on. It is waited for until there is none left.
  - nftables, in a table of its own for each member; or iptables, in a chain of its own. Rules of others are not
    touched. What it made is removed as a whole.
  - The kernel itself opens the port again after O(expires), whatever became of the controller.
  - Refuses the port of SSH, and the addresses of the controller and of the host itself.
  - Whether balancers can live with it is asked by M(lossless.restart.firewall_member_info).
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.leases
  - lossless.restart.fence
options:
  state:
    description:
      - V(shut) refuses new connections, and waits until there is none left.
      - V(open) removes what V(shut) made.
      - V(read) says how it is.
      - With O(leases), V(down) is V(shut) and V(before) is V(open).
    type: str
    choices: [shut, open, read, down, before]
    required: true
  members:
    description: The instances on this host. This or O(leases).
    type: list
    elements: dict
    suboptions:
      member:
        description: Where it listens, V(10.0.0.3:8080) or V([fd00::3]:8080). A name is resolved on this host.
        type: str
        required: true
      addresses:
        description: The same as its balancers know it, where the name resolves otherwise here.
        type: list
        elements: str
        default: []
      from:
        description: The addresses from which its balancers come, or names for them.
        type: list
        elements: str
        required: true
      token:
        description: The token of the lease for this member; by default O(token).
        type: int
  token:
    description:
      - The token of the lease. This host keeps the highest that it has seen for each member and refuses a lower one.
      - Without it nothing is checked.
    type: int
  expires:
    description:
      - Seconds after which the kernel opens the port again, counted from the last call. V(0) is never.
      - A second call leaves a rule alone that has nine tenths of it before it, and renews an older one. Neither is a
        change.
    type: float
    default: 900.0
  command:
    description:
      - How C(nft) or C(iptables) is called, as in V([sudo, -n, nft]). Where it is left out, the one that is there.
      - C(ip6tables) is called like C(iptables).
    type: list
    elements: str
  deadline:
    description: Seconds to wait until no connection is left.
    type: float
    default: 60.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.2
  cut:
    description: Where connections are left at O(deadline), name them in RV(cut) and do not fail.
    type: bool
    default: false
  recheck:
    description: Write nothing, and prove once more that the port is shut and nobody connected.
    type: bool
    default: false
  state_dir:
    description: This host's directory for locks and tokens.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.firewall_member_info
"""

EXAMPLES = r"""
- name: Shut the instance to both balancers for at most ten minutes
  lossless.restart.firewall_member:
    state: shut
    members:
      - {member: "10.0.0.3:8080", from: ["10.0.0.11", "10.0.0.12"]}
    expires: 600
    command: [sudo, -n, nft]

- name: Open it
  lossless.restart.firewall_member:
    state: open
    members:
      - {member: "10.0.0.3:8080", from: ["10.0.0.11", "10.0.0.12"]}
    command: [sudo, -n, nft]
"""

RETURN = r"""
msg:
  description: What was done, in one sentence.
  type: str
  returned: always
before:
  description:
    - How each member was, by its name. C(state) is V(shut), V(open), or V(lapsed) where a rule is there that refuses
      nobody any more; C(from) who is refused, C(left) the seconds until it opens by itself.
  type: dict
  returned: when the firewall was read
waited:
  description: Seconds that were spent waiting for connections to end.
  type: float
  returned: when the firewall was read
cut:
  description: By member and source, the connections that were left at the deadline.
  type: dict
  returned: when the firewall was read
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _fence,
    _firewall_member,
    _firewall_rule,
    _leased,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._fence import Fenced
from ansible_collections.lossless.restart.plugins.module_utils._files import LockTimeout
from ansible_collections.lossless.restart.plugins.module_utils._firewall_rule import FirewallError

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_leased.OPTIONS,
        "state": {"type": "str", "choices": ["shut", "open", "read", "down", "before"], "required": True},
        "members": {
            "type": "list",
            "elements": "dict",
            "options": {
                "member": {"type": "str", "required": True},
                "addresses": {"type": "list", "elements": "str", "default": []},
                "from": {"type": "list", "elements": "str", "required": True},
                "token": {"type": "int", "no_log": False},
            },
        },
        "token": {"type": "int", "no_log": False},
        "ledger": _fence.OPTION,
        "expires": {"type": "float", "default": 900.0},
        "command": {"type": "list", "elements": "str"},
        "deadline": {"type": "float", "default": 60.0},
        "interval": {"type": "float", "default": 0.2},
        "cut": {"type": "bool", "default": False},
        "recheck": {"type": "bool", "default": False},
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
    },
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Shut, open or read the members, and prove it."""
    try:
        members = _leased.members(params)
        _firewall_rule.refuse_leased(params)
        return _firewall_member.run(_firewall_member.task(params, members, check_mode))
    except _firewall_member.NotShut as error:
        raise Failed(str(error), error.result) from error
    except (Fenced, FirewallError, LockTimeout, ValueError, OSError) as error:
        raise Failed(f"{error}. Nothing was changed." if isinstance(error, ValueError) else str(error)) from error


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
