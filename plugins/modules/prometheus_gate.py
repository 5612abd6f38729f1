#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""See whether what Prometheus says lets a restart go on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prometheus_gate
short_description: See whether what Prometheus says lets a restart go on
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Asks Prometheus each of O(gates), and fails where a value is not as it must be.
  - What is not known lets nothing go on. A query that gives nothing, a value that is NaN, a moment within C(for)
    without a value, and an answer with warnings fail the gate, and so does a server that does not answer.
  - Reads only. Whatever has Prometheus' HTTP API will do.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.api
options:
  gates:
    description: What must hold, all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      query:
        description: A query in PromQL that gives numbers. All of its series are looked at.
        type: str
        required: true
      comparison:
        description: What every value must be, a comparison with a number as in V(< 0.01).
        type: str
        required: true
      for:
        description:
          - Seconds for which it must have been so. V(0.0) looks at the present moment alone.
          - It is looked at 31 moments, and each second at the most.
        type: float
        default: 0.0
      name:
        description: What messages call it. By default the query.
        type: str
seealso:
  - module: lossless.restart.health_gate
  - module: lossless.restart.availability_guard
"""

EXAMPLES = r"""
- name: Go on only while hardly any request fails, and has been so for five minutes
  lossless.restart.prometheus_gate:
    url: http://prometheus.example.com:9090
    gates:
      - name: share of failed requests
        query: >-
          sum(rate(http_requests_total{service="order-svc", status=~"5.."}[1m]))
          / sum(rate(http_requests_total{service="order-svc"}[1m]))
        comparison: "< 0.01"
        for: 300
"""

RETURN = r"""
msg:
  description: What holds, or what does not and what was seen instead.
  type: str
  returned: always
  sample: "share of failed requests: was 0.03 12 s ago, and must be < 0.01"
ok:
  description: Whether all of them hold.
  type: bool
  returned: always
gates:
  description: By gate C(name), C(ok), and what was seen, C(saw).
  type: list
  elements: dict
  returned: when the arguments are valid
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _api, _prometheus
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

GATE: dict[str, Any] = {
    "query": {"type": "str", "required": True},
    "comparison": {"type": "str", "required": True},
    "for": {"type": "float", "default": 0.0},
    "name": {"type": "str"},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **_api.OPTIONS,
        "gates": {"type": "list", "elements": "dict", "required": True, "options": GATE},
    },
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Looks only: check mode is no different."""
    try:
        asked = _prometheus.Server(_api.api(params))
        gates = [_prometheus.gate(one, f"gates[{number}]") for number, one in enumerate(params["gates"])]
        if not gates:
            raise ValueError("gates is empty: a gate that looks at nothing proves nothing")
    except ValueError as error:
        raise Failed(str(error), {"ok": False}) from error
    seen = [(gate.name, *asked.ask(gate)) for gate in gates]
    told = [{"name": name, "ok": ok, "saw": saw} for name, ok, saw in seen]
    wrong = [f"{name}: {saw}" for name, ok, saw in seen if not ok]
    result: dict[str, Any] = {
        "ok": not wrong,
        "gates": told,
        "msg": "; ".join(wrong or [f"{name}: {saw}" for name, _ok, saw in seen]),
    }
    if wrong:
        raise Failed(result["msg"], result)
    return result


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
