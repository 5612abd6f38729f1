#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read an instance's process, or restart it and prove that it is another one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_process
short_description: Read an instance's process, or restart it and prove that it is another one
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Stops and starts a systemd unit, a supervisor program, a Docker container or a service with commands of its own, and
    proves the restart by another process (pid and start time), whatever the commands say of themselves.
  - A process that is still the old one, that vanishes, or that changes again is a failure.
  - Whether the new process serves is not looked at here, but by M(lossless.restart.health_gate).
  - Runs under a lock for each instance, so that a restart that a killed run left behind is waited for.
options:
  restart:
    description:
      - "How the instance is restarted. One of these:"
      - "C({systemd: UNIT}), with C(systemctl), a list, C([systemctl]) by default. Words before C(systemctl),
        as C([sudo, -n, systemctl]), are only used to change something. The unit is stopped, then started; only where
        other units would go down with it and stay down (C(PartOf), C(BindsTo), C(Requires)) it is C(restart)."
      - "C({supervisor: PROGRAM}), by the name that C(supervisorctl status) shows, with C(config), the path of its
        configuration, and C(supervisorctl), a list, C([supervisorctl]) by default."
      - "C({container: NAME}), a Docker container by its name, with C(docker), a list, C([docker]) by default (or
        C([podman]), or C([sudo, -n, docker])), and C(grace), seconds until it is killed that does not stop, by default
        the container's own. The instance is the process that the container begins with. Its restart policy does not
        matter, since it starts nobody who was stopped so. A container made with C(--rm) is refused."
      - "C({command: [...]}), which restarts, or C({stop: [...], start: [...]}); with C(pid_file), the path of a file
        with the number of the process. Without it the process is the one that listens at O(address), which needs
        the rights to look into that process. The commands are run without a shell and have to return; the service's
        own output belongs in a file."
    type: dict
    required: true
  address:
    description:
      - C(host:port) of the instance. It names the instance's lock and fence.
      - Needed to restart, and to find a process without C(pid_file).
    type: str
  state:
    description:
      - V(read) only says whether the unit or program is there, and which process it is. A stopped one is no failure.
      - V(restarted) restarts the process, or starts it where there is none.
      - V(fenced) waits for a restart that a killed run left behind, lets no lower O(token) restart it from then on, and
        reads as V(read) does.
    type: str
    choices: [read, restarted, fenced]
    required: true
  leased:
    description:
      - Refuse to restart unless this run was granted the lease of the inventory host and is at the step of restarting.
        V(fenced) takes a lease at any step.
      - The lease's token and O(older_than) are filled in. The collection's action plugin does this, on the controller.
    type: bool
    default: false
  again:
    description: With O(leased), restart the process however young it is.
    type: bool
    default: false
  process:
    description:
      - The process to restart, as RV(identity) named it before. Another one is left alone, since it came after that.
        O(leased) fills it in.
    type: dict
    suboptions:
      pid:
        description: Its number.
        type: int
        required: true
      start:
        description: When it started, in clock ticks from the boot.
        type: raw
        required: true
      boot:
        description: The host's boot id.
        type: str
        required: true
  spare:
    description:
      - A process, as RV(identity) named it, that is left alone however old it is by the time the module looks, since it
        has been restarted already. O(leased) fills it in.
    type: dict
    suboptions:
      pid:
        description: Its number.
        type: int
        required: true
      start:
        description: When it started, in clock ticks from the boot.
        type: raw
        required: true
      boot:
        description: The host's boot id.
        type: str
        required: true
  older_than:
    description:
      - Leave a process alone that is younger than this many seconds, by the host's own monotonic clock.
    type: float
  deadline:
    description: Seconds for all of it, the wait for another run's restart included.
    type: float
    default: 60
  state_dir:
    description: Where this host keeps locks and the highest token of each instance.
    type: path
    default: /var/lib/lossless_restart
  token:
    description: The lease's token. A lower one than this host has seen for the instance is refused.
    type: int
attributes:
  diff_mode:
    description: There is nothing to show, since no file is written.
    support: N/A
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.fence
seealso:
  - module: lossless.restart.health_gate
