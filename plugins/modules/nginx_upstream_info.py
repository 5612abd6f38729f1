#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_upstream_info
short_description: Read the upstreams, members and workers of an nginx
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Reads the whole configuration, with all that it includes, and says which upstreams there are in C(http) and
    C(stream), which members they have, and in which state, weight and file each stands.
  - Says which workers run, and what a reload can lose here.
  - Changes nothing.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.nginx
options:
  upstreams:
    description:
      - Only these upstreams; an empty list means all.
      - A name that there is none of is returned in RV(missing), and is no error.
    type: list
    elements: str
    default: []
  source:
    description: The inventory's name of this balancer. With it, RV(readings) is returned.
    type: str
  batch:
    description: Inventory hosts that share this call. The collection's action plugin makes it once for them all.
    type: list
    elements: str
  connections:
    description: Also count the established connections from nginx to each member.
    type: bool
    default: false
  tested:
    description: Also let nginx test its configuration, with O(test), and fail where it is broken.
    type: bool
    default: false
  state_dir:
    description: This host's directory for locks and tokens, from which RV(ignore:readings) have each member's ledger.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.nginx_upstream_member
"""

EXAMPLES = r"""
- name: Read one upstream
  lossless.restart.nginx_upstream_info:
    upstreams: [order_svc]
    source: lb-1
  register: balancer

- name: Say which members take no traffic
  ansible.builtin.debug:
    msg: "{{ balancer.upstreams[0].members | rejectattr('state', 'eq', 'up') | map(attribute='member') }}"
"""

RETURN = r"""
msg:
  description: What was found, in one sentence.
  type: str
  returned: always
upstreams:
  description: The upstreams, in nginx's order.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The upstream's name.
      type: str
    context:
      description: V(http) or V(stream).
      type: str
    files:
      description: The files that hold it.
      type: list
      elements: str
    members:
      description:
        - Its members. Each has C(member) as it is written, C(state) (V(up), V(down), V(drain) or V(backup)), C(weight),
          C(weight_written) (whether the weight stands in the file), C(addresses), C(file) and C(line).
      type: list
      elements: dict
missing:
  description: The names of O(upstreams) that there is no upstream of.
  type: list
  elements: str
  returned: success
workers:
  description: The C(master), its C(pids) and those C(shutting_down); C(error) says why they cannot be told.
  type: dict
  returned: success
  sample: {"master": 71, "pids": [72, 73], "shutting_down": []}
version:
  description: nginx's version.
  type: str
  returned: success
  sample: nginx/1.31.3
keepalive_min_timeout:
  description: Seconds; null where it is not set for all of C(http).
  type: float
  returned: success
proxy_next_upstream:
  description: Each such directive, as C(value), C(file) and C(line).
  type: list
  elements: dict
  returned: success
connections:
  description: Established connections from nginx to each member, by the member's name.
  type: dict
  returned: when O(connections=true)
readings:
  description: What the guard wants to know of this source.
  type: list
  elements: dict
  returned: when O(source) is given
log_positions:
  description: Where each access log that names the upstream's address ends now.
  type: list
  elements: dict
  returned: success
log_troubles:
  description:
    - By upstream, why M(lossless.restart.nginx_member_traffic) cannot judge its requests by a log, and what to add.
    - Empty where it can.
  type: dict
  returned: success
warnings:
  description: What a reload can lose here, and lines that send requests to a member past its upstream.
  type: list
  elements: str
  returned: when there is something to warn of
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _fence,
    _grammar,
    _nginx_change,
    _nginx_connection,
    _nginx_host,
    _nginx_log,
    _nginx_state,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._nginx_conf import ConfigError
from ansible_collections.lossless.restart.plugins.module_utils._nginx_state import Reading
from ansible_collections.lossless.restart.plugins.module_utils._nginx_upstream import MemberError, Upstream

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_nginx_state.OPTIONS,
        "upstreams": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "str"},
        "connections": {"type": "bool", "default": False},
        "tested": {"type": "bool", "default": False},
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
        "batch": {"type": "list", "elements": "str"},
    },
    "supports_check_mode": True,
}


