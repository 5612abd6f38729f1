# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the queues of a RocketMQ topic are, by all of its name servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _rocketmq_json
from ._mq_group import MqError
from ._rocketmq_client import NO_TOPIC, OK, ROUTE, Line

_READABLE = 4
_MASTER = "0"


@dataclass
class Route:
    """masters: by broker name its address. queues: how many can be read at each, by broker name."""

    masters: dict[str, str] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)

    def shares(self, topic: str) -> list[str]:
        return [share(topic, broker, number) for broker, count in self.queues.items() for number in range(count)]


def share(topic: str, broker: str, number: int) -> str:
    """A queue as text."""
    return f"{topic}/{broker}/{number}"


def broker_of(text: str) -> str:
    """The broker of a queue."""
    return text.rsplit("/", 2)[1]


def route(names: Sequence[Line], topic: str) -> tuple[Route | None, list[str]]:
    """What the name servers that answer know of the topic, together, and why others do not; None where it is nowhere.

    They do not know of each other, so that one may know more. Raises MqError where none answers.
    """
    found, silent = Route(), []
    for line in names:
        try:
            body = _asked(line, topic)
        except MqError as error:
            silent.append(str(error))
            continue
        if body is not None:
            _add(found, body, line.address, topic)
    if len(silent) == len(names):
        raise MqError("; ".join(silent))
    return (found if found.queues else None), silent


def _asked(line: Line, topic: str) -> Mapping[str, Any] | None:
    answer = line.ask(ROUTE, {"topic": topic, "acceptStandardJsonOnly": "true"})
    if answer.code == NO_TOPIC:
        return None
    if answer.code != OK:
        raise MqError(f"{line.address} answers {answer.code} when it is asked for a route: is it a name server?")
    body = parsed(line, answer.body)
    if not isinstance(body.get("queueDatas"), list) or not isinstance(body.get("brokerDatas"), list):
        raise MqError(f"{line.address}: its route of {topic} has no queues or brokers")
    return body


def parsed(line: Line, body: bytes) -> Mapping[str, Any]:
    """A body as an object. Raises MqError."""
    try:
        found = _rocketmq_json.loads(body)
    except ValueError as error:
        raise MqError(f"{line.address}: what it says cannot be read: {str(error)[:100]}") from error
    if not isinstance(found, dict):
        raise MqError(f"{line.address}: what it says is no object")
    return found


def _add(found: Route, body: Mapping[str, Any], address: str, topic: str) -> None:
    try:
        for broker in body["brokerDatas"]:
            master = broker["brokerAddrs"].get(_MASTER)
            if master:
                found.masters[str(broker["brokerName"])] = str(master)
        for one in body["queueDatas"]:
            if int(one["perm"]) & _READABLE:
                name, count = str(one["brokerName"]), int(one["readQueueNums"])
                found.queues[name] = max(count, found.queues.get(name, 0))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MqError(f"{address}: its route of {topic} is not as RocketMQ writes it: {str(error)[:100]}") from error
