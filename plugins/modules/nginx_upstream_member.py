#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_upstream_member
short_description: Take members of nginx upstreams out of traffic, and put them back
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Edits the C(server) lines of any number of members, in whatever file they stand. Every byte that is not the member's
    own word stays, so that V(up) after V(down) gives the file back as it was.
  - One edit, one test and one reload serve all members of a call. What fails is put back.
  - A member that goes out is proved out. nginx has read the file, no old worker is left, and no connection leads there.
  - Never leaves an upstream without a live server, backup servers not counted, unless O(allow_empty).
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.nginx
  - lossless.restart.leases
  - lossless.restart.fence
options:
  state:
    description:
      - With O(leases), how their members should stand.
      - V(before) is how each stood when its lease was granted. It needs no answer of the ledger.
    type: str
    choices: [down, before]
  warmup:
    description: With O(state=before), the share of its weight in percent that each member gets for now.
    type: int
  members:
    description: The members, and how each should stand. This or O(leases).
    type: list
    elements: dict
    suboptions:
      upstream:
        description: The upstream's name. Where C(http) and C(stream) both have one, the member's lines in both change.
        type: str
        required: true
      member:
        description: The member, written as it is there, V(10.0.0.3:8080), V([fd00::3]:8080) or V(unix:/run/a.sock).
        type: str
        required: true
      state:
        description:
          - V(down) and V(absent) take it out. V(absent) also removes its line, and with it all of its parameters.
          - V(drain) leaves it the sessions that stick to it. It needs nginx 1.29.6 and C(sticky) in the upstream.
          - V(up) removes C(down) and C(drain). V(backup) is the same for a backup server.
          - V(present) adds the line after the last one of the upstream where it is missing.
        type: str
        choices: [up, down, drain, backup, present, absent]
      weight:
        description:
          - The weight, from 1. Where it is left out, the weight stays.
          - A weight of V(1), which is nginx's default, removes a weight that stands where this module puts one.
        type: int
      weight_written:
        description: Whether a weight of V(1) is to stand in the file, as RV(before) says.
        type: bool
      token:
        description: The token of the lease for this member; by default O(token).
        type: int
  token:
    description:
      - The token of the lease. This host keeps the highest that it has seen for each member and refuses a lower one.
      - Without it nothing is checked.
    type: int
  allow_empty:
    description: Whether an upstream may be left without a live server. Only for broken glass.
    type: bool
    default: false
  deadline:
    description: Seconds to wait for the reload, and again for the proof that members are out.
    type: float
    default: 60.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.2
  cut:
    description: Where members are not out by O(deadline) since work goes on, name them in RV(cut) and do not fail.
    type: bool
    default: false
  recheck:
    description: Write nothing, and prove once more that the members are out.
    type: bool
    default: false
  state_dir:
    description: This host's directory for locks and tokens.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.nginx_upstream_info
"""

EXAMPLES = r"""
- name: Take two members out, and wait until nothing goes there
  lossless.restart.nginx_upstream_member:
    members:
      - {upstream: order_svc, member: "10.0.0.3:8080", state: down}
      - {upstream: pay_svc, member: "10.0.0.3:8080", state: down}
    deadline: 120
  register: taken

- name: Put both back as they were
  lossless.restart.nginx_upstream_member:
    members: "{{ taken.before }}"
"""

RETURN = r"""
msg:
  description: What was done, in one sentence.
  type: str
  returned: always
before:
  description: How each member stood, in a shape that O(members) takes to restore it.
  type: list
  elements: dict
  returned: when the configuration was read
  sample:
    - {"upstream": "order_svc", "member": "10.0.0.3:8080", "state": "up", "weight": 1, "weight_written": false}
after:
  description: How each member stands now, or would stand in check mode.
  type: list
  elements: dict
  returned: when the configuration was read
reloaded:
  description: Whether nginx was reloaded.
  type: bool
  returned: when the configuration was read
waited:
  description: Seconds that were spent waiting for old workers and connections to go.
  type: float
  returned: when the configuration was read
cut:
  description: Members that were not out by the deadline, each with its C(connections) and the old C(workers).
  type: list
  elements: dict
  returned: when the configuration was read
still_sent_to:
  description:
    - For each member to which other lines of the configuration still send, under its address, those lines.
    - Its connections are then not waited for, since these lines make new ones.
  type: dict
  returned: when the configuration was read
log_positions:
  description: Where each access log that names the upstream's address ended just after the reload.
  type: list
  elements: dict
  returned: when the configuration was read
warnings:
  description: What a reload can lose here, and what was not counted.
  type: list
  elements: str
  returned: when there is something to warn of
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _fence,
    _leased,
    _nginx_member,
    _nginx_state,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._fence import Fenced
from ansible_collections.lossless.restart.plugins.module_utils._files import LockTimeout
from ansible_collections.lossless.restart.plugins.module_utils._nginx_host import HostError
from ansible_collections.lossless.restart.plugins.module_utils._rewrite import WriteError

STATES = ["up", "down", "drain", "backup", "present", "absent"]
SPEC: dict[str, Any] = {
    "argument_spec": {
        **_nginx_state.OPTIONS,
        **_leased.OPTIONS,
        "state": {"type": "str", "choices": ["down", "before"]},
        "warmup": {"type": "int"},
        "members": {
            "type": "list",
            "elements": "dict",
            "options": {
                "upstream": {"type": "str", "required": True},
                "member": {"type": "str", "required": True},
                "state": {"type": "str", "choices": STATES},
                "weight": {"type": "int"},
                "weight_written": {"type": "bool"},
                "token": {"type": "int", "no_log": False},
            },
        },
        "token": {"type": "int", "no_log": False},
        "ledger": _fence.OPTION,
        "allow_empty": {"type": "bool", "default": False},
        "deadline": {"type": "float", "default": 60.0},
        "interval": {"type": "float", "default": 0.2},
        "cut": {"type": "bool", "default": False},
        "recheck": {"type": "bool", "default": False},
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
    },
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Change the members, and prove it."""
    try:
        members = _leased.members(params)
        return _nginx_member.run(_nginx_member.task({**params, "members": members}, check_mode))
    except _nginx_member.NotOut as error:
        raise Failed(str(error), error.result) from error
    except (Fenced, LockTimeout, HostError, WriteError, ValueError, OSError) as error:
        raise Failed(str(error)) from error


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
