# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer group of RocketMQ, from its name servers and all of its master brokers."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._mq_group import EMPTY, MOVING, STABLE, UNKNOWN, Consumer, Group, MqError
from ._rocketmq_client import CONNECTIONS, NOT_ONLINE, OK, RUNNING, STATS, Line
from ._rocketmq_frame import Answer, Credentials
from ._rocketmq_route import Route, broker_of, parsed, route, share

_BROADCASTING = "BROADCASTING"
_RETRY = "%RETRY%"
_AWAIT = "awaitTerminationMillisWhenShutdown"
_STARTED = "PROP_CONSUMER_START_TIMESTAMP"
_FACTS = {
    _AWAIT: "await_termination_ms",
    "PROP_CONSUME_TYPE": "consume_type",
    "PROP_CONSUMEORDERLY": "orderly",
    "PROP_CLIENT_VERSION": "version",
}


@dataclass
class Client:
    """A client as the brokers list it. addresses: its connections, one for each broker that was asked."""

    id: str
    language: str
    broker: Line
    addresses: list[str] = field(default_factory=list)


class RocketmqReader:
    """Reads one group. Its requests only read."""

    def __init__(
        self,
        nameservers: Sequence[str],
        group: str,
        who: Credentials | None = None,
        tls: ssl.SSLContext | None = None,
        line: Callable[..., Line] = Line,
    ) -> None:
        self._group = group
        self._line = functools.partial(line, who=who, tls=tls)
        self._names = [self._line(address) for address in nameservers]
        self._brokers: dict[str, Line] = {}

    def close(self) -> None:
        for line in [*self._names, *self._brokers.values()]:
            line.close()

    def read(self) -> Group:
        """Raises MqError."""
        retry, warnings = route(self._names, _RETRY + self._group)
        if retry is None:
            names = ", ".join(line.address for line in self._names)
            raise MqError(
                f"{self._group}: the name servers {names} list no broker with such a group: look at its name, and "
                "whether its brokers run"
            )
        found: dict[str, Client] = {}
        topics: set[str] = {_RETRY + self._group}
        asked: set[str] = set()
        routes: dict[str, Route] = {}
        # The brokers of a topic may be others than those that the group was seen at first.
        while topics - routes.keys():
            for topic in topics - routes.keys():
                routes[topic] = route(self._names, topic)[0] or Route()
            for line in self._masters(routes.values()):
                if line.address not in asked:
                    asked.add(line.address)
                    topics |= self._listed(line, found)
        shares = frozenset(one for topic, where in routes.items() for one in where.shares(topic))
        consumers = [self._consumer(client, answer, warnings) for client, answer in self._running(found)]
        self._check_routed(consumers, routes)
        lags, done = self._lags(asked, shares)
        held = [one for consumer in consumers for one in consumer.holds]
        unknown = any(one.facts["unknown"] for one in consumers)
        state = UNKNOWN if unknown else EMPTY if not consumers else MOVING if len(held) > len({*held}) else STABLE
        return Group(self._group, state, tuple(consumers), shares, lags, done, tuple(dict.fromkeys(warnings)))

    def _masters(self, routes: Any) -> list[Line]:
        """A broker without a master is one of which nobody can say what it holds."""
        found = []
        for where in list(routes):
            for broker in where.queues:
                address = where.masters.get(broker)
                if address is None:
                    raise MqError(f"the broker {broker} has no master now: who is in {self._group} there is not known")
                found.append(self._brokers.setdefault(address, self._line(address)))
        return list(dict.fromkeys(found))

    def _check_routed(self, consumers: Sequence[Consumer], routes: Mapping[str, Route]) -> None:
        """A broker that dies is in no route any more at once; for half a minute its clients remember it."""
        known = {broker for where in routes.values() for broker in where.queues}
        lost = {broker_of(share) for one in consumers for share in one.holds} - known
        if lost:
            raise MqError(
                f"{', '.join(sorted(lost))} is in no route now, and clients of {self._group} hold queues there: is it "
                "down?"
            )

    def _listed(self, line: Line, found: dict[str, Client]) -> set[str]:
        """Add the group's clients at one broker; the topics that they have subscribed to."""
        answer = line.ask(CONNECTIONS, {"consumerGroup": self._group})
        if answer.code == NOT_ONLINE:
            return set()
        body = parsed(line, _body(line, answer, "who is in the group"))
        if body.get("messageModel") == _BROADCASTING:
            raise MqError(f"{self._group} is broadcasting: each client has all messages, and nobody takes another's")
        try:
            for one in body["connectionSet"]:
                client = found.setdefault(
                    str(one["clientId"]), Client(str(one["clientId"]), str(one.get("language", "")), line)
                )
                client.addresses.append(str(one["clientAddr"]))
            return {str(topic) for topic in body["subscriptionTable"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise MqError(f"{line.address}: its list of clients is not as RocketMQ writes it: {error}") from error

    def _running(self, found: Mapping[str, Client]) -> list[tuple[Client, Answer]]:
        """What each client says of itself, asked through a broker: all of one broker's at once, since one that is
        frozen is answered for after ten seconds."""
        result = []
        for line in dict.fromkeys(client.broker for client in found.values()):
            clients = [client for client in found.values() if client.broker is line]
            fields = [{"consumerGroup": self._group, "clientId": one.id, "jstackEnable": "false"} for one in clients]
            result += list(zip(clients, line.ask_all(RUNNING, fields)))
        return result

    def _consumer(self, client: Client, answer: Answer, warnings: list[str]) -> Consumer:
        addresses = sorted(client.addresses)
        host = addresses[0].rpartition(":")[0].strip("[]").lstrip("/")
        name = (client.id, client.id.split("@")[1]) if "@" in client.id else (client.id,)
        if answer.code != OK:
            why = f"{client.id} does not say what it holds ({answer.code}: {answer.remark[:120]})"
            warnings.append(why)
            return Consumer(client.id, name, host, frozenset(), facts={"unknown": why, "language": client.language})
        said = parsed(client.broker, answer.body)
        properties = said.get("properties") or {}
        facts = {ours: properties[theirs] for theirs, ours in _FACTS.items() if theirs in properties}
        if str(facts.get("await_termination_ms")) == "0":
            warnings.append(
                f"{client.id} interrupts the messages that it has in hand when it shuts down: its {_AWAIT} is 0 ms. "
                "Set it above its longest handler"
            )
        started = properties.get(_STARTED) or ",".join(addresses)
        holds, cached = _held(client, said)
        more = {"unknown": None, "language": client.language, "messages_cached": cached}
        return Consumer(f"{client.id} of {started}", name, host, holds, facts={**facts, **more})

    def _lags(self, brokers: set[str], shares: frozenset[str]) -> tuple[dict[str, int], dict[str, int]]:
        """By share what waits, and up to where it is consumed."""
        lags, done = {}, {}
        for address in sorted(brokers):
            line = self._brokers[address]
            body = parsed(line, _body(line, line.ask(STATS, {"consumerGroup": self._group}), "what waits"))
            try:
                for key, one in body.get("offsetTable", {}).items():
                    queue = _queue(key)
                    if queue in shares:
                        done[queue] = int(one["consumerOffset"])
                        lags[queue] = int(one["brokerOffset"]) - done[queue]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise MqError(f"{address}: its offsets are not as RocketMQ writes them: {error}") from error
        return lags, done


def _held(client: Client, said: Mapping[str, Any]) -> tuple[frozenset[str], int]:
    """Its queues, and how many messages it has fetched of them and not consumed."""
    if said.get("mqPopTable"):
        raise MqError(
            f"{client.id} consumes by POP, in which no client holds a queue: it cannot be proved who has what"
        )
    try:
        mine = {_queue(key): one for key, one in (said.get("mqTable") or {}).items() if not one.get("droped")}
        return frozenset(mine), sum(int(one.get("cachedMsgCount", 0)) for one in mine.values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MqError(f"{client.id}: what it says of its queues is not as RocketMQ writes it: {error}") from error


def _queue(key: Any) -> str:
    found = dict(key)
    return share(str(found["topic"]), str(found["brokerName"]), int(found["queueId"]))


def _body(line: Line, answer: Answer, what: str) -> bytes:
    if answer.code != OK:
        raise MqError(f"{line.address} does not say {what}: {answer.code}: {answer.remark[:200]}")
    return answer.body
