#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: timer_pause
short_description: Let no job of an instance start during its restart, and switch its timers on again as they were
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Switches off what starts jobs of an instance on its own host, waits until none of its jobs runs, and switches on
    again what it has switched off. Timer units of systemd, lines of cron, and schedulers in the application.
  - What was off before stays off. Which were on is kept in a file under O(state_dir) before the first is switched off,
    so that V(restored) finds them after a kill as well, whatever O(timers) says by then.
  - A timer unit is stopped and started, never disabled. One with C(OnBootSec) or C(OnStartupSec) in the past runs its
    job when it is started again, and one with C(Persistent) catches up on what it missed.
  - A line of cron is made a comment by a mark before it, and keeps its place. Its jobs are the processes below the cron
    daemon that have O(timers)[].lines in their command line.
  - Where the host itself reboots, its enabled timer units are started by systemd, before the gate.
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.leases
  - lossless.restart.fence
options:
  address:
    description: The instance, by where it serves. What was switched off is kept under it.
    type: str
    required: true
  state:
    description:
      - V(paused) switches off and waits. V(restored) switches on again. V(read) says how they are.
      - With O(leases), V(down) is V(paused) and V(before) is V(restored).
    type: str
    choices: [paused, restored, read, down, before]
    required: true
  timers:
    description: What starts its jobs. V(restored) needs none.
    type: list
    elements: dict
    default: []
    suboptions:
      systemd:
        description: A timer unit. Its job is the unit that it starts.
        type: str
      systemctl:
        description: How C(systemctl) is called to stop and start it, as in V([sudo, -n, systemctl]).
        type: list
        elements: str
      cron:
        description:
          - Path of a file of cron's, as V(/etc/cron.d/order) or V(/var/spool/cron/crontabs/deploy). It is replaced as a
            whole, so its folder has to be writable.
        type: path
      lines:
        description: What those lines of O(timers)[].cron have in them, and the command lines of their jobs as well.
        type: str
      pause:
        description:
          - How the application's own scheduler is told to start no more jobs. C(url) with C(method), C(headers_file),
            C(ca_file) and C(elsewhere), or C(command), as O(lossless.restart.mq_consumer_pause#module:leave).
        type: dict
      resume:
        description: How it is told to go on.
        type: dict
      paused:
        description: Targets of M(lossless.restart.health_gate) that hold while it starts none.
        type: list
        elements: dict
      finished:
        description: Targets that hold while none of its jobs runs.
        type: list
        elements: dict
  sick:
    description: Whether a scheduler in the application that does not do as it is told is left to end with its process.
    type: bool
    default: false
  recheck:
    description: Switch nothing, and fail where something is on or runs.
    type: bool
    default: false
  cut:
    description: Where a job runs at O(deadline), name it in RV(cut) and do not fail.
    type: bool
    default: false
  deadline:
    description: Seconds to wait for the jobs.
    type: float
    default: 60.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  token:
    description:
      - The token of the lease. The host keeps the highest that it has seen for the instance's timers, and refuses a
        lower one. Without it nothing is checked.
    type: int
  state_dir:
    description: This host's directory for locks, tokens and what was switched off.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.health_gate
"""

EXAMPLES = r"""
- name: Let no job start, and wait for those that run
  lossless.restart.timer_pause:
    address: "10.0.0.3:8080"
    state: paused
    timers:
      - {systemd: order-report.timer, systemctl: [sudo, -n, systemctl]}
      - {cron: /etc/cron.d/order, lines: /opt/order/cleanup.sh}
      - pause: {url: "http://127.0.0.1:8080/internal/scheduler/pause"}
        resume: {url: "http://127.0.0.1:8080/internal/scheduler/resume"}
        paused: [{url: "http://127.0.0.1:8080/internal/scheduler", expect: {paused: true}}]
        finished: [{url: "http://127.0.0.1:8080/internal/scheduler", expect: {running: 0}}]

- name: Switch on again what was on
  lossless.restart.timer_pause:
    address: "10.0.0.3:8080"
    state: restored
"""

RETURN = r"""
msg:
  description: What was found or done, in one sentence.
  type: str
  returned: always
before:
  description: V(on) or V(off) for each timer, by its name for people.
  type: dict
  returned: when the arguments are valid
after:
  description: The same now, or as it would be in check mode.
  type: dict
  returned: when something was or would be done
cut:
  description: The jobs that ran at the deadline.
  type: list
  elements: str
  returned: when the arguments are valid
waited:
  description: Seconds spent waiting.
  type: float
  returned: when the arguments are valid
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _fence,
    _files,
    _grammar,
    _leased,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._timer_error import TimerError
from ansible_collections.lossless.restart.plugins.module_utils._timer_turn import LEASED, PAUSED, READ, RESTORED, Turn

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_leased.OPTIONS,
        "address": {"type": "str", "required": True},
        "state": {"type": "str", "choices": [PAUSED, RESTORED, READ, *LEASED], "required": True},
        "timers": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "systemd": {"type": "str"},
                "systemctl": {"type": "list", "elements": "str"},
                "cron": {"type": "path"},
                "lines": {"type": "str"},
                "pause": {"type": "dict"},
                "resume": {"type": "dict"},
                "paused": {"type": "list", "elements": "dict"},
                "finished": {"type": "list", "elements": "dict"},
            },
        },
        "sick": {"type": "bool", "default": False},
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
    if params["leases"] is not None or params["state"] in LEASED:
        raise ValueError(
            "leases, and states down and before, are for the action plugin: call the module by its full name"
        )
    _grammar.address(params["address"], "address")
    _grammar.path(params["state_dir"], "state_dir")
    for name in ("deadline", "interval"):
        if not 0 < params[name] <= 86400:
            raise ValueError(f"{name} {params[name]!r} is no number of seconds above 0 and at most 86400")
    if params["state"] != RESTORED and not params["timers"]:
        raise ValueError("timers is empty: name at least one, as in {systemd: order-report.timer}")
    return Turn(params["address"], params["timers"], params["state_dir"], check=check_mode, sick=params["sick"])


def act(turn: Turn, params: dict[str, Any]) -> str:
    """Do it, and say it."""
    if params["state"] == READ:
        return turn.read()
    if params["token"] is not None:
        member = f"timers {params['address']}"
        _fence.admit(params["state_dir"], member, params["token"], params["ledger"], write=not turn.check)
    times = {"deadline": params["deadline"], "interval": params["interval"]}
    if params["state"] == RESTORED:
        return turn.restore(**times)
    return turn.pause(**times, cut=params["cut"], recheck=params["recheck"])


def locked(turn: Turn, params: dict[str, Any]) -> str:
    """The same under the instance's lock, where something is changed."""
    if turn.check or params["state"] == READ:
        return act(turn, params)
    lock = _files.lock_of(params["state_dir"], "timers", params["address"])
    with _files.locked(lock, deadline=params["deadline"], what=f"another change of the timers of {params['address']}"):
        return act(turn, params)


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Pause, restore or read the timers."""
    turn = None
    try:
        turn = turn_of(params, check_mode)
        said = locked(turn, params)
    except (ValueError, TimerError, _fence.Fenced, _files.LockTimeout) as error:
        raise Failed(f"{params['address']}: {error}", turn.result if turn else {}) from error
    except OSError as error:
        where, who = params["state_dir"], f"uid {os.geteuid()}, as which this runs"
        raise Failed(f"state_dir {where}: {error}. It has to belong to {who}.") from error
    shown = {when: {"timers": turn.result[when]} for when in ("before", "after")}
    return {**turn.result, "diff": shown if turn.result["after"] else {}, "msg": f"{params['address']}: {said}"}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
