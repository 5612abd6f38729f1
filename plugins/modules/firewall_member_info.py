#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_member_info
short_description: Ask a balancer's host whether members may be shut to it, and what it meets at them
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Runs on the balancer. Reads nginx's configuration, and connects to the members from the addresses that nginx uses.
  - Refuses where nginx would lose what a member refuses. That is so with C(max_fails=0), with no other live server,
    and where C(proxy_next_upstream) has no C(error). It names the line.
  - Refuses where nginx comes from an address that O(from) does not have.
  - Changes nothing.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.nginx
  - lossless.restart.leases
options:
  source:
    description: What this balancer is called in RV(readings). With it and O(upstreams), they are returned.
    type: str
  upstreams:
    description: The upstreams to read.
    type: list
    elements: str
    default: []
  members:
    description: The members, as they are written in the upstreams. This or O(leases).
    type: list
    elements: str
  from:
    description: The addresses from which the balancers come, or names for them.
    type: list
    elements: str
    required: true
  state:
    description:
      - Wait until all members are met so. V(shut) is that each refuses, V(open) that each takes a connection.
      - After V(open), for as long as nginx still avoids whom it found refusing, which is C(fail_timeout).
      - With O(leases), V(down) is V(shut) and V(before) is V(open).
    type: str
    choices: [shut, open, down, before]
  since:
    description: With O(state=open), how many seconds ago they were opened.
    type: float
    default: 0.0
  timeout:
    description: Seconds for one connection.
    type: float
    default: 2.0
  deadline:
    description: Seconds to wait for O(state).
    type: float
    default: 30.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.2
  batch:
    description: Inventory hosts that share this call. The collection's action plugin makes it once for them all.
    type: list
    elements: str
seealso:
  - module: lossless.restart.firewall_member
"""

EXAMPLES = r"""
- name: See whether members of the upstream may be shut to this balancer
  lossless.restart.firewall_member_info:
    upstreams: [order_svc]
    members: ["10.0.0.3:8080", "10.0.0.4:8080"]
    from: ["10.0.0.11", "10.0.0.12"]
    source: lb-1

- name: See that one refuses this balancer
  lossless.restart.firewall_member_info:
    members: ["10.0.0.3:8080"]
    from: ["10.0.0.11", "10.0.0.12"]
    state: shut
"""

RETURN = r"""
msg:
  description: What was found, in one sentence.
  type: str
  returned: always
met:
  description: By member, V(accepted), V(refused), or what was met instead.
  type: dict
  returned: success
fail_timeout:
  description: Seconds for which nginx does not go back to a member that has refused it.
  type: float
  returned: success
readings:
  description:
    - What the guard wants to know of this source, one pool C(firewall/UPSTREAM). A member is as nginx's line says, and
      V(gone) where that is V(up) and no connection is taken.
  type: list
  elements: dict
  returned: when O(source) is given
log_positions:
  description: Where each access log that names the upstream's address ends now.
  type: list
  elements: dict
  returned: success
opened:
  description:
    - The moment from which no request of this balancer's is refused any more, in seconds since the epoch by its clock.
    - For the option C(began) of M(lossless.restart.nginx_member_traffic).
  type: float
  returned: success, for O(state=open)
log_troubles:
  description: By upstream, why M(lossless.restart.nginx_member_traffic) cannot judge its requests by a log.
  type: dict
  returned: success
waited:
  description: Seconds that were spent waiting for O(state).
  type: float
  returned: success
warnings:
  description: That nginx keeps idle connections, which have to end before a member is out.
  type: list
  elements: str
  returned: when there is something to warn of
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _firewall_reading,
    _firewall_rule,
    _leased,
    _nginx_host,
    _nginx_state,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._nginx_conf import ConfigError

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_nginx_state.OPTIONS,
        **_leased.OPTIONS,
        "source": {"type": "str"},
        "upstreams": {"type": "list", "elements": "str", "default": []},
        "members": {"type": "list", "elements": "str"},
        "from": {"type": "list", "elements": "str", "required": True},
        "state": {"type": "str", "choices": ["shut", "open", "down", "before"]},
        "since": {"type": "float", "default": 0.0},
        "timeout": {"type": "float", "default": 2.0},
        "deadline": {"type": "float", "default": 30.0},
        "interval": {"type": "float", "default": 0.2},
        "batch": {"type": "list", "elements": "str"},
    },
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads and connects only. Nothing was shut in check mode, so that there is nothing to wait for."""
    try:
        _leased.members(params)
        _firewall_rule.refuse_leased(params)
        return _firewall_reading.run({**params, "state": None if check_mode else params["state"]})
    except _firewall_reading.NotMet as error:
        raise Failed(str(error), error.result) from error
    except (ConfigError, _nginx_host.HostError, ValueError, OSError) as error:
        raise Failed(str(error)) from error


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
