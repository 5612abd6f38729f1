#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nacos_instance_state
short_description: Disable an instance in Nacos before a stop, and enable it as it was
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Sets C(enabled) of the instances in all of their services, so that their weight and metadata stay.
    Then it is waited for until no server shows them to consumers, throughout O(settle).
  - An instance that is disabled stays so when its process starts again within about a minute. One that is away for
    longer comes back enabled, with its own weight, unless it is V(held). After a restart it is always set as O(before)
    has it.
  - An instance that is not registered is not made up. Where O(before) has it, it is waited for.
requirements:
  - requests, on the host on which the module runs.
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.nacos
  - lossless.restart.leases
  - lossless.restart.fence
options:
  state:
    description:
      - Whether consumers are to call the instances.
      - With O(leases), V(down) disables them, and V(before) puts back what was there when the lease was granted.
      - V(held) keeps those that are disabled so, for O(deadline) or until a task with V(in) sets them. It looks every
        O(interval), tells Nacos again of who is away, and disables who comes back enabled. It runs beside the restart,
        with C(async) and C(poll=0). Who is enabled while it is there is wanted, and not held any more; who has not
        come back at the deadline is let go, so that nothing waits for who gets that address another day.
    type: str
    choices: [out, in, held, down, before]
    required: true
  source:
    description: With O(leases), the name of the source in the service's description.
    type: str
  members:
    description: The instances as Nacos lists them, as V(10.0.0.3:8080).
    type: list
    elements: str
    default: []
  before:
    description:
      - What was there before, as RV(before) has it. With V(in) what was disabled then stays disabled, and the weight is
        exactly what it was. Without it V(in) enables with the weight that is there.
    type: dict
  share:
    description: With V(in), percent of the weight, to warm the instances up.
    type: float
    default: 100.0
  warmup:
    description: With O(leases), the same.
    type: int
  settle:
    description:
      - Seconds throughout which no server shows them to consumers, with V(out). Clients of Nacos are told at once, and
        Spring Cloud LoadBalancer keeps a list of its own for 35 s.
    type: float
    default: 35.0
  recheck:
    description: Set nothing, look once more, and fail where it is not any more as O(state) says.
    type: bool
    default: false
  deadline:
    description: Seconds to wait. Longer than O(settle).
    type: float
    default: 60.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  tokens:
    description:
      - By member the token of its lease. This host keeps the highest that it has seen for each, and refuses a lower
        one.
      - Without one nothing is checked.
    type: dict
  state_dir:
    description: This host's directory for locks and tokens.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.nacos_instance_info
"""

EXAMPLES = r"""
- name: Let nobody call the instance
  lossless.restart.nacos_instance_state:
    state: out
    servers: ["http://nacos1:8848/nacos", "http://nacos2:8848/nacos"]
    services: [order-svc]
    members: ["10.0.0.3:8080"]
    deadline: 90
  register: left

- name: Keep it so for ten minutes, whatever its process does
  lossless.restart.nacos_instance_state:
    state: held
    servers: ["http://nacos1:8848/nacos", "http://nacos2:8848/nacos"]
    services: [order-svc]
    members: ["10.0.0.3:8080"]
    before: "{{ left.before }}"
    deadline: 600
    interval: 2
  async: 660
  poll: 0

- name: After the restart, put back what was there
  lossless.restart.nacos_instance_state:
    state: in
    servers: ["http://nacos1:8848/nacos", "http://nacos2:8848/nacos"]
    services: [order-svc]
    members: ["10.0.0.3:8080"]
    before: "{{ left.before }}"
"""

RETURN = r"""
msg:
  description: What was done and seen, in one sentence.
  type: str
  returned: always
before:
  description: How it was, in the shape that O(before) takes.
  type: dict
  returned: when Nacos was read
  contains:
    members:
      description: By member and service C(enabled) and C(weight).
      type: dict
after:
  description: How it is now, in the same shape.
  type: dict
  returned: when Nacos was read
set:
  description: With V(held), how often Nacos was told again.
  type: int
  returned: with O(state=held)
waited:
  description: Seconds until it was proved.
  type: float
  returned: when Nacos was read
warnings:
  description: Servers that do not answer.
  type: list
  elements: str
  returned: when there is something to warn of
