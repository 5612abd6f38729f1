# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The consumers of RabbitMQ's queues as a group, from what its management API says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _rabbitmq_client, _rabbitmq_group
from ansible_collections.lossless.restart.plugins.module_utils._mq_group import EMPTY, STABLE, Group, MqError

ONE, TWO = "10.0.0.1:5001 -> 10.0.0.9:5672", "10.0.0.2:5001 -> 10.0.0.9:5672"


def consumer(connection: str, tag: str, queue: str = "orders", ack: bool = True) -> dict[str, Any]:
    return {
        "queue": {"name": queue, "vhost": "/"},
        "channel_details": {"connection_name": connection, "peer_host": connection.split(":")[0]},
        "consumer_tag": tag,
        "ack_required": ack,
        "prefetch_count": 8,
    }


def channel(connection: str, consumers: int, unacked: int, acked: int | None = None) -> dict[str, Any]:
    stats = {} if acked is None else {"message_stats": {"ack": acked}}
    details = {"name": connection, "peer_host": connection.split(":")[0]}
    return {"connection_details": details, "consumer_count": consumers, "messages_unacknowledged": unacked, **stats}


ANSWERS: dict[tuple[str, ...], Any] = {
    ("whoami",): {"tags": ["monitoring"]},
    ("queues", "/", "orders"): {"messages_ready": 12},
    ("consumers", "/"): [consumer(ONE, "a"), consumer(ONE, "b"), consumer(TWO, "c"), consumer(TWO, "x", "other")],
    ("vhosts", "/", "channels"): [channel(ONE, 1, 3, 50), channel(ONE, 1, 1, 9), channel(TWO, 2, 0)],
    ("vhosts", "/", "connections"): [{"name": ONE, "user_provided_name": "order-1"}, {"name": TWO}],
}


class Api:
    """A double of the management API's client."""

    check = _rabbitmq_client.Client.check
    _urls, _user = ("http://mq:15672",), "lab"

    def __init__(self) -> None:
        self.answers = copy.deepcopy(ANSWERS)

    def get(self, *path: str) -> Any:
        if path not in self.answers:
            raise _rabbitmq_client.Missing
        return self.answers[path]

    def close(self) -> None:
        pass


@pytest.fixture
def api() -> Api:
    return Api()


def read(api: Any, *queues: str) -> Group:
    return _rabbitmq_group.RabbitmqReader(api, "g", "/", queues or ("orders",)).read()


def test_a_client_is_a_connection(api: Api) -> None:
    found = read(api)
    first, second = found.consumers
    assert (first.id, first.names, first.host) == (ONE, ("order-1", "a", "b"), "10.0.0.1")
    assert (first.unacked, first.done) == (4, 59) and first.holds == {"orders"}
    assert (second.names, second.unacked, second.done) == (("c",), 0, None)
    assert (found.state, found.lags, found.stale) == (STABLE, {"orders": 12}, 6.0)


def test_one_that_has_stopped_and_not_acknowledged_all_is_there_still(api: Api) -> None:
    api.answers["consumers", "/"] = [consumer(TWO, "c")]
    api.answers["vhosts", "/", "channels"][0]["consumer_count"] = 0
    first, second = read(api).consumers
    assert (first.id, second.id, second.holds, second.unacked) == (TWO, ONE, frozenset(), 4)


def test_nobody_consumes(api: Api) -> None:
    api.answers["consumers", "/"] = []
    api.answers["vhosts", "/", "channels"] = []
    assert read(api).state == EMPTY


def test_what_cannot_be_seen_is_warned_of(api: Api) -> None:
    api.answers["consumers", "/"][0]["ack_required"] = False
    (warning,) = read(api).warnings
    assert warning.startswith(f"{ONE} consumes orders without acknowledging (auto_ack)")


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        (("whoami",), None, "is not RabbitMQ's management API"),
        (("whoami",), [], "does not answer as RabbitMQ's management API does"),
        (("whoami",), {"tags": "management"}, "the user 'lab' only a part of all: give it the tag monitoring"),
        (("queues", "/", "orders"), None, "the virtual host '/' has no queue 'orders'"),
        (("consumers", "/"), [{}], "is not as its management API writes it"),
    ],
)
def test_what_is_no_answer(api: Api, path: tuple[str, ...], answer: Any, said: str) -> None:
    api.answers[path] = answer
    if answer is None:
        del api.answers[path]
    with pytest.raises(MqError, match=said.replace("(", "\\(")):
        read(api)
