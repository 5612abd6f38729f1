#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xxljob_executor_state
short_description: Give an executor of XXL-JOB no new jobs before a stop, and wait for those that run
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - An executor interrupts the jobs that run when it is stopped. So it is taken out of its group first; then each of the
    group's jobs is asked for at the executor until none of them runs or waits there.
  - Out of the group it goes by an endpoint of its application that stops its registry thread (C(leave)); the admin's
    own C(registryRemove) would be undone within 30 s. Or without one by the group's list, which is set by hand to all
    others, and set to automatic again once all of O(everybody) are back.
  - The admin reads who has registered every 30 s, and that is waited for by its own list.
requirements:
  - requests, on the host on which the module runs.
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.xxljob
  - lossless.restart.leases
  - lossless.restart.fence
options:
  state:
    description:
      - Whether the executors are to get jobs.
      - With O(leases), V(down) takes them out, and V(before) puts back what was there when the lease was granted.
    type: str
    choices: [out, in, down, before]
    required: true
  source:
    description: With O(leases), the name of the source in the service's description.
    type: str
  executors:
    description: The executors.
    type: list
    elements: dict
    default: []
    suboptions:
      member:
        description: C(host:port) of its address.
        type: str
        required: true
      address:
        description: Its address as the group had it, RV(before). Needed for V(in) where the group has it no more.
        type: str
      leave:
        description:
          - C(url) of the application's own endpoint that stops its registry thread, with C(method), C(json),
            C(headers_file) and C(ca_file) as for M(lossless.restart.mq_consumer_pause).
        type: dict
      join:
        description:
          - The same, for one that starts it again. Used where the group has it not, which is so for a while after a
            start too; so it must do no harm to one that registers already.
        type: dict
      headers_file:
        description:
          - Path of a file on this host with the headers that the executor wants, a line C(Name:value) each, such as
            C(XXL-JOB-ACCESS-TOKEN).
        type: path
      token:
        description: The token of the lease for this executor. This host refuses a lower one than it has seen.
        type: int
  everybody:
    description: All who belong to the group, as C(host:port).
    type: list
    elements: str
    default: []
  jobs:
    description: The ids of the jobs that are asked for; by default all of the group.
    type: list
    elements: int
  settle:
    description: Seconds throughout which it has to be so. What the admin was about to send arrives meanwhile.
    type: float
    default: 3.0
  recheck:
    description: Change nothing, look once more, and fail where it is not any more as O(state) says.
    type: bool
    default: false
  cut:
    description: Where jobs run still at O(deadline), name them in RV(cut) and do not fail.
    type: bool
    default: false
  deadline:
    description: Seconds to wait. Longer than O(settle), and than the 30 s of the admin.
    type: float
    default: 90.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 1.0
  state_dir:
    description: This host's directory for locks, tokens, and whether the list was automatic.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.xxljob_executor_info
"""

EXAMPLES = r"""
- name: Give the executor no more jobs, and wait for those that run
  lossless.restart.xxljob_executor_state:
    state: out
    admin: ["http://xxl-job:8080/xxl-job-admin"]
    application: order-jobs
    auth: {file: /etc/lossless/xxljob}
    executors:
      - member: "10.0.0.3:9999"
        leave: {url: "http://10.0.0.3:8080/internal/xxl-job/leave"}
        headers_file: /etc/lossless/xxljob.headers
"""

RETURN = r"""
msg:
  description: What was done and seen, in one sentence.
  type: str
  returned: always
before:
  description: By member its C(address) in the group; null where it was not in it.
  type: dict
  returned: when the admin was asked
cut:
  description: The jobs that ran still at the deadline.
  type: list
  elements: str
  returned: when the admin was asked
