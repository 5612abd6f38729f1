#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: dubbo_provider_info
short_description: Read which providers of a Dubbo application are registered, and who is kept from them
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Reads the registries of an application in ZooKeeper, on the interface level and on the application level, and says
    of each service where it is offered, by which process, and which rules take a provider from its consumers.
  - Where asked, reads as well what the process on this host says of itself, at its QoS port.
  - Changes nothing.
  - A provider is V(up) where it is registered in every registry on every level that is wanted of it, by a node that no
    later process has made stale, and where no rule takes it from all consumers. That says nothing of its health, nor
    that its process lives. After a kill its nodes stay until their session ends.
  - On the application level an instance does not say what it offers. Where the registry has no metadata of it
    (C(metadata-type=remote)), its interfaces are those of the mapping, without group and version, and whether a single
    service of it was taken offline can be told only by the interface level and by QoS.
  - Nodes that cannot be read are named among the warnings.
requirements:
  - The Python library kazoo 2.11 or later for O(registries), on the host on which the module runs.
  - PyYAML for rules of Dubbo 2.7 and later.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.zookeeper
options:
  registries:
    description:
      - Where the application is registered, each as V(zookeeper://zk1:2181,zk2:2181), with a chroot where there is one.
      - It has to be in each of them. Needs O(application).
    type: list
    elements: str
  group:
    description:
      - The registries' group, which is the node below which Dubbo keeps everything.
      - With another one than the default also the application level is below it, as it is since Dubbo 3.0.9.
    type: str
    default: dubbo
  application:
    description: The application's name in Dubbo.
    type: str
  interfaces:
    description:
      - Only these interfaces of the application; an empty list means all.
      - One that it does not offer is returned in RV(missing), and is no error.
    type: list
    elements: str
    default: []
  levels:
    description:
      - On which levels each provider is to be registered.
      - By default on those that its own URL tells of; without one on those that its application uses.
    type: list
    elements: str
    choices: [application, interface]
    default: []
  members:
    description:
      - The instances as C(host:port), by the addresses that the registry has, for RV(readings). One that does not offer
        a service is V(down) there.
    type: list
    elements: str
    default: []
  source:
    description: The name of these registries together. With it, RV(readings) is returned.
    type: str
  batch:
    description: Inventory hosts that share this call. The collection's action plugin makes it once for them all.
    type: list
    elements: str
  pool:
    description: Keep what the process at O(qos) has registered for the lease of this pool's traffic point.
    type: str
  qos:
    description: QoS port of the process on the host on which the module runs. It is asked at 127.0.0.1.
    type: int
  deadline:
    description: Seconds for each answer of O(qos).
    type: float
    default: 5
seealso:
  - module: lossless.restart.nginx_upstream_info
"""

EXAMPLES = r"""
- name: Read where an application is registered
  lossless.restart.dubbo_provider_info:
    registries: ["zookeeper://zk1:2181,zk2:2181,zk3:2181"]
    application: order-svc
  register: dubbo

- name: Say which providers take no calls, and why
  ansible.builtin.debug:
    msg: "{{ item.service }}: {{ item.providers | rejectattr('state', 'eq', 'up') | list }}"
  loop: "{{ dubbo.services }}"

- name: Ask the process on this host what it has registered
  lossless.restart.dubbo_provider_info:
    qos: 22222
"""

RETURN = r"""
msg:
  description: What was found, in one sentence.
  type: str
  returned: always
services:
  description: The services of the application, by their keys.
  type: list
  elements: dict
  returned: when O(registries) is given
  contains:
    service:
      description: The key as Dubbo writes it, C(group/interface:version).
      type: str
      sample: g1/lab.Echo:1.0.0
    interface:
      description: Its interface.
      type: str
    group:
      description: Its group; empty where it has none, or where it is not known.
      type: str
    version:
      description: Its version; empty where it has none, or where it is not known.
      type: str
    known_by:
      description:
        - What says that there is such a service, V(interface) (a URL), V(metadata) or V(mapping).
        - The mapping knows no groups and versions, and is never cleaned.
      type: str
    others:
      description: Other applications that offer it on the interface level.
      type: list
      elements: str
    mapped:
      description: Further applications that the mapping names for its interface; they may offer it, or did once.
      type: list
      elements: str
    providers:
      description:
        - Each has C(member) (C(host:port)), C(state) (V(up) or V(down)), C(protocol), C(host), C(port), C(application),
          C(release) (Dubbo's version), C(pid) (null where it is not said, as by 3.3), C(timestamp) (of its export, in
          milliseconds) and C(weight).
        - C(levels) on which it is registered, C(missing) those where it should be and is not, C(disabled_by) the nodes
          that take it from all consumers, C(stale) the nodes that a process before it left.
        - "C(nodes), the newest last: C(registry), C(level), C(path), C(pid), C(timestamp), C(session), C(created) and
          C(stale) of each."
      type: list
      elements: dict
rules:
  description:
    - The rules that take providers of these services from consumers. Each has C(path), C(service) (null for all),
      C(providers) (empty for all) and C(only), which says for whom alone it is and is empty where it is for everybody.
  type: list
  elements: dict
  returned: when O(registries) is given
missing:
  description: The names of O(interfaces) that the application does not offer.
  type: list
  elements: str
  returned: when O(registries) is given
readings:
  description:
    - What the guard wants to know of this source, one pool C(dubbo/APPLICATION). A member is V(up) where all that it
      offers is up, on every level and by all of its protocols, V(gone) where nothing of it is registered, V(partly)
      where not all of that is, and V(down) where a rule takes it out or nothing says what it offers.
    - C(parts) has by service the members that offer it, and those that are gone, since they may have offered it.
    - C(known) of a member is what tells its process from another one later.
  returned: when O(source) is given
  type: list
  elements: dict
qos:
  description:
    - What the process says of itself. C(version) of Dubbo and C(ready), null where its version has no such command.
    - C(services), by key where each is registered, as C(registry), C(level) and C(registered). Dubbo 2 says only
      whether it is.
  type: dict
  returned: when O(qos) is given
  sample: {"port": 22222, "version": "3.3.6", "ready": true, "services": {"lab.Echo": [
    {"registry": "zookeeper", "level": "application", "registered": true}]}}
warnings:
  description:
    - The last provider of a service, other applications on it, nodes of earlier processes, versions of Dubbo with known
      bugs, what cannot be known here, and what could not be read.
  type: list
  elements: str
  returned: when there is something to warn of
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _dubbo_application,
    _dubbo_contents,
    _dubbo_pool,
    _dubbo_reading,
    _dubbo_services,
    _dubbo_switch,
    _dubbo_url,
    _dubbo_warnings,
    _grammar,
    _ledger,
    _zookeeper_place,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_application import LEVELS, Application
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_qos import Qos, QosError
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_registry import Registry, RegistryError
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_services import UP, Offer

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_zookeeper_place.OPTIONS,
        "registries": {"type": "list", "elements": "str"},
        "group": {"type": "str", "default": "dubbo"},
        "application": {"type": "str"},
        "interfaces": {"type": "list", "elements": "str", "default": []},
        "levels": {"type": "list", "elements": "str", "choices": list(LEVELS), "default": []},
        "members": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "str"},
        "batch": {"type": "list", "elements": "str"},
        "pool": {"type": "str"},
        "qos": {"type": "int"},
        "deadline": {"type": "float", "default": 5.0},
    },
    "required_one_of": [("registries", "qos")],
    "required_by": {"registries": "application", "source": "registries"},
    "supports_check_mode": True,
}


