#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nacos_instance_info
short_description: Read who is registered in services of Nacos
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Reads every instance of the services, disabled ones too. Changes nothing.
  - A service that Nacos does not know is an error, never an empty one.
requirements:
  - requests, on the host on which the module runs.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.nacos
options:
  members:
    description: The instances for RV(readings), each as Nacos lists it, as V(10.0.0.3:8080).
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
  - module: lossless.restart.nacos_instance_state
"""

EXAMPLES = r"""
- name: Read a service
  lossless.restart.nacos_instance_info:
    servers: ["http://nacos1:8848/nacos", "http://nacos2:8848/nacos"]
    services: [order-svc]
    auth: {file: /etc/lossless/nacos}
  register: orders

- name: Say who is disabled
  ansible.builtin.debug:
    msg: "{{ orders.services['order-svc'] | rejectattr('enabled') | map(attribute='member') }}"
"""

RETURN = r"""
msg:
  description: What was found, in one sentence.
  type: str
  returned: always
services:
  description:
    - By service its instances, each with C(member), C(state) (V(up), V(down), V(gone)), C(weight), C(enabled),
      C(healthy), C(ephemeral), C(cluster), C(metadata).
  type: dict
  returned: success
readings:
  description:
    - What the guard wants to know of this source. C(known) of a member is what restores it.
  type: list
  elements: dict
  returned: when O(source) is given
warnings:
  description: Servers that do not answer.
  type: list
  elements: str
  returned: when there is something to warn of
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _nacos, _nacos_client
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_nacos.OPTIONS,
        "members": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "str"},
        "batch": {"type": "list", "elements": "str"},
    },
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads only: check mode is no different."""
    try:
        with contextlib.closing(_nacos_client.of(params)) as client:
            url = client.answering()[0]
            services = {service: client.registered(url, service) for service in params["services"]}
    except (_nacos.NacosError, ValueError) as error:
        raise Failed(str(error)) from error
    silent = [f"{server} does not answer: {why}" for server, why in client.silent.items()]
    source, pool = params["source"], params["services"][0]
    return {
        "changed": False,
        "services": {name: [one.shown for one in found] for name, found in services.items()},
        "msg": ", ".join(f"{len(found)} instances of {name}" for name, found in services.items()),
        **({"warnings": silent} if silent else {}),
        **({"readings": [_nacos.reading(source, pool, services, params["members"])]} if source else {}),
    }


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
