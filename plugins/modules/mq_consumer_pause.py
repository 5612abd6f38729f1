#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mq_consumer_pause
short_description: Let an instance leave its consumer group before a stop, and prove that others do its work
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - No broker can make one client leave its group. The application has to do it, by its own endpoint or command. This
    module tells it (O(leave)), waits for its own word that it has finished (O(finished)), and proves by the brokers
    (O(broker)) that it has left, that others hold all its queues or partitions, that nothing of it is unacknowledged,
    that the group is stable, and that it does not fall behind.
  - These are two halves, each of them optional. O(leave) and O(join) run on the instance's own host. O(broker) runs on
    any host that has the broker's library.
  - To leave is not to pause. A consumer that only pauses or is suspended keeps its queues or partitions, and nobody
    else takes them. The brokers show that, and the task fails.
  - A member is back when as many clients as before are in the group, of another process, and hold their part.
requirements:
  - confluent-kafka 2.10 or later for O(broker=kafka), requests for O(broker=rabbitmq), on the host on which the module
    runs. RocketMQ needs no library.
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.brokers
  - lossless.restart.leases
  - lossless.restart.fence
options:
  state:
    description:
      - Whether the instance is to be in the group.
      - With O(leases), V(down) lets it leave, and V(before) puts back what was in the group when its lease was granted.
    type: str
    choices: [out, in, down, before]
    required: true
  source:
    description: With O(leases), the name that these brokers have in the service's description.
    type: str
  members:
    description:
      - The instances, each by its host as the broker sees it. With O(leave) or O(join), that one instance.
      - Where several clients of the group are on one host, the instance's own are named before it, as
        V(order-3@10.0.0.3), by the client id, the instance name or id, or the consumer tag. Several are separated by
        commas. Clients that cannot be told from each other are refused.
      - One that is not in the group cannot be told from a wrong name. It is refused, unless O(before) has it.
    type: list
    elements: str
    default: []
  before:
    description: What was there before, as RV(before) has it.
    type: dict
  leave:
    description:
      - How the application on this host is told to leave the group, for O(state=out). One of C(url), C(command),
        C(actuator_binding) and C(none).
    type: dict
    suboptions:
      url: &url
        description:
          - The application's own endpoint. It has to answer 2xx within O(deadline).
          - It has to be on this host, unless C(elsewhere) says that another one is meant.
        type: str
      method: &method
        description: How C(url) is asked.
        type: str
        choices: [POST, GET]
      json: &json
        description: What is sent to C(url) by POST, as JSON.
        type: dict
      headers_file: &headers_file
        description: Path of a file on this host with headers to be sent, a line C(Name:value) each.
        type: path
      ca_file: &ca_file
        description: Path of a file on this host with the certificates that the endpoint's is checked with.
        type: path
      elsewhere: &elsewhere
        description: Whether the endpoint may be on another host.
        type: bool
      command: &command
        description:
          - A command, as a list of words. It is run by no shell, and has to end with status 0 within O(deadline).
        type: list
        elements: str
      actuator_binding: &binding
        description:
          - A binding of Spring Cloud Stream, as C(url) (of the actuator's bindings) and C(name). It is told V(STOPPED)
            to leave and V(STARTED) to join, never paused.
          - Spring waits ten seconds for what a thread has taken, so set Kafka's C(max.poll.records) low enough. It
            names the client of each thread C(client.id) and a number, as in C(order-3-0).
        type: dict
      none: &none
        description: The application cannot be told. Nothing is done here; it leaves when it is stopped, if at all.
        type: bool
  join:
    description:
      - How it is told to join the group again without a restart, for O(state=in), in the same way.
      - A process that has just been started joins by itself, unless it was told to leave since. Without this, only
        another restart lets such a one come back.
    type: dict
    suboptions:
      url: *url
      method: *method
      json: *json
      headers_file: *headers_file
      ca_file: *ca_file
      elsewhere: *elsewhere
      command: *command
      actuator_binding: *binding
      none: *none
  finished:
    description:
      - What the application itself says when it has left and finished with what it had, as targets of
        M(lossless.restart.health_gate). Looked at from this host, and with O(state=out) throughout O(quiet).
      - Where all of it holds already, the application is not told to leave again. Where it does not, it is not told to
        join. Without it, it is told whatever it does, which must do no harm.
    type: list
    elements: dict
    default: []
  quiet:
    description: Seconds throughout which O(finished) has to hold. Must be shorter than O(deadline).
    type: float
    default: 0.0
  restarted:
    description: With O(state=in) and O(before), whether it has to be another process than the one that left.
    type: bool
    default: true
  consumed:
    description: With O(recheck), wait until the members have consumed something, where something waits for them.
    type: bool
    default: false
  last:
    description: Whether the last consumer of a group may leave it, so that its messages wait for somebody.
    type: bool
    default: false
  stays_for:
    description:
      - Seconds for which static members of Kafka keep their partitions after they have left, which is their
        C(session.timeout.ms). The broker does not tell it. Without it they are refused.
    type: float
  stays:
    description: Seconds for which that is allowed, at most.
    type: float
    default: 10.0
  settle:
    description: Seconds throughout which it has to be so, at least, over two looks or more.
    type: float
    default: 3.0
  recheck:
    description: Tell nobody, look once more, and fail where it is not any more as O(state) says.
    type: bool
    default: false
  deadline:
    description: Seconds to wait for the application's answer, again for O(finished), and again for the brokers.
    type: float
    default: 60.0
  interval:
    description: Seconds between two looks.
    type: float
    default: 0.5
  token:
    description:
      - The token of the lease. The host on which O(leave) and O(join) run keeps the highest that it has seen for the
        member of the group, and refuses a lower one. Without it nothing is checked.
    type: int
  state_dir:
    description: This host's directory for locks and tokens.
    type: path
    default: /var/lib/lossless_restart
seealso:
  - module: lossless.restart.mq_consumer_info
  - module: lossless.restart.health_gate
"""

EXAMPLES = r"""
- name: Let the consumer on this host leave its group, and wait until others do its work
  lossless.restart.mq_consumer_pause:
    state: out
    broker: rocketmq
    servers: ["mq1:9876", "mq2:9876"]
    group: order-consumer
    members: ["10.0.0.3"]
    leave: {url: "http://127.0.0.1:8080/internal/mq/leave"}
    finished:
      - url: http://127.0.0.1:8080/internal/status
        expect: {consuming: false, in_flight: 0}
  register: left

- name: Look once more, just before the stop
  lossless.restart.mq_consumer_pause:
    state: out
    recheck: true
    broker: rocketmq
    servers: ["mq1:9876", "mq2:9876"]
    group: order-consumer
    members: ["10.0.0.3"]
    before: "{{ left.before }}"

- name: After the restart, wait until it holds its part of the queues again
  lossless.restart.mq_consumer_pause:
    state: in
    broker: rocketmq
    servers: ["mq1:9876", "mq2:9876"]
    group: order-consumer
    members: ["10.0.0.3"]
    before: "{{ left.before }}"

- name: Stop a binding of Spring Cloud Stream, of which two instances are on this host
  lossless.restart.mq_consumer_pause:
    state: out
    broker: kafka
    servers: ["kafka1:9092", "kafka2:9092"]
    group: order-consumer
    members: ["order-3-0@10.0.0.3"]
    leave:
      actuator_binding: {url: "http://127.0.0.1:8081/actuator/bindings", name: order-in-0}
    finished:
      - {url: "http://127.0.0.1:8081/actuator/bindings/order-in-0", expect: {"0.state": stopped}}
"""

RETURN = r"""
msg:
  description: What was found or done and how it was proved, in one sentence.
  type: str
  returned: always
before:
  description: How it was, in the shape that O(before) takes.
  type: dict
  returned: when the arguments are valid
  contains:
    members:
      description: By member C(ids) of its clients and C(holding), how many queues or partitions they held.
      type: dict
after:
  description: How it is now, or would be in check mode, in the same shape.
  type: dict
  returned: when the arguments are valid
lag:
  description: Messages that wait in the group at the end.
  type: int
  returned: when the brokers were waited for
first_message:
  description: Seconds until the members had consumed something. Null where they did not, or nothing waited for them.
  type: float
  returned: for O(consumed)
seconds:
  description:
    - Seconds of each part. C(told) until the application answered, C(finished) for O(finished), C(gone) or C(joined)
      and C(settle) for the brokers, C(consumed) for O(consumed).
  type: dict
  returned: when the arguments are valid
waited:
  description: All of them together.
  type: float
  returned: when the arguments are valid
warnings:
  description:
    - What interrupts messages at the end of a client, what cannot be drained for certain, and partitions that nobody
      takes for a while.
  type: list
  elements: str
  returned: when there is something to warn of
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _fence,
    _leased,
    _lever,
    _mq_brokers,
    _mq_task,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._fence import Fenced
from ansible_collections.lossless.restart.plugins.module_utils._files import LockTimeout
from ansible_collections.lossless.restart.plugins.module_utils._lever import LeverError
from ansible_collections.lossless.restart.plugins.module_utils._mq_group import MqError
from ansible_collections.lossless.restart.plugins.module_utils._mq_leaving import Telling
from ansible_collections.lossless.restart.plugins.module_utils._mq_proof import Proof
from ansible_collections.lossless.restart.plugins.module_utils._mq_turn import Turn
from ansible_collections.lossless.restart.plugins.module_utils._poll import NotProved

_LEVER: dict[str, Any] = {
    **_lever.OPTION,
    "options": {**_lever.OPTION["options"], "actuator_binding": {"type": "dict"}, "none": {"type": "bool"}},
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        **_mq_brokers.OPTIONS,
        **_leased.OPTIONS,
        "state": {"type": "str", "choices": ["out", "in", "down", "before"], "required": True},
        "source": {"type": "str"},
        "members": {"type": "list", "elements": "str", "default": []},
        "before": {"type": "dict"},
        "leave": _LEVER,
        "join": _LEVER,
        "finished": {"type": "list", "elements": "dict", "default": []},
        "quiet": {"type": "float", "default": 0.0},
        "restarted": {"type": "bool", "default": True},
        "consumed": {"type": "bool", "default": False},
        "last": {"type": "bool", "default": False},
        "stays_for": {"type": "float"},
        "stays": {"type": "float", "default": 10.0},
        "settle": {"type": "float", "default": 3.0},
        "recheck": {"type": "bool", "default": False},
        "deadline": {"type": "float", "default": 60.0},
        "interval": {"type": "float", "default": 0.5},
        "token": {"type": "int", "no_log": False},
        "ledger": _fence.OPTION,
        "state_dir": {"type": "path", "default": "/var/lib/lossless_restart"},
    },
    "required_by": {"broker": ("servers", "group")},
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Let the instance leave or come back, and prove it."""
    turn = None
    try:
        task = _mq_task.task(params)
        with contextlib.ExitStack() as stack:
            proof = None
            if params["broker"] is not None:
                reader = stack.enter_context(contextlib.closing(_mq_brokers.reader(params)))
                proof = Proof(reader, task.members, task.known, task.last)
            telling = Telling(task, task.lever) if task.lever and not task.lever.none else None
            turn = Turn(task, telling, proof, check_mode)
            said = turn.run()
    except (NotProved, MqError, LeverError, Fenced, LockTimeout, ValueError, OSError) as error:
        who = f"{task.who}: " if turn and not str(error).startswith(task.who) else ""
        raise Failed(f"{who}{error}", turn.result if turn else {}) from error
    return {**turn.result, "msg": f"{task.who}: {said}"}


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