def applications(params: dict[str, Any]) -> list[Application]:
    """The application as each registry has it. Raises RegistryError where one has nothing of it."""
    name = _grammar.word(params["application"], "application")
    if not params["registries"]:
        raise ValueError("registries is empty: name where the application is registered")
    read = []
    for address in params["registries"]:
        registry = Registry(address, params["group"], params["auth"], params["tls"])
        with contextlib.closing(registry):
            found = Application(name, registry.read(name), params["levels"])
        if nothing := _dubbo_application.absent(found):
            raise RegistryError(nothing)
        read.append(found)
    return read


def rules(read: list[Application], offers: list[Offer]) -> list[dict[str, Any]]:
    """The rules that concern these services."""
    services = {offer.service for offer in offers}
    return [
        {
            "path": _dubbo_url.shown(rule.path),
            "service": rule.service.key if rule.service else None,
            "providers": list(rule.providers),
            "only": rule.only,
        }
        for one in read
        for rule in one.contents.rules
        if rule.service is None or rule.service in services
    ]


def missing(params: dict[str, Any], read: list[Application], offers: list[Offer]) -> dict[str, str]:
    """The interfaces that were asked for and are not offered: what there is instead."""
    offered = {offer.service.interface for offer in offers}
    there = sorted({name for one in read for name in one.contents.interfaces})
    name = params["application"]
    return {
        wanted: f"{name} does not offer the interface {wanted}; there is {_dubbo_contents.instead(wanted, there)}"
        for wanted in params["interfaces"]
        if wanted not in offered
    }


def registered(params: dict[str, Any]) -> dict[str, Any]:
    """What the registries have."""
    members = _dubbo_reading.named(params["members"])
    read = applications(params)
    offers = _dubbo_services.offers(read, params["interfaces"])
    not_offered = missing(params, read, offers)
    found = [offer.facts() for offer in offers]
    states = [provider["state"] for offer in found for provider in offer["providers"]]
    result: dict[str, Any] = {
        "services": found,
        "rules": rules(read, offers),
        "missing": sorted(not_offered),
        "warnings": [*not_offered.values(), *_dubbo_warnings.of(read, offers)],
        "msg": f"{read[0].name}: {len(found)} services, {len(states)} providers, {states.count(UP)} of them up",
    }
    if params["source"]:
        result["readings"] = [_dubbo_pool.reading(params["source"], read, members)]
    return result


def asked(port: int, deadline: float) -> dict[str, Any]:
    """What the process behind a QoS port says."""
    if not 0 < port < 65536:
        raise ValueError(f"qos {port!r} is no port from 1 to 65535")
    if not 0 < deadline <= 60:
        raise ValueError(f"deadline {deadline!r} is not a number of seconds above 0 and up to 60")
    qos = Qos(port, deadline)
    services = _dubbo_switch.facts(qos.services())
    return {"port": port, "version": qos.version(), "ready": qos.ready(), "services": services}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads only: check mode is no different."""
    result: dict[str, Any] = {}
    try:
        if params["registries"] is not None:
            result = registered(params)
        if params["qos"] is not None:
            said = asked(params["qos"], params["deadline"])
            told = (
                f"qos port {said['port']} has {len(said['services'])} services of Dubbo {said['version'] or 'unknown'}"
            )
            result = {**result, "qos": said, "msg": "; ".join(filter(None, [result.get("msg"), told]))}
    except (RegistryError, QosError, _ledger.Refused, ValueError) as error:
        source = params["source"]
        raise Failed(str(error), {"readings": [{"source": source, "error": str(error)}]} if source else {}) from error
    return result


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
