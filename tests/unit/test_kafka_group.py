# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A group of Kafka from what its brokers say, of which some must not be believed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _kafka_group
from ansible_collections.lossless.restart.plugins.module_utils._mq_group import EMPTY, MOVING, STABLE, Group, MqError

PLACES = [("orders", 0), ("orders", 1), ("orders", 2)]


def named(name: str) -> Any:
    return SimpleNamespace(name=name)


def assigned(*places: tuple[str, int]) -> Any:
    return SimpleNamespace(
        topic_partitions=[SimpleNamespace(topic=topic, partition=number) for topic, number in places]
    )


def member(name: str, *places: tuple[str, int], target: Any = None, instance: str | None = None) -> Any:
    return SimpleNamespace(
        member_id=f"{name}-uuid",
        client_id=name,
        group_instance_id=instance,
        host="/10.0.0.3",
        assignment=assigned(*places),
        target_assignment=target,
    )


class Brokers:
    """A double of the client: one group of three partitions."""

    def __init__(self, *members: Any, state: str = "STABLE", kind: str = "CLASSIC", simple: bool = False) -> None:
        self.members, self.state, self.kind, self.simple = members, state, kind, simple
        self.done = {("orders", 0): 7, ("orders", 1): 9}

    def listed(self, group: str) -> Any:
        return SimpleNamespace(type=named(self.kind), is_simple_consumer_group=self.simple) if group == "g" else None

    def ask(self, what: str, names: list[str]) -> dict[str, Any]:
        assert what == "describe_consumer_groups"
        one = SimpleNamespace(state=named(self.state), type=named(self.kind), members=list(self.members))
        return dict.fromkeys(names, one)

    def committed(self, _group: str) -> dict[tuple[str, int], int]:
        return self.done

    def partitions(self, topics: set[str]) -> dict[str, list[int]]:
        return {topic: [0, 1, 2] for topic in topics}

    def ends(self, places: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return dict.fromkeys(places, 10)


def read(brokers: Brokers, group: str = "g") -> Group:
    reader = _kafka_group.reader(["k1:9092"], group, None, "PLAIN", {})
    vars(reader)["_client"] = brokers
    return reader.read()


def test_who_holds_what() -> None:
    found = read(Brokers(member("a", *PLACES[:2]), member("b", PLACES[2], instance="b-1")))
    first, second = found.consumers
    assert (first.id, first.names, first.host, first.stays) == ("a-uuid", ("a",), "10.0.0.3", False)
    assert first.holds == {"orders-0", "orders-1"} and second.names == ("b", "b-1") and second.stays
    assert found.state == STABLE and found.shares == {"orders-0", "orders-1", "orders-2"}
    # Of what was never committed nobody knows what waits.
    assert found.lags == {"orders-0": 3, "orders-1": 1} and found.done == {"orders-0": 7, "orders-1": 9}


@pytest.mark.parametrize(
    ("brokers", "state"),
    [
        (Brokers(state="EMPTY"), EMPTY),
        (Brokers(state="UNKNOWN"), MOVING),
        (Brokers(member("a", *PLACES), state="UNKNOWN"), MOVING),
        (Brokers(member("a", *PLACES), state="COMPLETING_REBALANCING"), MOVING),
        (Brokers(member("a", *PLACES), member("b", PLACES[0])), MOVING),
        (Brokers(member("a", *PLACES, target=assigned(PLACES[0])), kind="CONSUMER"), MOVING),
        (Brokers(member("a", *PLACES, target=assigned(*PLACES)), kind="CONSUMER"), STABLE),
    ],
)
def test_what_is_settled_and_what_is_not(brokers: Brokers, state: str) -> None:
    assert read(brokers).state == state


@pytest.mark.parametrize(
    ("brokers", "group", "said"),
    [
        (Brokers(state="DEAD"), "g", "g is said to be dead"),
        (Brokers(), "other", "other: Kafka at k1:9092 lists no such group of consumers"),
        (Brokers(kind="UNKNOWN"), "g", "one of another type"),
        (Brokers(simple=True), "g", "take partitions by themselves"),
    ],
)
def test_what_is_no_group_is_never_an_empty_one(brokers: Brokers, group: str, said: str) -> None:
    with pytest.raises(MqError, match=said):
        read(brokers, group)
