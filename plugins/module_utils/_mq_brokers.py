# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who reads a consumer group, by the kind of its brokers, from the options that the modules have in common."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from . import (
    _grammar,
    _kafka_group,
    _password_file,
    _rabbitmq_group,
    _rocketmq_frame,
    _rocketmq_group,
    _zookeeper_place,
)
from ._mq_group import Reader

ROCKETMQ, KAFKA, RABBITMQ = "rocketmq", "kafka", "rabbitmq"
BROKERS = (ROCKETMQ, KAFKA, RABBITMQ)
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
OPTIONS: Mapping[str, Any] = {
    "broker": {"type": "str", "choices": list(BROKERS)},
    "servers": {"type": "list", "elements": "str"},
    "group": {"type": "str"},
    "queues": {"type": "list", "elements": "str", "default": []},
    "vhost": {"type": "str", "default": "/"},
    "auth": {
        "type": "dict",
        "options": {
            "file": {"type": "path", "required": True},
            "mechanism": {"type": "str", "choices": list(MECHANISMS), "default": MECHANISMS[0]},
        },
    },
    "tls": _zookeeper_place.OPTIONS["tls"],
}


def check(params: Mapping[str, Any]) -> None:
    """What the options say, without asking anybody. Raises ValueError."""
    broker, servers = params["broker"], params["servers"]
    _grammar.group(params["group"], "group")
    if not servers:
        raise ValueError(f"servers is empty: name {broker}'s")
    for server in servers:
        if broker == RABBITMQ:
            _grammar.url(server, "servers:")
        else:
            _grammar.address(server, "servers:")
    if broker == RABBITMQ and not params["queues"]:
        raise ValueError("queues is empty: name those whose consumers are meant")
    if broker != RABBITMQ and params["queues"]:
        raise ValueError(f"queues are RabbitMQ's; a group of {broker} has what its clients subscribe to")
    for queue in params["queues"]:
        _grammar.group(queue, "queues:")
    _zookeeper_place.tls(params["tls"])
    _auth(params["auth"])


def _auth(given: Any) -> None:
    if given is None:
        return
    if not isinstance(given, Mapping) or not {"file"} <= set(given) <= {"file", "mechanism"}:
        raise ValueError(f"auth {str(given)[:200]!r} is not {{file}}, or {{file, mechanism}}")
    _grammar.path(given["file"], "auth: file")
    if given.get("mechanism", MECHANISMS[0]) not in MECHANISMS:
        raise ValueError(f"auth: mechanism {given['mechanism']!r} is not one of {', '.join(MECHANISMS)}")


def reader(params: Mapping[str, Any]) -> Reader:
    """Raises ValueError for what is written wrong, and MqError where a library is missing."""
    check(params)
    auth, tls = params["auth"], _zookeeper_place.tls(params["tls"])
    account = _password_file.read(auth["file"]) if auth else None
    if params["broker"] == KAFKA:
        mechanism = auth["mechanism"] if auth else MECHANISMS[0]
        return _kafka_group.reader(params["servers"], params["group"], account, mechanism, tls)
    if params["broker"] == RABBITMQ:
        place = params["vhost"], params["queues"]
        return _rabbitmq_group.reader(params["servers"], params["group"], place, account, tls)
    return _rocketmq(params, account, tls)


def _rocketmq(params: Mapping[str, Any], account: tuple[str, str] | None, tls: Mapping[str, str]) -> Reader:
    who = _rocketmq_frame.Credentials(*account) if account else None
    return _rocketmq_group.RocketmqReader(params["servers"], params["group"], who, _context(tls))


def _context(tls: Mapping[str, str]) -> ssl.SSLContext | None:
    """What to encrypt with; None without. Raises ValueError."""
    if not tls:
        return None
    try:
        context = ssl.create_default_context(cafile=tls["ca"])
        if "cert" in tls:
            context.load_cert_chain(tls["cert"], tls["key"])
    except OSError as error:
        raise ValueError(f"tls: {' and '.join(tls.values())} cannot be used: {error}") from error
    return context
