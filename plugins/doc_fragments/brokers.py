# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that read a consumer group: see plugins/module_utils/_mq_brokers.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Which brokers, which group, and who asks."""

    DOCUMENTATION = r"""
options:
  broker:
    description:
      - What the group's brokers are. Needs O(servers) and O(group).
      - V(rocketmq) is asked in its own protocol, and needs no library. V(kafka) needs confluent-kafka, and V(rabbitmq)
        needs requests, on the host on which the module runs.
    type: str
    choices: [rocketmq, kafka, rabbitmq]
  servers:
    description:
      - RocketMQ's name servers or Kafka's bootstrap servers, each as C(host:port); for RabbitMQ the addresses of its
        management API, as V(https://mq1:15671), of which the first that answers is asked.
    type: list
    elements: str
  group:
    description:
      - The name of the consumer group.
      - RabbitMQ has no such thing. There it is a name for all consumers of O(queues).
    type: str
  queues:
    description: For RabbitMQ, the queues whose consumers are meant.
    type: list
    elements: str
    default: []
  vhost:
    description: For RabbitMQ, the virtual host of O(queues).
    type: str
    default: /
  auth:
    description: Who asks the brokers. Without it nobody in particular.
    type: dict
    suboptions:
      file:
        description:
          - Path of a file with one line C(user:password) that belongs to this account alone (mode 0600). For RocketMQ
            these are the access key and the secret key.
        type: path
        required: true
      mechanism:
        description: For Kafka, how SASL proves who asks.
        type: str
        choices: [PLAIN, SCRAM-SHA-256, SCRAM-SHA-512]
        default: PLAIN
  tls:
    description: Files for TLS to the brokers. Without it the connection is not encrypted.
    type: dict
    suboptions:
      ca:
        description: Certificates that sign those of the brokers, whose names are verified.
        type: path
        required: true
      cert:
        description: The client's certificate, where the brokers want one.
        type: path
      key:
        description: Its key.
        type: path
"""
