#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: mq_consumer_info
short_description: Read who is in a consumer group, and what each of them holds
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Reads a consumer group of RocketMQ, Kafka or RabbitMQ from its brokers, and says which clients are in it, which
    queues or partitions each of them holds, and how many messages wait.
  - Changes nothing. RocketMQ is asked by read requests alone.
  - A group that cannot be proved to exist is an error, never an empty one.
requirements:
  - confluent-kafka 2.10 or later for O(broker=kafka), requests for O(broker=rabbitmq), on the host on which the module
    runs. RocketMQ needs no library.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.brokers
options:
  broker:
    required: true
  servers:
    required: true
  group:
    required: true
  members:
    description:
      - The instances for RV(readings), each by its host as the broker sees it.
      - Where several clients of the group are on one host, the instance's own are named before it, as
        V(order-3@10.0.0.3), by the client id, the instance name or id, or the consumer tag. Several are separated by
        commas.
    type: list
    elements: str
    default: []
  source:
    description: The name of these brokers. With it, RV(readings) is returned.
    type: str
  batch:
    description: Inventory hosts that share this call. The collection's action plugin makes it once for them all.
    type: list
    elements: str
seealso:
  - module: lossless.restart.mq_consumer_pause
"""

EXAMPLES = r"""
- name: Read a group of RocketMQ
  lossless.restart.mq_consumer_info:
    broker: rocketmq
    servers: ["mq1:9876", "mq2:9876"]
    group: order-consumer
  register: orders

- name: Say who holds what
  ansible.builtin.debug:
    msg: "{{ item.names[0] }} at {{ item.host }} holds {{ item.holds | join(', ') }}"
  loop: "{{ orders.consumers }}"
"""

RETURN = r"""
msg:
  description: What was found, in one sentence.
  type: str
  returned: always
state:
  description:
    - V(stable) where it is certain who holds what, V(moving) while that changes, V(empty) where nobody is in the group,
      V(unknown) where a client or a broker does not say it.
  type: str
  returned: success
consumers:
  description: The clients in the group.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: What the broker tells it from all others by.
      type: str
    names:
      description: By what a person may name it.
      type: list
      elements: str
    host:
      description: Its address as the broker sees it.
      type: str
    holds:
      description: The queues or partitions that it has.
      type: list
      elements: str
    unacked:
      description: Messages that it was given and has not acknowledged. Null where the broker does not know it.
      type: int
    stays:
      description: Whether it keeps what it holds for a while after it has left, as a static member of Kafka does.
      type: bool
    facts:
      description: What else the brokers know of it.
      type: dict
unheld:
  description: The queues or partitions that nobody holds.
  type: list
  elements: str
  returned: success
lag:
  description: Messages that wait, in all.
  type: int
  returned: success
lags:
  description: The same by queue or partition.
  type: dict
  returned: success
readings:
  description:
    - What the guard wants to know of this source, one pool C(BROKER/GROUP). A member is V(up) where all of its clients
      are in the group, V(gone) where none of them is, and else V(partly).
    - C(known) of a member is what tells its clients from later ones.
  type: list
  elements: dict
  returned: when O(source) is given
warnings:
  description: What a person should know of the group before somebody leaves it.
  type: list
  elements: str
  returned: when there is something to warn of
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _mq_brokers, _mq_member, _mq_pool
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._mq_group import Group, MqError

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_mq_brokers.OPTIONS,
        "broker": {**_mq_brokers.OPTIONS["broker"], "required": True},
        "servers": {**_mq_brokers.OPTIONS["servers"], "required": True},
        "group": {**_mq_brokers.OPTIONS["group"], "required": True},
        "members": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "str"},
        "batch": {"type": "list", "elements": "str"},
    },
    "supports_check_mode": True,
}


def facts(group: Group) -> dict[str, Any]:
    """The group as it is returned."""
    unheld = sorted(group.shares - group.held())
    return {
        "state": group.state,
        "consumers": [
            {**vars(one), "names": list(one.names), "holds": sorted(one.holds), "facts": dict(one.facts)}
            for one in group.consumers
        ],
        "unheld": unheld,
        "lag": group.lag,
        "lags": dict(group.lags),
        "warnings": list(group.warnings),
        "msg": f"{group.name} is {group.state}: {len(group.consumers)} clients, {len(group.shares)} queues or "
        f"partitions, {len(unheld)} of them held by nobody, {group.lag} messages wait",
    }


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads only: check mode is no different."""
    source = params["source"]
    try:
        members = {text: _mq_member.member(text, "members:") for text in params["members"]}
        with contextlib.closing(_mq_brokers.reader(params)) as reader:
            group = reader.read()
        result = facts(group)
        if source:
            result["readings"] = [_mq_pool.reading(source, params["broker"], group, members)]
    except (MqError, ValueError, OSError) as error:
        raise Failed(str(error), {"readings": [{"source": source, "error": str(error)}]} if source else {}) from error
    return result


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