def described(reading: Reading, upstream: Upstream) -> dict[str, Any]:
    """One upstream, as it is returned."""
    members = [
        {
            "member": server.member,
            "state": server.state,
            "weight": server.weight,
            "weight_written": server.weight_token is not None,
            "addresses": sorted(reading.resolver.addresses(server.member)),
            "file": server.line.file,
            "line": server.line.line,
        }
        for server in upstream.servers
    ]
    return {"name": upstream.name, "context": upstream.context, "files": upstream.files, "members": members}


def reading_for_guard(source: str, upstream: dict[str, Any], state_dir: str) -> dict[str, Any]:
    """One upstream, as the guard reads it; with each member the ledger under which it was changed last."""
    keys = ("member", "state", "weight", "addresses")
    members = [
        {
            **{key: member[key] for key in keys},
            "ledger": _fence.known(state_dir, _nginx_change.fenced(upstream["name"], member["member"])),
        }
        for member in upstream["members"]
    ]
    return {"kind": "nginx", "pool": f"nginx/{upstream['name']}", "source": source, "members": members}


def workers(reading: Reading) -> dict[str, Any]:
    try:
        master = reading.master()
    except _nginx_host.HostError as error:
        return {"master": None, "pids": [], "shutting_down": [], "error": str(error)}
    found = _nginx_host.workers(master)
    return {
        "master": master,
        "pids": [worker.pid for worker in found if not worker.shutting_down],
        "shutting_down": [worker.pid for worker in found if worker.shutting_down],
    }


def unread(reading: Reading, running: dict[str, Any]) -> list[str]:
    """That files changed since nginx read them: any reload makes live what somebody wrote there."""
    if running["master"] is None:
        return []
    files = _nginx_host.unread(sorted(reading.config.files), _nginx_host.workers(running["master"]))
    what = "our reload will make live what stands there"
    return [f"nginx has not read {', '.join(files)} since it changed: {what}"] if files else []


def connections(running: dict[str, Any], upstreams: list[dict[str, Any]]) -> dict[str, int]:
    """Established connections to each member; none where nginx does not run."""
    addresses = {member["member"]: member["addresses"] for upstream in upstreams for member in upstream["members"]}
    if running["master"] is None:
        return dict.fromkeys(addresses, 0)
    pids = [running["master"], *running["pids"], *running["shutting_down"]]
    counts = _nginx_connection.established(pids, {one for found in addresses.values() for one in found}).counts
    return {member: sum(counts[one] for one in found) for member, found in addresses.items()}


def read(params: dict[str, Any]) -> dict[str, Any]:
    names = [_grammar.word(name, "upstreams:") for name in params["upstreams"]]
    nginx = _nginx_state.from_params(params)
    reading = nginx.read()
    if params["tested"]:
        _nginx_change.test_untouched(nginx)
    chosen = [upstream for upstream in reading.upstreams if not names or upstream.name in names]
    found = [described(reading, upstream) for upstream in chosen]
    running = workers(reading)
    result: dict[str, Any] = {
        "upstreams": found,
        "missing": sorted(set(names) - {upstream.name for upstream in chosen}),
        "workers": running,
        "version": reading.built.text,
        "keepalive_min_timeout": _nginx_state.keepalive_min_timeout(reading.config),
        "proxy_next_upstream": list(_nginx_state.next_upstream(reading.config)),
        "log_positions": _nginx_log.positions(reading.config),
        "log_troubles": _nginx_log.all_troubles(reading.config, chosen),
        "warnings": [*_nginx_state.warnings(reading), *_nginx_state.beside(reading, chosen)],
    }
    if params["connections"]:
        result["connections"] = connections(running, found)
    if params["source"]:
        result["readings"] = [reading_for_guard(params["source"], upstream, params["state_dir"]) for upstream in found]
        if running["master"] is None:
            result["readings"] = [{"source": params["source"], "error": running["error"]}]
    count = sum(len(upstream["members"]) for upstream in found)
    live = sum(member["state"] == "up" for upstream in found for member in upstream["members"])
    unresolved = [f"{name} does not resolve: {why}" for name, why in reading.resolver.failed.items()]
    result["warnings"] += unresolved + unread(reading, running)
    result["msg"] = f"{count} members in {len(found)} upstreams, {live} of them up; {reading.built.text}"
    return result


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads only: check mode is no different."""
    try:
        return read(params)
    except (ConfigError, MemberError, _nginx_host.HostError, ValueError, OSError) as error:
        raise Failed(str(error)) from error


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