"""

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _fence,
    _files,
    _grammar,
    _leased,
    _nacos,
    _nacos_client,
    _waits,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._nacos_hold import HELD, Hold, Marks
from ansible_collections.lossless.restart.plugins.module_utils._nacos_turn import IN, OUT, Turn

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_nacos.OPTIONS,
        **_leased.OPTIONS,
        "state": {"type": "str", "choices": [OUT, IN, HELD, "down", "before"], "required": True},
        "source": {"type": "str"},
        "members": {"type": "list", "elements": "str", "default": []},
        "before": {"type": "dict"},
        "share": {"type": "float", "default": 100.0},
        "warmup": {"type": "int"},
        "settle": {"type": "float", "default": 35.0},
        "recheck": {"type": "bool", "default": False},
        "deadline": {"type": "float", "default": 60.0},
        "interval": {"type": "float", "default": 0.5},
        "tokens": {"type": "dict", "no_log": False},
        "ledger": _fence.OPTION,
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
    },
    "supports_check_mode": True,
}


def check(params: dict[str, Any]) -> None:
    """Raises ValueError for the first argument that cannot be meant."""
    _leased.members(params)
    if params["state"] not in (OUT, IN, HELD):
        raise ValueError(f"state {params['state']} goes with leases; without them it is out, in or held")
    if params["state"] == HELD and set(params["members"]) - set(known(params)):
        raise ValueError("state held needs before, which says what the members were")
    if not params["members"] or len(set(params["members"])) != len(params["members"]):
        raise ValueError(f"members {', '.join(params['members']) or '[]'} names nobody, or one twice")
    for member in params["members"]:
        _grammar.address(member, "members:")
    for name, least, most in (
        ("deadline", 0.01, _waits.DAY),
        ("interval", 0.01, _waits.DAY),
        ("settle", 0.0, _waits.DAY),
        ("share", 0.1, 100.0),
    ):
        if not (math.isfinite(params[name]) and least <= params[name] <= most):
            raise ValueError(f"{name} {params[name]!r} is no number from {least:g} to {most:g}")
    if params["state"] == OUT:
        _waits.fit(params)
    _grammar.path(params["state_dir"], "state_dir")


def known(params: dict[str, Any]) -> dict[str, Any]:
    """What was there before, by member. Raises ValueError."""
    given: dict[str, Any] = (params["before"] or {}).get("members", {})
    for member, services in given.items():
        for service, one in services.items():
            if set(one) != {"enabled", "weight"} or one["enabled"] not in (True, False):
                raise ValueError(f"before: {member} in {service} is {one!r}, and not {{enabled, weight}}")
    return given


@contextlib.contextmanager
def alone(params: dict[str, Any]) -> Iterator[None]:
    """One change at a time of these services from this host, and only by who holds the leases."""
    place = place_of(params)
    lock = _files.lock_of(params["state_dir"], "nacos", place)
    with _files.locked(lock, deadline=params["deadline"], what=f"another change of {place} in Nacos"):
        for member, token in (params["tokens"] or {}).items():
            _fence.admit(params["state_dir"], f"nacos {place} {member}", int(token), params["ledger"])
        yield


@contextlib.contextmanager
def fenced(params: dict[str, Any], check_mode: bool) -> Iterator[bool]:
    """The same where something is changed, and where it is by leases. What is enabled is nobody's any more: whether it
    was somebody's until now."""
    if check_mode or params["recheck"]:
        yield False
        return
    with alone(params) if params["tokens"] else contextlib.nullcontext():
        marks = Marks(params["state_dir"], place_of(params))
        if params["state"] == OUT:
            marks.begin(params["members"])
        yield params["state"] == IN and marks.end(params["members"])


def place_of(params: dict[str, Any]) -> str:
    """What these services are called in this host's state_dir."""
    return f"{params['namespace']} {params['group']} {params['services'][0]}"


def turn_of(client: _nacos_client.Client, params: dict[str, Any], held: bool, check_mode: bool) -> Turn:
    """Of the members, by the arguments. held: whether they were held or taken out until now."""
    more = {"share": params["share"], "anew": held, "check": check_mode}
    return Turn(client, params["services"], params["members"], known(params), **more)


def hold_of(client: _nacos_client.Client, params: dict[str, Any]) -> Hold:
    """Of the members, with the weights that they had."""
    weights = {
        member: {service: one["weight"] for service, one in services.items()}
        for member, services in known(params).items()
        if member in params["members"]
    }
    return Hold(client, weights, Marks(params["state_dir"], place_of(params)), lambda: alone(params))


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Disable or enable the members, and prove it; or keep them disabled."""
    work: Turn | Hold | None = None
    try:
        check(params)
        with contextlib.closing(_nacos_client.of(params)) as client:
            if params["state"] == HELD:
                work = hold_of(client, params)
                said = "would hold them" if check_mode else work.run(params["deadline"], params["interval"])
            else:
                times = {name: params[name] for name in ("settle", "deadline", "interval")}
                with fenced(params, check_mode) as held:
                    work = turn_of(client, params, held, check_mode)
                    said = work.run(params["state"], recheck=params["recheck"], **times)
    except (_nacos.NacosError, _fence.Fenced, _files.LockTimeout, ValueError) as error:
        raise Failed(f"{', '.join(params['members'])}: {error}", work.result if work else {}) from error
    except OSError as error:
        where, who = params["state_dir"], f"uid {os.geteuid()}, as which this runs"
        raise Failed(f"state_dir {where}: {error}. It has to belong to {who}.") from error
    return {**work.result, "msg": f"{', '.join(params['members'])}: {said}"}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
