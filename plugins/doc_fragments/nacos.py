# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that ask Nacos: see plugins/module_utils/_nacos.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Which servers, which services, and who asks."""

    DOCUMENTATION = r"""
options:
  servers:
    description:
      - The servers of one cluster of Nacos, each up to its context path, as V(http://nacos1:8848/nacos). More than half
        of them have to answer.
    type: list
    elements: str
    required: true
  services:
    description:
      - The names of the services that an instance offers, without their group. Dubbo registers one for its application,
        or one for each interface, as V(providers:com.example.Order:1.0.0:).
    type: list
    elements: str
    required: true
  namespace:
    description: The id of the namespace.
    type: str
    default: public
  group:
    description: The group of the services.
    type: str
    default: DEFAULT_GROUP
  cluster:
    description: The cluster within the services whose instances are meant.
    type: str
    default: DEFAULT
  api:
    description:
      - The version of Nacos's HTTP API. By default V(v3) where the server has it, as 3.x does, and else V(v1).
    type: str
    choices: [v1, v2, v3]
  auth:
    description: Who asks. Without it nobody in particular.
    type: dict
    suboptions:
      file:
        description: Path of a file with one line C(user:password) that belongs to this account alone (mode 0600).
        type: path
        required: true
  tls:
    description: Files for TLS. Without it an C(https) server is checked with the authorities that this host trusts.
    type: dict
    suboptions:
      ca:
        description: Certificates that sign those of the servers, whose names are verified.
        type: path
        required: true
      cert:
        description: The client's certificate, where the servers want one.
        type: path
      key:
        description: Its key.
        type: path
"""
