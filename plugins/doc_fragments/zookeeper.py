# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that ask a ZooKeeper."""

from __future__ import annotations


class ModuleDocFragment:
    """Who asks, and by which certificates: see plugins/module_utils/_zookeeper_place.py."""

    DOCUMENTATION = r"""
options:
  auth:
    description: Who asks ZooKeeper.
    type: dict
    suboptions:
      scheme:
        description: V(sasl) is DIGEST-MD5, and needs the Python library pure-sasl.
        type: str
        choices: [digest, sasl]
        default: digest
      file:
        description: Path of a file with one line C(user:password) that belongs to this account alone (mode 0600).
        type: path
        required: true
  tls:
    description: Files for TLS to ZooKeeper. Without it the connection is not encrypted.
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