waited:
  description: Seconds until it was proved.
  type: float
  returned: when the admin was asked
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _fence,
    _files,
    _grammar,
    _http,
    _leased,
    _lever,
    _waits,
    _xxljob,
    _xxljob_admin,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._xxljob_turn import IN, OUT, Executor, Turn

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_xxljob.OPTIONS,
        **_leased.OPTIONS,
        "state": {"type": "str", "choices": [OUT, IN, "down", "before"], "required": True},
        "source": {"type": "str"},
        "executors": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "member": {"type": "str", "required": True},
                "address": {"type": "str"},
                "leave": {"type": "dict"},
                "join": {"type": "dict"},
                "headers_file": {"type": "path"},
                "token": {"type": "int", "no_log": False},
            },
        },
        "everybody": {"type": "list", "elements": "str", "default": []},
        "jobs": {"type": "list", "elements": "int"},
        "settle": {"type": "float", "default": 3.0},
        "recheck": {"type": "bool", "default": False},
        "cut": {"type": "bool", "default": False},
        "deadline": {"type": "float", "default": 90.0},
        "interval": {"type": "float", "default": 1.0},
        "ledger": _fence.OPTION,
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
    },
    "supports_check_mode": True,
}


def executor(given: dict[str, Any]) -> Executor:
    """Raises ValueError for what cannot be meant, or a file that cannot be read here."""
    _grammar.address(given["member"], "executors: member")
    leave, join = (lever(given, name) for name in (_lever.LEAVE, _lever.JOIN))
    headers = _http.headers(given["headers_file"]) if given.get("headers_file") else {}
    return Executor(given["member"], leave, join, headers, given.get("address"))


def lever(given: dict[str, Any], name: str) -> _lever.Lever | None:
    """How its application is told, from here. Raises ValueError."""
    asked = given.get(name)
    if asked is None:
        return None
    if "url" not in asked:
        raise ValueError(f"{name} {str(asked)[:200]} has no url")
    found = _lever.lever({**asked, "elsewhere": True}, name)
    _lever.readable(found)
    return found


def check(params: dict[str, Any]) -> list[Executor]:
    """Raises ValueError for the first argument that cannot be meant."""
    _leased.members(params)
    if params["state"] not in (OUT, IN):
        raise ValueError(f"state {params['state']} goes with leases; without them it is out or in")
    names = [one["member"] for one in params["executors"]]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"executors {', '.join(names) or '[]'} names nobody, or one twice")
    _waits.check(params)
    if params["state"] == OUT:
        _waits.fit(params)
    _grammar.path(params["state_dir"], "state_dir")
    return [executor(one) for one in params["executors"]]


@contextlib.contextmanager
def fenced(params: dict[str, Any], check_mode: bool) -> Iterator[None]:
    """One change at a time of this group from this host, and only by who holds the leases."""
    if check_mode or params["recheck"]:
        yield
        return
    group = params["application"]
    lock = _files.lock_of(params["state_dir"], "xxljob", group)
    with _files.locked(lock, deadline=params["deadline"], what=f"another change of the group {group} in XXL-JOB"):
        for one in params["executors"]:
            if one.get("token") is not None:
                member = f"xxljob {group} {one['member']}"
                _fence.admit(params["state_dir"], member, one["token"], params["ledger"])
        yield


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take the executors out of their group, or put them back, and prove it."""
    turn = None
    who = ", ".join(one["member"] for one in params["executors"])
    try:
        executors = check(params)
        record = os.path.join(
            params["state_dir"], "xxljob", f"{_grammar.word(params['application'], 'application')}.json"
        )
        with contextlib.closing(_xxljob_admin.of(params)) as admin, fenced(params, check_mode):
            turn = Turn(
                admin,
                params["application"],
                executors,
                params["everybody"],
                record,
                jobs=params["jobs"],
                check=check_mode,
            )
            times = {name: params[name] for name in ("settle", "deadline", "interval")}
            said = turn.run(params["state"], recheck=params["recheck"], cut=params["cut"], **times)
    except (_xxljob.XxlJobError, _fence.Fenced, _files.LockTimeout, ValueError) as error:
        raise Failed(f"{who}: {error}", turn.result if turn else {}) from error
    except OSError as error:
        where, account = params["state_dir"], f"uid {os.geteuid()}, as which this runs"
        raise Failed(f"state_dir {where}: {error}. It has to belong to {account}.") from error
    return {**turn.result, "msg": said}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
