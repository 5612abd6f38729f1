#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: warm_up
short_description: Call a process that has just started, before its users do
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Calls each of O(targets) until it was answered as expected O(count) times, O(concurrency) calls at a time. Classes
    are loaded, caches filled and connections opened before traffic comes.
  - What is not answered as expected is called again. Fails when the calls are not done before O(deadline).
  - In check mode nothing is called.
extends_documentation_fragment:
  - lossless.restart.common.info
options:
  targets:
    description: What is called. Each is a URL as M(lossless.restart.health_gate) takes it.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What messages call the target. By default its address.
        type: str
      url:
        description: An http or https URL, without user and password.
        type: str
        required: true
      method:
        description: The request's method, V(GET) by default.
        type: str
        choices: [GET, HEAD, POST]
      status:
        description: The answers that are good, V([200]) by default.
        type: list
        elements: int
      expect:
        description: What the JSON answer must say, as in M(lossless.restart.health_gate).
        type: raw
      text:
        description: A text that must be in the first 64 KiB of the answer.
        type: str
      headers_file:
        description: "A file with a line C(Name: value) for each header of the request."
        type: str
      ca_file:
        description: Certificates (PEM) of the authorities that are trusted. By default those of the system.
        type: str
      timeout:
        description: Seconds for one call, 2 by default.
        type: float
  count:
    description: How many good answers of each target are wanted.
    type: int
    default: 20
  concurrency:
    description: How many calls are made at a time, from 1 to 64.
    type: int
    default: 4
  deadline:
    description: Seconds for all of it.
    type: float
    default: 60.0
seealso:
  - module: lossless.restart.health_gate
"""

EXAMPLES = r"""
- name: Let the search fill its caches
  lossless.restart.warm_up:
    targets:
      - url: http://127.0.0.1:8080/search?q=shoes
      - url: http://127.0.0.1:8080/basket
        status: [200, 401]
    count: 50
    concurrency: 8
    deadline: 120
"""

RETURN = r"""
msg:
  description: How many calls were made and how long they took, or which target lacks good answers. One sentence.
  type: str
  returned: always
good:
  description: By the target's name or address, how many calls were answered as expected.
  type: dict
  returned: when calls were made
wrong:
  description: How many calls were not.
  type: int
  returned: when calls were made
first:
  description: Seconds that the slowest of the first calls took, as many as were made at a time.
  type: float
  returned: when calls were made
last:
  description: The same of the last calls.
  type: float
  returned: when calls were made
waited:
  description: Seconds from the first call to the last.
  type: float
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _target, _warm_up
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

TARGET: dict[str, Any] = {**_target.URL_OPTIONS, "url": {"type": "str", "required": True}}
SPEC: dict[str, Any] = {
    "argument_spec": {
        "targets": {"type": "list", "elements": "dict", "required": True, "options": TARGET},
        "count": {"type": "int", "default": 20},
        "concurrency": {"type": "int", "default": 4},
        "deadline": {"type": "float", "default": 60.0},
    },
    "supports_check_mode": True,
}


def validate(params: dict[str, Any]) -> None:
    """Raise ValueError for the first argument that cannot be meant."""
    if not params["targets"]:
        raise ValueError("targets is empty: there is nothing to call")
    for key, least, most in (("count", 1, 100000), ("concurrency", 1, 64), ("deadline", 0.1, 86400)):
        if not least <= params[key] <= most:
            raise ValueError(f"{key} {params[key]!r} is not a number from {least} to {most}")
    for target in params["targets"]:
        _target.validate(target)
        _target.readable(target)


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Make the calls."""
    try:
        validate(params)
    except (ValueError, OSError) as error:
        raise Failed(str(error), {"waited": 0.0}) from error
    names = [_target.name(target) for target in params["targets"]]
    if check_mode:
        return {"msg": f"{len(names)} to call {params['count']} times each", "waited": 0.0}
    count, concurrency = params["count"], params["concurrency"]
    warmed = _warm_up.run(params["targets"], count, concurrency, params["deadline"])
    first, last = warmed.seconds[:concurrency], warmed.seconds[-concurrency:]
    result: dict[str, Any] = {
        "good": dict(zip(names, warmed.good)),
        "wrong": warmed.wrong,
        "first": round(max(first, default=0.0), 3),
        "last": round(max(last, default=0.0), 3),
        "waited": round(warmed.waited, 3),
    }
    lacking = warmed.lacking(count)
    if lacking:
        why = "; ".join(
            f"{names[place]}: {warmed.good[place]} of {count} good answers, the last other one: "
            f"{warmed.last.get(place, 'none, it is too slow')}"
            for place in lacking
        )
        raise Failed(f"not warm after {warmed.waited:.1f} s: {why}", result)
    again = f", {warmed.wrong} more were not answered as expected" if warmed.wrong else ""
    took = f"at first {result['first']:.3f} s, at last {result['last']:.3f} s"
    return {**result, "msg": f"{sum(warmed.good)} calls in {warmed.waited:.1f} s, {took}{again}"}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
