#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: dubbo_provider_state
short_description: Take a Dubbo provider out of traffic, and put it back in
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Has two halves, each of them optional. O(qos) tells a process on the host on which the module runs to leave the
    registries or to come back. O(registries) proves that it did, from any host that has kazoo.
  - Where QoS cannot be used, O(via=rule) and O(via=registry) write to the registries instead, which needs no O(qos).
  - One call does both where kazoo is on the instance's host. Else the command and the proof are a call each, and the
    proof takes O(before), which the same call with C(check_mode) gave before the command.
  - A member is out when it is absent from every registry on every level, for as long as its consumers may need to
    hear of it. By O(via=rule) it is out when in every registry a rule takes each of its services from all consumers,
    for as long. Whatever is there at the deadline fails the task, and is named.
  - A member is back when all that it offered is registered on every level by another process than before, and no node
    of an earlier process is left.
  - A service that somebody had taken offline before stays so. Where a new process registered it, it is taken offline
    again.
requirements:
  - The Python library kazoo 2.11 or later for O(registries), on the host on which the module runs.
  - PyYAML for rules of Dubbo 2.7 and later.
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.zookeeper
  - lossless.restart.leases
  - lossless.restart.fence
options:
  state:
    description:
      - Whether the instance is to be in traffic.
      - With O(leases), V(down) takes it out, and V(before) puts back what was in traffic when its lease was granted.
    type: str
    choices: [out, in, down, before]
    required: true
  source:
    description: With O(leases), the name that these registries have in the service's description.
    type: str
  first_call:
    description: With O(leases), wait until the instance is called, where its entry in C(instance_traffic) has C(calls).
    type: bool
    default: false
  via:
    description:
      - The way out. V(graceful) is QoS C(gracefulShutdown), by which the consumers of the dubbo protocol hear on their
        own connections. It is there from Dubbo 3.2.1 on. V(qos) is QoS C(offline), which every version has.
      - V(auto) takes V(graceful) where the version has it, and else V(qos). Without O(qos) it changes nothing.
        RV(chose) and RV(why) say it. V(rule) and V(registry) are taken only where they are asked for by name.
      - Where O(qos) is not given, V(graceful) and V(qos) say which way was taken before, by which the least O(settle)
        is chosen.
      - V(rule) is a rule C(disabled) in every registry, which consumers of Dubbo heed since 2.7.4, at
        C(/GROUP/config/dubbo/INTERFACE:VERSION:GROUP.configurators). It outlasts a restart, until O(state=in) with
        V(rule) takes it out. Entries of other people stay byte for byte, and keep out what they kept out. A node that
        was made for the rule is deleted again, the nodes above it are not. Our entries are known by their parameter
        C(lossless.restart), whose value is the member. QoS is not used.
      - V(rule) breaks the calls that consumers of the application level have under way (16 of 9,043 where it was
        measured). Consumers that ask for any group or version (V(*)) do not hear of it. A node whose list of entries is
        empty is refused, since consumers do not hear of a list that becomes empty.
      - V(registry) deletes the nodes of the members. The process is not told, and its C(ls) still says Y. It comes back
        by a restart, or by O(state=in) with V(registry), O(qos) and O(restarted=false), which gives it C(offline) and
        then C(online). The last resort.
    type: str
    choices: [auto, graceful, qos, rule, registry]
    default: auto
  qos:
    description:
      - QoS port of the process on the host on which the module runs. It is told at 127.0.0.1, over HTTP, which every
        version answers that has QoS at all, from 2.5.8 on.
      - Not used with O(via=rule), nor to go out by O(via=registry).
    type: int
  registries:
    description:
      - Where the application is registered, each as V(zookeeper://zk1:2181,zk2:2181), with a chroot where there is one.
      - Needs O(application) and O(members). Has to be given for O(via=rule) and O(via=registry).
    type: list
    elements: str
  group:
    description: The registries' group, which is the node below which Dubbo keeps everything.
    type: str
    default: dubbo
  application:
    description: The application's name in Dubbo.
    type: str
  levels:
    description:
      - On which levels each member is to be registered, for O(state=in). An absence is always looked for on both.
      - By default on those that its own URL tells of; without one on those that its application uses.
    type: list
    elements: str
    choices: [application, interface]
    default: []
  members:
    description:
      - The instances as C(host:port), by the addresses that the registry has. One address of an instance is enough.
        What its session has registered elsewhere, by other protocols, belongs to it.
      - With O(qos), that one process.
      - One that is listed nowhere cannot be told from a wrong name. It is refused, unless O(before) has it, or the
        process at O(qos) says that it has nothing registered.
      - One at whose address another application is registered too is refused for O(state=out).
    type: list
    elements: str
    default: []
  before:
    description:
      - What was there before, as RV(before) has it, or C(services) as C(qos.services) of
        M(lossless.restart.dubbo_provider_info).
      - Without it V(in) brings back all services, and another process is not asked for.
    type: dict
  services:
    description:
      - Only these services of the provider, by their keys as Dubbo writes them, C(group/interface:version). Neither
        patterns nor parts of names are taken. An empty list means all.
      - Not with O(via=graceful) and O(via=registry), which take the whole provider. V(auto) takes V(qos).
      - Then the proof is of these services alone. Where the registry does not say which services an instance offers on
        the application level (no C(metadata-type=remote)), the interface level and O(qos) prove it, with a warning;
        where there is neither, the task fails.
    type: list
    elements: str
    default: []
  restarted:
    description:
      - With O(state=in) and O(before), whether it has to be another process. V(false) is for an instance that goes back
        in without a restart.
    type: bool
    default: true
  starting:
    description:
      - Whether the process at O(qos) may only just have been started. Then it is waited for, up to O(deadline), until
        it answers and has what O(before) has, and for 3 seconds more until it has registered that by itself.
      - With O(state=in), O(before) and O(restarted) it is waited for in any case.
    type: bool
    default: false
  attaches:
    description:
      - How a process that starts comes into the registries. V(itself) says that it registers itself, which may be
        before its health is known. V(online) says that it is set to wait, so that nothing of it is there until
        O(state=in) gives it QoS C(online), for what was in traffic before and for services that are new.
      - It changes O(state=in) with O(before) and O(restarted) alone. A process that did not wait is warned of, with
        what it had registered.
      - Dubbo 3.3.6 waits with C(dubbo.application.manual-register=true) and C(dubbo.provider.delay=-1), with neither
        alone; by its source that is so from 3.2.5 on. Dubbo 2.7.23 waits with C(dubbo.provider.register=false), which
        on 3.3.6 leaves nothing that C(online) could register. A registry with C(register=false) is of no use on either.
      - A process that waits is in no registry after a crash either, until somebody gives it C(online).
    type: str
    choices: [itself, online]
    default: itself
  settle:
    description:
      - Seconds throughout which a member has to be absent, at least.
      - By default V(1) after C(gracefulShutdown) where it serves by the dubbo protocol alone, V(6) after C(offline),
        since consumers of Dubbo 3 hear of changes once in 5 seconds, and V(11) where it serves by another protocol.
        V(6) after a rule, of which consumers hear at once unless they are busy with such a change.
      - Where all consumers are of Dubbo 2, V(1) is enough.
    type: float
  idle:
    description:
      - What says that nothing is in flight at the instance, as O(lossless.restart.health_gate#module:targets). For
        O(state=out) with O(registries), looked at from the host on which the module runs.
    type: list
    elements: dict
    default: []
  quiet:
    description: Seconds throughout which O(idle) has to hold. Must be shorter than O(deadline).
    type: float
    default: 2.0
  calls:
    description:
      - A counter of calls at the instance, looked at every O(interval) from the host on which the module runs.
      - For O(state=out) with O(registries), RV(last_call) says when it grew last. For O(state=in) it has to grow before
        the task ends well, and RV(first_call) says when it did.
    type: dict
    suboptions:
      url:
        description: Answers with a JSON document.
        type: str
        required: true
      field:
        description: The dotted path of the counter in it, as V(served) or V(calls.total).
        type: str
        required: true
  recheck:
    description: Change nothing, look once more, and fail where it is not any more as O(state) says.
    type: bool
    default: false
  deadline:
    description: Seconds to wait for the process to say that it is done, again for the registries, and for O(idle).
    type: float
    default: 90.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  token:
    description:
      - The token of the lease. The host on which the module runs keeps the highest that it has seen for the process at
        O(qos), or for each of O(members) where the registries are written, and refuses a lower one. Where nothing is
        changed, nothing is kept.
      - Without it nothing is checked.
    type: int
  state_dir:
    description: This host's directory for locks and tokens.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.dubbo_provider_info
  - module: lossless.restart.health_gate
"""

EXAMPLES = r"""
- name: Take the provider on this host out, and wait until nobody calls it
  lossless.restart.dubbo_provider_state:
    state: out
    qos: 22222
    registries: ["zookeeper://zk1:2181,zk2:2181,zk3:2181"]
    application: order-svc
    members: ["10.0.0.3:20880"]
    idle:
      - url: http://127.0.0.1:8080/internal/status
        expect: {in_flight: 0}
  register: taken

- name: Look once more, just before the stop
  lossless.restart.dubbo_provider_state:
    state: out
    registries: ["zookeeper://zk1:2181,zk2:2181,zk3:2181"]
    application: order-svc
    members: ["10.0.0.3:20880"]
    before: "{{ taken.before }}"
    recheck: true

- name: After the restart, wait until all of it is back
  lossless.restart.dubbo_provider_state:
    state: in
    qos: 22222
    registries: ["zookeeper://zk1:2181,zk2:2181,zk3:2181"]
    application: order-svc
    members: ["10.0.0.3:20880"]
    before: "{{ taken.before }}"

- name: Where QoS is off, keep it from its consumers by a rule, and say when it was called last
  lossless.restart.dubbo_provider_state:
    state: out
    via: rule
    registries: ["zookeeper://zk1:2181,zk2:2181,zk3:2181"]
    application: order-svc
    members: ["10.0.0.3:20880"]
    calls: {url: "http://10.0.0.3:8080/internal/status", field: served}
  register: barred

- name: After the restart, take the rule away and wait for the first call
  lossless.restart.dubbo_provider_state:
    state: in
    via: rule
    registries: ["zookeeper://zk1:2181,zk2:2181,zk3:2181"]
    application: order-svc
    members: ["10.0.0.3:20880"]
    before: "{{ barred.before }}"
    calls: {url: "http://10.0.0.3:8080/internal/status", field: served}
"""

RETURN = r"""
msg:
  description: What was found or done and how it was proved, in one sentence.
  type: str
  returned: always
chose:
  description: The way out that was chosen, V(graceful), V(qos), V(rule) or V(registry). Null where nothing is changed.
  type: str
  returned: for O(state=out) with O(qos), or where O(via) is V(auto), V(rule) or V(registry)
why:
  description: Why this way, for people.
  type: str
  returned: with RV(chose)
written:
  description:
    - The nodes that are written, with C(registry), C(path), and C(done), which is V(made), V(changed) or V(deleted).
  type: list
  elements: dict
  returned: for O(via=rule), and O(state=out) with O(via=registry)
  sample: [{"registry": "zookeeper://zk1:2181", "path": "/dubbo/config/dubbo/lab.Echo::.configurators", "done": "made"}]
before:
  description: How it was, in the shape that O(before) takes.
  type: dict
  returned: when the arguments are valid
  contains:
    services:
      description: By the service's key where it was registered, as the process said, for O(qos).
      type: dict
    members:
      description:
        - By member C(services) (those that were in traffic), C(protocols), and C(nodes), each with C(registry),
          C(level), C(path), C(pid), C(timestamp), C(session), C(created) and C(stale), for O(registries).
      type: dict
after:
  description: How it is now, or would be in check mode, in the same shape.
  type: dict
  returned: when the arguments are valid
gone:
  description:
    - Every node of the members that was seen, with C(member), C(registry), C(level), C(path), and C(after), the seconds
      from the command's end after which it was absent. Null where it is still there.
  type: list
  elements: dict
  returned: when an absence was waited for
barred:
  description: Each service of the members in each registry, as C(member), C(registry), C(service) and C(by), its rules.
  type: list
  elements: dict
  returned: for O(state=out) with O(via=rule)
last_call:
  description:
    - Seconds from the command's end, or where nothing was changed from its beginning, until O(calls) was last seen to
      grow. Null where it never grew.
  type: float
  returned: for O(state=out) with O(calls)
first_call:
  description: Seconds from the command's end until O(calls) was seen to grow.
  type: float
  returned: for O(state=in) with O(calls)
settle:
  description: C(seconds) throughout which the members had to be out, and C(why) so many.
  type: dict
  returned: when that was waited for
seconds:
  description:
    - Seconds of each part. C(started) until a process that has just been started had its services, C(command) until it
      said that it is done, C(absent) or C(barred), and C(settle) for the registries, C(quiet) for O(idle),
      C(registered) and C(called) for V(in).
  type: dict
  returned: when the arguments are valid
waited:
  description: All of them together.
  type: float
  returned: when the arguments are valid
warnings:
  description:
    - Services that lose their last provider, consumers that would not notice that, known bugs of the version, services
      that are registered on some levels only, a process that did not wait as O(attaches) says, what a rule breaks, what
      a deleted node leaves undone, what cannot be seen of single services, and a O(settle) that is shorter than what
      consumers may need.
  type: list
  elements: str
  returned: when there is something to warn of
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _dubbo_half,
    _dubbo_task,
    _dubbo_way,
    _fence,
    _leased,
    _zookeeper_place,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_application import LEVELS
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_calls import Uncounted
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_proof import Proof, Registries
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_qos import QosError
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_registry import RegistryError
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_turn import Turn
from ansible_collections.lossless.restart.plugins.module_utils._fence import Fenced
from ansible_collections.lossless.restart.plugins.module_utils._files import LockTimeout
from ansible_collections.lossless.restart.plugins.module_utils._poll import NotProved

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_zookeeper_place.OPTIONS,
        **_leased.OPTIONS,
        "state": {"type": "str", "choices": ["out", "in", "down", "before"], "required": True},
        "source": {"type": "str"},
        "first_call": {"type": "bool", "default": False},
        "via": {"type": "str", "choices": list(_dubbo_way.WAYS), "default": _dubbo_way.AUTO},
        "qos": {"type": "int"},
        "registries": {"type": "list", "elements": "str"},
        "group": {"type": "str", "default": "dubbo"},
        "application": {"type": "str"},
        "levels": {"type": "list", "elements": "str", "choices": list(LEVELS), "default": []},
        "members": {"type": "list", "elements": "str", "default": []},
        "before": {"type": "dict"},
        "services": {"type": "list", "elements": "str", "default": []},
        "restarted": {"type": "bool", "default": True},
        "starting": {"type": "bool", "default": False},
        "attaches": {"type": "str", "choices": list(_dubbo_way.ATTACHES), "default": _dubbo_way.ITSELF},
        "settle": {"type": "float"},
        "idle": {"type": "list", "elements": "dict", "default": []},
        "quiet": {"type": "float", "default": 2.0},
        "calls": {
            "type": "dict",
            "options": {"url": {"type": "str", "required": True}, "field": {"type": "str", "required": True}},
        },
        "recheck": {"type": "bool", "default": False},
        "deadline": {"type": "float", "default": 90.0},
        "interval": {"type": "float", "default": 0.5},
        "token": {"type": "int", "no_log": False},
        "ledger": _fence.OPTION,
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
    },
    "required_one_of": [("registries", "qos", "leases")],
    "required_by": {"registries": "application"},
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take the instance out or put it back, and prove it."""
    turn = None
    try:
        task = _dubbo_task.task(params)
        with contextlib.ExitStack() as stack:
            registries = stack.enter_context(contextlib.closing(Registries(params))) if task.members else None
            proof = Proof(registries, task.members, task.known, services=task.services) if registries else None
            change = _dubbo_half.half(task, registries.all if registries else (), proof)
            turn = Turn(task, change, proof, check_mode)
            said = turn.run()
    except (NotProved, QosError, RegistryError, Uncounted, Fenced, LockTimeout, ValueError, OSError) as error:
        who = f"{task.who}: " if turn and not str(error).startswith(task.who) else ""
        raise Failed(f"{who}{error}", turn.result if turn else {}) from error
    return {**turn.result, "msg": f"{task.who}: {said}"}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
