#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: application_state
short_description: Tell an application to take no more work before a stop, and prove that it has finished
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - For applications of any framework that have an endpoint such as C(/internal/prepare-shutdown), and for Spring Boot
    with its Actuator. Those who send requests look at the application's readiness or registration, and stay away.
  - Tells the application by O(leave), and waits until it says itself that it takes no more work, so that O(serving)
    does not hold, throughout O(settle); then until it has done what it had, so that O(finished) holds.
  - An endpoint that answers 200 and does nothing is found out by O(serving).
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.leases
  - lossless.restart.fence
options:
  state:
    description:
      - V(out) to take no more work, V(in) to take it, V(read) to say how it is and that it can be told and asked.
      - With O(leases), V(down) is V(out), and V(before) puts back what was there when the lease was granted.
    type: str
    choices: [out, in, read, down, before]
    required: true
  source:
    description: With O(leases), the name of the source in the service's description.
    type: str
  pool:
    description: The name of the pool to which it belongs. Each pool has a lease's token of its own.
    type: str
    default: ""
  member:
    description: The instance's name, such as V(10.0.0.3:8080). Needed without O(leases).
    type: str
  leave:
    description: How the application is told to take no more work. Needed for V(out) where it takes work.
    type: dict
    suboptions:
      url: &url
        description:
          - The application's own endpoint. It has to answer 2xx within O(deadline).
          - It has to be on this host, unless C(elsewhere) says that another one is meant.
        type: str
      method: &method
        description: How C(url) is asked.
        type: str
        choices: [POST, GET]
      json: &json
        description: What is sent to C(url) by POST, as JSON.
        type: dict
      headers_file: &headers_file
        description: Path of a file on this host with headers to be sent, a line C(Name:value) each.
        type: path
      ca_file: &ca_file
        description: Path of a file on this host with the certificates that the endpoint's is checked with.
        type: path
      elsewhere: &elsewhere
        description: Whether the endpoint may be on another host.
        type: bool
      command: &command
        description:
          - A command, as a list of words. It is run by no shell, and has to end with status 0 within O(deadline).
        type: list
        elements: str
  join:
    description:
      - How it is told to take work again, in the same way. Used where it does not so by itself.
      - Without it, one that was told to leave needs a restart.
    type: dict
    suboptions:
      url: *url
      method: *method
      json: *json
      headers_file: *headers_file
      ca_file: *ca_file
      elsewhere: *elsewhere
      command: *command
  serving:
    description:
      - What holds while it takes work, as targets of M(lossless.restart.health_gate), looked at from this host.
      - An answer of 4xx is an error, never that it takes none. No answer proves nothing.
    type: list
    elements: dict
    required: false
  finished:
    description: What holds once it has done all that it had taken, in the same shape.
    type: list
    elements: dict
    default: []
  settle:
    description:
      - Seconds throughout which it has to take no work, at least. Those who send requests look now and then only. With
        Spring Cloud LoadBalancer that is 35 s, by default.
    type: float
    default: 0.0
  recheck:
    description: Tell nobody, look once more, and fail where it is not any more as O(state) says.
    type: bool
    default: false
  cut:
    description: Where it has not finished at O(deadline), name that in RV(cut) and do not fail.
    type: bool
    default: false
  deadline:
    description: Seconds to wait, for all of it. Longer than O(settle).
    type: float
    default: 60.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  token:
    description:
      - The token of the lease. This host keeps the highest that it has seen for the member, and refuses a lower one.
      - Without it nothing is checked.
    type: int
  state_dir:
    description: This host's directory for locks and tokens.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.application_info
  - module: lossless.restart.health_gate
"""

EXAMPLES = r"""
- name: Let the application take no more work, and wait for what it has
  lossless.restart.application_state:
    state: out
    member: "10.0.0.3:8080"
    leave: {url: "http://127.0.0.1:8080/internal/prepare-shutdown"}
    serving: [{url: "http://127.0.0.1:8080/internal/ready"}]
    finished: [{url: "http://127.0.0.1:8080/internal/status", expect: {in_flight: 0}}]
    settle: 10

- name: After the restart, wait until it takes work
  lossless.restart.application_state:
    state: in
    member: "10.0.0.3:8080"
    serving: [{url: "http://127.0.0.1:8080/internal/ready"}]