"""

EXAMPLES = r"""
- name: Read the process of a unit
  lossless.restart.instance_process:
    restart: {systemd: order-svc}
    state: read

- name: Restart a unit with an account that may do nothing else
  lossless.restart.instance_process:
    restart:
      systemd: order-svc
      systemctl: [sudo, -n, systemctl]
    address: 10.0.0.3:8080
    state: restarted

- name: Restart a program of supervisor, unless it is younger than ten minutes
  lossless.restart.instance_process:
    restart:
      supervisor: order-1
      config: /etc/supervisor/supervisord.conf
    address: 10.0.0.3:8080
    state: restarted
    older_than: 600

- name: Restart a container, which gets 30 seconds to stop
  lossless.restart.instance_process:
    restart:
      container: order-1
      grace: 30
    address: 10.0.0.3:8080
    state: restarted
"""

RETURN = r"""
identity:
  description: The process that is there now, or null. RV(ignore:start) counts clock ticks from the boot.
  returned: when it was read
  type: dict
  sample: {pid: 4711, start: 123456, boot: 750994be-6c4c-4791-b504-9a67b87cd182}
before:
  description: The process that was there before a restart, or null.
  returned: always
  type: dict
  sample: {pid: 4242, start: 1234, boot: 750994be-6c4c-4791-b504-9a67b87cd182}
ledger:
  description: The ledger under which O(address) was restarted last, C(id) and C(place), or null.
  returned: for O(state=read) with O(address)
  type: dict
  sample: {id: 5d2c6c3e-0d0b-4a6e-9a63-3f6f4d4f3c11, place: "bastion:/var/lib/lossless_restart/ledger"}
age:
  description: Seconds since the process RV(identity) started, or null.
  returned: when it was read
  type: float
  sample: 1.3
running:
  description: Whether there is a process.
  returned: when it was read
  type: bool
  sample: true
status:
  description: The state of the unit or program in the words of its supervisor.
  returned: when it was read
  type: str
  sample: active (running)
touched:
  description: Whether a command was given to the instance. False on a failure means that nothing was changed.
  returned: always
  type: bool
  sample: true
waited:
  description: Seconds of waiting for the stop and the start, and for another run's restart.
  returned: always
  type: float
  sample: 1.2
msg:
  description: What was found or done, for people.
  returned: always
  type: str
  sample: "unit order-svc: pid 4242 was restarted and is now pid 4711, after 1.2 s"
