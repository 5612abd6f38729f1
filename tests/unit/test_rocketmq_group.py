# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A group of RocketMQ from what its servers say: all masters, all name servers, and what must not be taken for gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._mq_group import (
    EMPTY,
    MOVING,
    STABLE,
    UNKNOWN,
    Group,
    MqError,
)
from ansible_collections.lossless.restart.plugins.module_utils._rocketmq_client import (
    CONNECTIONS,
    NO_TOPIC,
    NOT_ONLINE,
    ROUTE,
    RUNNING,
)
from ansible_collections.lossless.restart.plugins.module_utils._rocketmq_frame import Answer
from ansible_collections.lossless.restart.plugins.module_utils._rocketmq_group import RocketmqReader

ORDERS, RETRY = "orders", "%RETRY%g"
A, B = "10.0.1.1:10911", "10.0.1.2:10911"
BROKERS = {"a": A, "b": B}


class Cluster:
    """A double of name servers and brokers: what each of them answers."""

    def __init__(self) -> None:
        self.brokers = dict(BROKERS)
        self.routed = set(BROKERS)
        self.silent: set[str] = set()
        # By client the queues of orders that it holds, and what it says of itself otherwise.
        self.clients: dict[str, list[tuple[str, int]]] = {}
        self.properties: dict[str, str] = {"awaitTerminationMillisWhenShutdown": "30000"}
        self.running: dict[str, int] = {}
        self.model = "CLUSTERING"
        self.listed_at: dict[str, set[str]] = {}
        self.exists = True
        self.dropped = False
        self.asked: list[tuple[str, int]] = []

    def read(self, names: Sequence[str] = ("n1:9876",)) -> Group:
        reader = RocketmqReader(names, "g", line=self._line)
        return reader.read()

    def _line(self, address: str, **_given: Any) -> Any:
        return _Line(self, address)

    def answer(self, address: str, code: int, fields: Mapping[str, str]) -> Answer:
        self.asked.append((address, code))
        if address in self.silent:
            raise MqError(f"{address}: connection refused")
        if code == ROUTE:
            return self._route(fields["topic"])
        if code == CONNECTIONS:
            return self._connections(address)
        return self._running(fields["clientId"]) if code == RUNNING else self._stats(address)

    def _route(self, topic: str) -> Answer:
        if topic == RETRY and not self.exists:
            return _said(code=NO_TOPIC)
        count = 1 if topic == RETRY else 2
        return _said(
            {
                "brokerDatas": [{"brokerName": name, "brokerAddrs": {"0": at}} for name, at in self.brokers.items()],
                "queueDatas": [
                    {"brokerName": name, "perm": 6, "readQueueNums": count} for name in BROKERS if name in self.routed
                ],
            }
        )

    def _connections(self, address: str) -> Answer:
        there = [one for one in self.clients if one in self.listed_at.get(address, self.clients)]
        if not there:
            return _said(code=NOT_ONLINE)
        ports = {one: number for number, one in enumerate(self.clients, 40000)}
        return _said(
            {
                "connectionSet": [
                    {"clientId": one, "clientAddr": f"10.0.0.{one[-1]}:{ports[one]}", "language": "JAVA"}
                    for one in there
                ],
                **{"subscriptionTable": {ORDERS: {}, RETRY: {}}, "messageModel": self.model},
            }
        )

    def _running(self, client: str) -> Answer:
        if client in self.running:
            return _said(code=self.running[client], remark="Timeout")
        first = next(iter(self.clients))
        queues = [(ORDERS, *place) for place in self.clients[client]]
        queues += [(RETRY, name, 0) for name in BROKERS] if client == first else []
        table = ",".join(
            f"{json.dumps({'brokerName': name, 'queueId': number, 'topic': topic})}:"
            + json.dumps({"droped": self.dropped, "cachedMsgCount": 3})
            for topic, name, number in queues
        )
        given = {"PROP_CONSUMER_START_TIMESTAMP": "17", **self.properties}
        return _said(text=f'{{"mqTable":{{{table}}},"properties":{json.dumps(given)}}}')

    def _stats(self, address: str) -> Answer:
        name = next(name for name, at in BROKERS.items() if at == address)
        table = ",".join(
            f"{json.dumps({'brokerName': name, 'queueId': number, 'topic': ORDERS})}:"
            '{"brokerOffset":9,"consumerOffset":7}'
            for number in range(2)
        )
        return _said(text=f'{{"consumeTps":0.0,"offsetTable":{{{table}}}}}')


