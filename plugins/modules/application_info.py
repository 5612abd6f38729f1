#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: application_info
short_description: Ask the instances of an application whether they take work
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Asks each instance by its own endpoints, all at once, and says who takes work. Changes nothing.
  - An instance that refuses the question, with 4xx, is an error. It says nothing of its work. So is one that takes
    connections at its own port and none at that of its endpoints, as where these listen on its own host alone.
extends_documentation_fragment:
  - lossless.restart.common.info
options:
  members:
    description: The instances. This or O(points).
    type: list
    elements: dict
    suboptions:
      member:
        description: Where it takes its work, such as V(10.0.0.3:8080).
        type: str
        required: true
      serving:
        description: What holds while it takes work, as targets of M(lossless.restart.health_gate).
        type: list
        elements: dict
        required: true
  points:
    description: The same as a service's description has it. The collection's action plugin makes O(members) of it.
    type: list
    elements: dict
  pool:
    description: The name of the pool in RV(readings). Needs O(source).
    type: str
  source:
    description: The name of the source. With it, RV(readings) is returned.
    type: str
  batch:
    description: Inventory hosts that share this call. The collection's action plugin makes it once for them all.
    type: list
    elements: str
seealso:
  - module: lossless.restart.application_state
"""

EXAMPLES = r"""
- name: See who is ready
  lossless.restart.application_info:
    members:
      - member: "10.0.0.3:8080"
        serving: [{url: "http://10.0.0.3:8081/actuator/health/readiness", expect: {status: UP}}]
      - member: "10.0.0.4:8080"
        serving: [{url: "http://10.0.0.4:8081/actuator/health/readiness", expect: {status: UP}}]
  register: orders

- name: Say who takes no work
  ansible.builtin.debug:
    msg: "{{ orders.instances | dict2items | rejectattr('value.state', 'eq', 'up') | map(attribute='key') }}"
"""

RETURN = r"""
msg:
  description: What was found, in one sentence.
  type: str
  returned: always
instances:
  description:
    - By member C(state), which is V(up), V(down), or V(gone) for one that does not answer, and C(saw), what was seen.
  type: dict
  returned: success
readings:
  description: What the guard wants to know of this source.
  type: list
  elements: dict
  returned: when O(source) is given
warnings:
  description: Who does not answer, and why.
  type: list
  elements: str
  returned: when there is something to warn of
"""

import concurrent.futures
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _application, _target
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._application import GONE, UP, ApplicationError, Word

SPEC: dict[str, Any] = {
    "argument_spec": {
        "members": {
            "type": "list",
            "elements": "dict",
            "options": {
                "member": {"type": "str", "required": True},
                "serving": {"type": "list", "elements": "dict", "required": True},
            },
        },
        "points": {"type": "list", "elements": "dict"},
        "pool": {"type": "str"},
        "source": {"type": "str"},
        "batch": {"type": "list", "elements": "str"},
    },
    "required_by": {"pool": ("source",)},
    "supports_check_mode": True,
}
REFUSED = "connection refused"
# Each of them is waited for no longer than its targets' own time.
_AT_ONCE = 32


def words(members: list[dict[str, Any]]) -> dict[str, Word]:
    """What each says. Raises ValueError or ApplicationError, naming the member."""
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip([one["member"] for one in members], pool.map(_word, members)))


def _word(one: Mapping[str, Any]) -> Word:
    try:
        app = _application.application({"serving": one["serving"]})
        _application.usable(app)
        word = _application.word(app.serving)
        if word.state == GONE and REFUSED in word.saw and _open(one["member"]):
            raise ApplicationError(f"it is there, and this host cannot ask it: {word.saw}")
        return word
    except (ValueError, ApplicationError) as error:
        raise type(error)(f"{one['member']}: {error}") from error


def _open(member: str) -> bool:
    return _target.check({"tcp": member}).ok


def reading(source: str, pool: str, found: Mapping[str, Word]) -> dict[str, Any]:
    """As the guard reads it."""
    listed = [
        {"member": name, "state": word.state, "weight": None, "addresses": [name], "ledger": None, "saw": word.saw}
        for name, word in found.items()
    ]
    return {"kind": pool.partition("/")[0], "pool": pool, "source": source, "members": listed}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads only: check mode is no different."""
    source = params["source"]
    try:
        members = params["members"] or []
        if not members:
            raise ValueError("members is empty: name at least one instance and what holds while it serves")
        if len({one["member"] for one in members}) != len(members):
            raise ValueError(f"members names one twice: {', '.join(one['member'] for one in members)}")
        found = words(members)
    except (ValueError, ApplicationError) as error:
        raise Failed(str(error)) from error
    up = [name for name, word in found.items() if word.state == UP]
    warnings = [f"{name} does not answer: {word.saw}" for name, word in found.items() if word.state == GONE]
    return {
        "changed": False,
        "instances": {name: vars(word) for name, word in found.items()},
        "msg": f"{len(up)} of {len(found)} instances take work",
        **({"warnings": warnings} if warnings else {}),
        **({"readings": [reading(source, params["pool"] or source, found)]} if source else {}),
    }


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