"""

import contextlib
import dataclasses
import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _fence, _files, _grammar, _process
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._process_restart import NotRestarted, Restart
from ansible_collections.lossless.restart.plugins.module_utils._process_service import Seen, Service

PROCESS = {
    "pid": {"type": "int", "required": True},
    "start": {"type": "raw", "required": True},
    "boot": {"type": "str", "required": True},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        "restart": {"type": "dict", "required": True},
        "address": {"type": "str"},
        "state": {"type": "str", "choices": ["read", "restarted", "fenced"], "required": True},
        "leased": {"type": "bool", "default": False},
        "again": {"type": "bool", "default": False},
        "process": {"type": "dict", "options": PROCESS},
        "spare": {"type": "dict", "options": PROCESS},
        "older_than": {"type": "float"},
        "deadline": {"type": "float", "default": 60.0},
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
        "token": {"type": "int", "no_log": False},
        "ledger": _fence.OPTION,
    },
    "required_if": [("state", "restarted", ["address"]), ("state", "fenced", ["address", "token"])],
    "supports_check_mode": True,
}
NOTHING: dict[str, Any] = {"changed": False, "touched": False, "waited": 0.0, "before": None}


class Turn:
    """One call of the module. `result` is what is known so far, also when it fails."""

    def __init__(self, params: dict[str, Any], check_mode: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.result: dict[str, Any] = dict(NOTHING)
        if not 0 < params["deadline"] <= 86400:
            raise ValueError(f"deadline {params['deadline']} is no number of seconds above 0 and at most 86400")
        if params["older_than"] is not None and not params["older_than"] >= 0:
            raise ValueError(f"older_than {params['older_than']} is no number of seconds from 0")
        if params["address"] is not None:
            _grammar.address(params["address"], "address")
        _grammar.path(params["state_dir"], "state_dir")
        if params["state"] == "restarted" and _process.only_finds(params["restart"]):
            raise ValueError("restart: to restart takes systemd, supervisor, container, command, or stop with start")
        self.service: Service = _process.service(params["restart"], params["address"])

    def read(self) -> str:
        """Say what is there."""
        seen = self._look()
        if self.params["address"] is not None:
            self.result["ledger"] = _fence.known(self.params["state_dir"], self._member())
        return self._said(seen)

    def _said(self, seen: Seen) -> str:
        old = f" as pid {seen.process.pid}, {self.result['age']:.0f} s old" if seen.process else ", without a process"
        return f"is {seen.state}{old}"

    def restart(self) -> str:
        """Restart or fence under the instance's lock, or say what would be done."""
        if self.check_mode:
            return self._admitted()
        began = time.monotonic()
        lock = _files.lock_of(self.params["state_dir"], "instance", self.params["address"])
        with _files.locked(lock, deadline=self.params["deadline"], what=f"another restart of {self.params['address']}"):
            self.result["waited"] = round(time.monotonic() - began, 3)
            return self._admitted()

    def _admitted(self) -> str:
        if self.params["token"] is not None:
            token, ledger = self.params["token"], self.params["ledger"]
            _fence.admit(self.params["state_dir"], self._member(), token, ledger, write=not self.check_mode)
        seen = self._look()
        self.result["before"] = self.result["identity"]
        if self.params["state"] == "fenced":
            return self._said(seen)
        age, limit, known = self.result["age"], self.params["older_than"], self.params["process"]
        if known and self.result["identity"] and self.result["identity"] != known:
            return f"was left alone: it is pid {self.result['identity']['pid']} now, and no longer pid {known['pid']}"
        if self.params["spare"] and self.result["identity"] == self.params["spare"]:
            return f"was left alone: pid {self.result['identity']['pid']} has been restarted already"
        if age is not None and limit is not None and age < limit:
            return f"was left alone: pid {self.result['identity']['pid']} is {age:.1f} s old, younger than {limit:g} s"
        if self.check_mode:
            self.result["changed"] = True
            return f"would be {'re' if seen.process else ''}started; it is {seen.state}"
        return self._restarted(seen)

    def _member(self) -> str:
        """As the fence knows the instance."""
        return f"instance {self.params['address']}"

    def _restarted(self, seen: Seen) -> str:
        locked = self.result["waited"]
        try:
            done = Restart(self.service, deadline=self.params["deadline"] - locked).do(seen)
        except NotRestarted as error:
            self.result.update(touched=error.touched, changed=error.touched, waited=round(locked + error.waited, 3))
            with contextlib.suppress(_process.ProcessError):
                self._look()
            raise
        self.result.update(_facts(done.after), status=done.status, changed=True, touched=True)
        self.result["waited"] = round(locked + done.waited, 3)
        what = f"pid {done.before.pid} was restarted and is now" if done.before else "was started as"
        return f"{what} pid {done.after.pid}, after {done.waited:.1f} s"

    def _look(self) -> Seen:
        seen = self.service.read()
        self.result.update(**_facts(seen.process), status=seen.state)
        return seen


def _facts(process: _process.Identity | None) -> dict[str, Any]:
    if process is None:
        return {"identity": None, "age": None, "running": False}
    return {"identity": dataclasses.asdict(process), "age": round(_process.age(process), 2), "running": True}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read the process, or restart it."""
    turn = None
    try:
        turn = Turn(params, check_mode)
        said = turn.read() if params["state"] == "read" else turn.restart()
    except (ValueError, NotRestarted, _process.ProcessError, _fence.Fenced, _files.LockTimeout) as error:
        raise Failed(str(error), turn.result if turn else NOTHING) from error
    except OSError as error:
        where, who = params["state_dir"], f"uid {os.geteuid()}, as which this runs"
        raise Failed(f"state_dir {where}: {error}. It has to belong to {who}.", NOTHING) from error
    return {"msg": f"{turn.service.label}: {said}", **turn.result}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