class _Line:
    def __init__(self, cluster: Cluster, address: str) -> None:
        self._cluster, self.address = cluster, address

    def ask(self, code: int, fields: Mapping[str, str]) -> Answer:
        return self._cluster.answer(self.address, code, fields)

    def ask_all(self, code: int, each: Sequence[Mapping[str, str]]) -> list[Answer]:
        return [self.ask(code, fields) for fields in each]

    def close(self) -> None:
        pass


def _said(body: object = None, *, code: int = 0, remark: str = "", text: str = "") -> Answer:
    return Answer(code, 1, remark, text.encode() or json.dumps(body).encode(), True)


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    found.clients = {"c@1": [("a", 0), ("b", 0)], "c@2": [("a", 1), ("b", 1)]}
    return found


def test_who_holds_what(cluster: Cluster) -> None:
    group = cluster.read()
    assert group.state == STABLE and len(group.shares) == 6 and group.shares == group.held()
    first, second = group.consumers
    assert second.holds == {"orders/a/1", "orders/b/1"} and second.host == "10.0.0.2"
    assert first.names == ("c@1", "1") and first.id == "c@1 of 17" and first.facts["messages_cached"] == 12
    assert group.lag == 8 and group.done["orders/a/0"] == 7 and group.warnings == ()


def test_a_client_that_one_master_does_not_list_is_not_gone(cluster: Cluster) -> None:
    cluster.listed_at[A] = {"c@1"}
    assert [one.names[0] for one in cluster.read().consumers] == ["c@1", "c@2"]


def test_all_masters_are_asked(cluster: Cluster) -> None:
    cluster.read()
    assert {address for address, code in cluster.asked if code == CONNECTIONS} == {A, B}


@pytest.mark.parametrize("silent", [True, False], ids=["it does not answer", "it has no master"])
def test_what_a_missing_master_holds_is_not_known(cluster: Cluster, silent: bool) -> None:
    if silent:
        cluster.silent = {B}
    else:
        del cluster.brokers["b"]
    with pytest.raises(MqError, match="refused" if silent else "the broker b has no master now"):
        cluster.read()


def test_a_broker_that_is_in_no_route_and_is_remembered_by_clients(cluster: Cluster) -> None:
    del cluster.brokers["b"]
    cluster.routed = {"a"}
    with pytest.raises(MqError, match="b is in no route now, and clients of g hold queues there"):
        cluster.read()


def test_one_name_server_of_two_is_enough_and_the_other_is_named(cluster: Cluster) -> None:
    cluster.silent = {"n1:9876"}
    group = cluster.read(["n1:9876", "n2:9876"])
    assert group.state == STABLE and group.warnings == ("n1:9876: connection refused",)
    cluster.silent = {"n1:9876", "n2:9876"}
    with pytest.raises(MqError, match="n1:9876.*; n2:9876"):
        cluster.read(["n1:9876", "n2:9876"])


def test_an_unknown_group_is_never_an_empty_one(cluster: Cluster) -> None:
    cluster.clients = {}
    assert cluster.read().state == EMPTY
    cluster.exists = False
    with pytest.raises(MqError, match="g: the name servers .* list no broker with such a group"):
        cluster.read()


def test_a_client_that_does_not_answer_is_in_the_group(cluster: Cluster) -> None:
    cluster.running = {"c@2": 207}
    group = cluster.read()
    assert group.state == UNKNOWN and [one.names[0] for one in group.consumers] == ["c@1", "c@2"]
    assert "c@2 does not say what it holds (207: Timeout)" in group.warnings


def test_a_queue_that_two_hold_is_on_its_way(cluster: Cluster) -> None:
    cluster.clients["c@2"].append(("a", 0))
    assert cluster.read().state == MOVING


def test_a_queue_that_was_dropped_is_not_held(cluster: Cluster) -> None:
    cluster.dropped = True
    group = cluster.read()
    assert group.held() == frozenset() and group.state == STABLE


def test_a_client_that_interrupts_is_warned_of(cluster: Cluster) -> None:
    cluster.properties = {"awaitTerminationMillisWhenShutdown": "0"}
    assert "c@1 interrupts the messages" in cluster.read().warnings[0] and "0 ms" in cluster.read().warnings[0]


def test_broadcasting_is_refused(cluster: Cluster) -> None:
    cluster.model = "BROADCASTING"
    with pytest.raises(MqError, match="g is broadcasting"):
        cluster.read()