- name: Take an application of Spring Boot out of its registry
  lossless.restart.application_state:
    state: out
    member: "10.0.0.3:8080"
    leave: {url: "http://127.0.0.1:8081/actuator/serviceregistry", json: {status: DOWN}}
    join: {url: "http://127.0.0.1:8081/actuator/serviceregistry", json: {status: UP}}
    serving: [{url: "http://127.0.0.1:8081/actuator/serviceregistry", text: UP}]
    finished:
      - {url: "http://127.0.0.1:8081/actuator/metrics/executor.active", expect: {"measurements.0.value": "<= 0"}}
    settle: 35
    deadline: 90
"""

RETURN = r"""
msg:
  description: What was done and seen, in one sentence.
  type: str
  returned: always
before:
  description: How it was, V(up), V(down), or V(gone) where it did not answer. Null where nobody asked.
  type: str
  returned: when the arguments are valid
after:
  description: How it is now, or would be in check mode.
  type: str
  returned: when the arguments are valid
cut:
  description: What it had not finished at the deadline.
  type: list
  elements: str
  returned: when the arguments are valid
seconds:
  description: Seconds of each part. C(told), C(settle), C(finished), C(joined).
  type: dict
  returned: when the arguments are valid
waited:
  description: All of them together.
  type: float
  returned: when the arguments are valid
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _application,
    _fence,
    _files,
    _grammar,
    _leased,
    _lever,
    _waits,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._application import ApplicationError
from ansible_collections.lossless.restart.plugins.module_utils._application_turn import IN, OUT, READ, Turn

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_leased.OPTIONS,
        "state": {"type": "str", "choices": [OUT, IN, READ, "down", "before"], "required": True},
        "source": {"type": "str"},
        "pool": {"type": "str", "default": ""},
        "member": {"type": "str"},
        "leave": _lever.OPTION,
        "join": _lever.OPTION,
        "serving": {"type": "list", "elements": "dict"},
        "finished": {"type": "list", "elements": "dict", "default": []},
        "settle": {"type": "float", "default": 0.0},
        "recheck": {"type": "bool", "default": False},
        "cut": {"type": "bool", "default": False},
        "deadline": {"type": "float", "default": 60.0},
        "interval": {"type": "float", "default": 0.5},
        "token": {"type": "int", "no_log": False},
        "ledger": _fence.OPTION,
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
    },
    "supports_check_mode": True,
}


def turn_of(params: dict[str, Any], check_mode: bool) -> Turn:
    """Raises ValueError for the first argument that cannot be meant."""
    if params["leases"] is not None or params["state"] not in (OUT, IN, READ):
        raise ValueError(
            "leases, and states down and before, are for the action plugin: call the module by its full name"
        )
    if not params["member"]:
        raise ValueError("member is missing: name the instance, as in '10.0.0.3:8080'")
    _grammar.path(params["state_dir"], "state_dir")
    _waits.check(params)
    if params["state"] in (OUT, READ):
        _waits.fit(params)
    app = _application.application(params)
    times = {name: params[name] for name in ("settle", "deadline", "interval")}
    return Turn(app, check=check_mode, **times)


def act(turn: Turn, params: dict[str, Any]) -> str:
    """Do it, and say it."""
    if params["state"] == READ:
        return turn.read()
    if params["token"] is not None:
        member = f"application {params['pool']} {params['member']}"
        _fence.admit(params["state_dir"], member, params["token"], params["ledger"], write=not turn.check)
    if params["state"] == IN:
        return turn.back(recheck=params["recheck"])
    return turn.out(recheck=params["recheck"], cut=params["cut"])


def locked(turn: Turn, params: dict[str, Any]) -> str:
    """The same under the instance's lock, where something may be changed."""
    if turn.check or params["recheck"] or params["state"] == READ:
        return act(turn, params)
    lock = _files.lock_of(params["state_dir"], "application", params["member"])
    with _files.locked(lock, deadline=params["deadline"], what=f"another change of {params['member']}"):
        return act(turn, params)


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Tell the application, or ask it, and prove it."""
    turn = None
    try:
        turn = turn_of(params, check_mode)
        said = locked(turn, params)
    except (ValueError, ApplicationError, _fence.Fenced, _files.LockTimeout) as error:
        raise Failed(f"{params['member']}: {error}", turn.answer() if turn else {}) from error
    except OSError as error:
        where, who = params["state_dir"], f"uid {os.geteuid()}, as which this runs"
        raise Failed(f"state_dir {where}: {error}. It has to belong to {who}.") from error
    return {**turn.answer(), "msg": f"{params['member']}: {said}"}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
