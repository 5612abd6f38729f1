#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait until several targets hold, all at once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: health_gate
short_description: Wait until health endpoints, ports, files and processes hold, all at once
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Looks at all O(targets) at once, again and again, until all of them held O(successes) times in a row and
    throughout O(window) seconds. Fails when that has not come before O(deadline).
  - Serves as the gate after a restart, as the quiet window before a stop, and, with O(deadline=0), as a state check.
  - Reads only. Redirects are not followed, proxies of the environment are not used, and at most 64 KiB of an answer
    are read.
extends_documentation_fragment:
  - lossless.restart.common.info
options:
  targets:
    description: What must hold. Each has exactly one of C(url), C(tcp), C(file) and C(process).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What messages call the target. By default its address.
        type: str
      url:
        description: An http or https URL that must answer, without user and password.
        type: str
      method:
        description: The request's method, V(GET) by default.
        type: str
        choices: [GET, HEAD, POST]
      status:
        description: The answers that are good, V([200]) by default.
        type: list
        elements: int
      expect:
        description:
          - What the JSON answer must say, as a mapping of dotted paths (numbers are list indexes) to values.
          - A value is equality with strict types. A text that begins with C(<=), C(<), C(>=) or C(>) compares
            numbers, one that begins with C(!=) is the opposite of equality.
        type: raw
      text:
        description: A text that must be in the first 64 KiB of the answer or of the file.
        type: str
      headers_file:
        description:
          - "A file with a line C(Name: value) for each header of the request, so that no secret is in an argument."
        type: str
      ca_file:
        description: Certificates (PEM) of the authorities that are trusted. By default those of the system.
        type: str
      tcp:
        description: C(host:port) that must accept a connection.
        type: str
      file:
        description: Absolute path of a regular file that must be there.
        type: str
      process:
        description: A process that must run, as O(restart).
        type: dict
      address:
        description: The C(host:port) at which C(process) listens, as O(address).
        type: str
      timeout:
        description: Seconds for one look at this target, the whole answer included. V(2.0) by default.
        type: float
  successes:
    description: How many times in a row all must hold.
    type: int
    default: 3
  window:
    description: Seconds throughout which all must hold. Must be shorter than O(deadline).
    type: float
    default: 0.0
  deadline:
    description:
      - Seconds after which the gate fails. A look that is under way then still counts.
      - With V(0) all are looked at once, and that decides.
    type: float
    default: 60.0
  interval:
    description: Seconds between two readings.
    type: float
    default: 0.2
  restart:
    description:
      - How the process is restarted, as in M(lossless.restart.instance_process).
      - With it, the process must stay the same one from the first reading to the last.
    type: dict
  address:
    description: The C(host:port) at which the process listens, where O(restart) needs it.
    type: str
  identity:
    description:
      - The process that must be there at every reading, as M(lossless.restart.instance_process) returns it.
      - Another one, or none, fails the gate at once. By default the process that the first reading finds.
    type: dict
seealso:
  - module: lossless.restart.instance_process
"""

EXAMPLES = r"""
- name: Wait until the restarted process is healthy, and stays the same one
  lossless.restart.health_gate:
    targets:
      - url: http://127.0.0.1:8080/health-extended
        expect: {status: healthy, pool.active: "<= 5"}
      - tcp: 127.0.0.1:8080
    successes: 3
    deadline: 60
    restart: {systemd: order-svc}
    identity: "{{ restarted.identity }}"

- name: See that nothing is in flight for two seconds
  lossless.restart.health_gate:
    targets:
      - url: http://127.0.0.1:8080/internal/status
        expect: {in_flight: 0}
    successes: 2
    window: 2
    deadline: 30

- name: Check the state once
  lossless.restart.health_gate:
    targets:
      - file: /etc/order-svc/ready
        text: "yes"
    deadline: 0
"""

RETURN = r"""
msg:
  description: What held, or which target did not, what it last said, and for how long. One sentence.
  type: str
  returned: always
ok:
  description: Whether the gate held.
  type: bool
  returned: always
targets:
  description: The last that was seen of each target.
  type: list
  elements: dict
  returned: when the arguments are valid
  contains:
    name:
      description: The target's name or address.
      type: str
    ok:
      description: Whether it held.
      type: bool
    saw:
      description: What was seen, for people.
      type: str
    since:
      description: For how many seconds it has held, or failed.
      type: float
