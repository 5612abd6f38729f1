#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Silence the alerts of exactly those instances that are restarted, for as long as that takes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alertmanager_silence
short_description: Silence alerts of exactly some instances, for some seconds
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Sees that Alertmanager has a silence for each of O(silences), which ends by itself after O(seconds), or has none.
  - A silence is known by its labels and by O(by). Nobody else's is made longer or ended.
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.api
attributes:
  diff_mode:
    description: Silences are not shown.
    support: none
options:
  silences:
    description: The alerts of one instance each, by labels with the one value that each must have.
    type: list
    elements: dict
    required: true
  state:
    description: V(present) makes them or makes them longer, never shorter. V(absent) ends them.
    type: str
    choices: [present, absent]
    default: present
  seconds:
    description: For how long from now on, by the clock of the host on which it runs. Needed by V(present).
    type: float
  by:
    description: Whose they are, as C(createdBy).
    type: str
    required: true
  comment:
    description: Why, for people.
    type: str
    default: restarted by lossless.restart
seealso:
  - module: lossless.restart.prometheus_gate
"""

EXAMPLES = r"""
- name: Silence the alerts of two instances for five minutes
  lossless.restart.alertmanager_silence:
    url: http://alertmanager.example.com:9093
    silences:
      - {job: order-svc, instance: "10.0.0.3:9100"}
      - {job: order-svc, instance: "10.0.0.4:9100"}
    seconds: 300
    by: CHG-4711

- name: End them
  lossless.restart.alertmanager_silence:
    url: http://alertmanager.example.com:9093
    silences:
      - {job: order-svc, instance: "10.0.0.3:9100"}
      - {job: order-svc, instance: "10.0.0.4:9100"}
    by: CHG-4711
    state: absent
"""

RETURN = r"""
msg:
  description: How many were made, made longer or ended.
  type: str
  returned: always
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _alertmanager, _answer, _api
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_api.OPTIONS,
        "silences": {"type": "list", "elements": "dict", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "seconds": {"type": "float"},
        "by": {"type": "str", "required": True},
        "comment": {"type": "str", "default": "restarted by lossless.restart"},
    },
    "supports_check_mode": True,
    "required_if": [("state", "present", ["seconds"])],
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """One after the other; what was done before a failure stays."""
    try:
        api = _api.api(params)
        found = [_alertmanager.matchers(one, f"silences[{n}]") for n, one in enumerate(params["silences"])]
        seconds = params["seconds"] or 0.0
        if params["state"] == "present" and not 1 <= seconds <= 86400:
            raise ValueError(f"seconds {params['seconds']!r} is not a number from 1 to 86400")
        if not params["by"].strip():
            raise ValueError("by is empty: say whose they are")
    except ValueError as error:
        raise Failed(str(error)) from error
    wanted = [_alertmanager.Wanted(one, params["by"], params["comment"]) for one in found]
    try:
        if params["state"] == "present":
            changes = [_alertmanager.silence(api, one, time.time(), seconds, check_mode) for one in wanted]
        else:
            changes = [_alertmanager.end(api, one, check_mode) for one in wanted]
    except _api.Unanswered as error:
        raise Failed(str(error)) from error
    what = "silenced" if params["state"] == "present" else "ended"
    return {"changed": any(changes), "msg": f"{sum(changes)} {what}, {len(changes) - sum(changes)} as they were"}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
