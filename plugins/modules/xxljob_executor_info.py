#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xxljob_executor_info
short_description: Read who is in a group of executors of XXL-JOB
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Reads the addresses to which the admin gives a group's jobs. Changes nothing.
requirements:
  - requests, on the host on which the module runs.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.xxljob
options:
  members:
    description: The executors for RV(readings), each as C(host:port) of its address.
    type: list
    elements: str
    default: []
  source:
    description: The name of the source. With it, RV(readings) is returned.
    type: str
  batch:
    description: Inventory hosts that share this call. The collection's action plugin makes it once for them all.
    type: list
    elements: str
seealso:
  - module: lossless.restart.xxljob_executor_state
"""

EXAMPLES = r"""
- name: Read a group
  lossless.restart.xxljob_executor_info:
    admin: ["http://xxl-job:8080/xxl-job-admin"]
    application: order-jobs
    auth: {file: /etc/lossless/xxljob}
  register: group

- name: Say who gets jobs
  ansible.builtin.debug:
    msg: "{{ group.addresses | join(', ') }}{{ '' if group.automatic else ' (set by hand)' }}"
"""

RETURN = r"""
msg:
  description: What was found, in one sentence.
  type: str
  returned: always
addresses:
  description: The addresses to which jobs go.
  type: list
  elements: str
  returned: success
automatic:
  description: Whether these are the executors that have registered, and not a list that a person has set.
  type: bool
  returned: success
readings:
  description: What the guard wants to know of this source. A member is V(up) where it is in the group, else V(gone).
  type: list
  elements: dict
  returned: when O(source) is given
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _xxljob, _xxljob_admin
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_xxljob.OPTIONS,
        "members": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "str"},
        "batch": {"type": "list", "elements": "str"},
    },
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads only: check mode is no different."""
    source, application = params["source"], params["application"]
    try:
        with contextlib.closing(_xxljob_admin.of(params)) as admin:
            group = admin.group(application)
    except (_xxljob.XxlJobError, ValueError) as error:
        raise Failed(str(error)) from error
    how = "who have registered" if group.automatic else "as a person has listed them"
    readings = [_xxljob.reading(source, application, group, params["members"])] if source else []
    return {
        "changed": False,
        "addresses": list(group.addresses),
        "automatic": group.automatic,
        "msg": f"{len(group.addresses)} executors of {application}, {how}",
        **({"readings": readings} if readings else {}),
    }


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