waited:
  description: Seconds from the first reading to the last.
  type: float
  returned: always
attempts:
  description: How many readings were taken.
  type: int
  returned: when the arguments are valid
identity:
  description: The process that the gate watched, null without O(restart) or where none runs.
  type: dict
  returned: when the arguments are valid
age:
  description: Seconds since that process started, or null.
  type: float
  returned: when the arguments are valid
"""

import dataclasses
import functools
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _gate, _process, _target
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

SPEC: dict[str, Any] = {
    "argument_spec": {
        "targets": {"type": "list", "elements": "dict", "required": True, "options": _target.OPTIONS},
        "successes": {"type": "int", "default": 3},
        "window": {"type": "float", "default": 0.0},
        "deadline": {"type": "float", "default": 60.0},
        "interval": {"type": "float", "default": 0.2},
        "restart": {"type": "dict"},
        "address": {"type": "str"},
        "identity": {"type": "dict"},
    },
    "supports_check_mode": True,
}


def validate(params: dict[str, Any]) -> None:
    """Raise ValueError for the first argument that cannot be meant. Opens only the files that targets name."""
    if not params["targets"]:
        raise ValueError("targets is empty: a gate that looks at nothing proves nothing")
    for key, least in (("successes", 1), ("window", 0.0), ("deadline", 0.0), ("interval", 0.01)):
        if not least <= params[key] <= 86400:
            raise ValueError(f"{key} {params[key]!r} is not a number from {least} to 86400")
    if params["window"] >= params["deadline"] > 0 or (params["window"] and not params["deadline"]):
        raise ValueError(f"window {params['window']:g} s does not fit into deadline {params['deadline']:g} s")
    identity = params["identity"]
    if identity is not None and not params["restart"]:
        raise ValueError("identity without restart: restart says how the process is found")
    if identity is not None and not all(
        isinstance(identity.get(key), kind) for key, kind in (("pid", int), ("start", int), ("boot", str))
    ):
        raise ValueError(f"identity {identity!r} is none: give what instance_process returned, {{pid, start, boot}}")
    if params["restart"]:
        _process.service(params["restart"], params["address"])
    for target in params["targets"]:
        _target.validate(target)
        _target.readable(target)


def hold(params: dict[str, Any]) -> dict[str, Any]:
    """Hold the gate; the module's result."""
    targets: list[dict[str, Any]] = params["targets"]
    limits = [target["timeout"] or _target.TIMEOUT for target in targets]
    looks = [functools.partial(_target.check, target, limit) for target, limit in zip(targets, limits)]
    record = _gate.Record([_target.name(target) for target in targets])
    settings = {key: params[key] for key in ("deadline", "interval", "successes", "window")}
    watch: _gate.Watch | None = None
    ok, stopped = False, ""
    began = time.monotonic()
    try:
        if params["restart"]:
            watch = _gate.Watch(lambda: _identity(params, watch.identity if watch else None), params["identity"])
        ok = _gate.hold(lambda: _gate.sweep(looks, max(limits)), record, watch, **settings).ok
    except (_gate.Changed, _process.ProcessError) as error:
        stopped = str(error)
    waited = time.monotonic() - began
    return {
        "ok": ok,
        "msg": stopped or _gate.told(ok, record, watch, waited, **settings),
        "targets": record.targets(),
        "waited": round(waited, 3),
        "attempts": record.readings,
        "identity": watch.identity if watch else None,
        "age": round(_process.age(_process.Identity(**watch.identity)), 2) if watch and watch.identity else None,
    }


def _identity(params: dict[str, Any], known: _gate.Identity | None = None) -> _gate.Identity | None:
    """The process now; its supervisor, which takes its time, is only asked where `known` is not there any more."""
    if known and _process.lives(_process.Identity(**known)):
        return known
    found = _process.identity(params["restart"], params["address"])
    return dataclasses.asdict(found) if found else None


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Looks only: check mode is no different."""
    try:
        validate(params)
    except ValueError as error:
        raise Failed(str(error), {"ok": False, "waited": 0.0}) from error
    result = hold(params)
    if not result["ok"]:
        raise Failed(result["msg"], result)
    return result


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
