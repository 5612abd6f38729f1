# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on instances that serve nginx and consume messages, each consumer killed at once as its instance
stops.

The consumers and the producer account for every message; the group is read with its brokers' own tools.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import lab
from tests.integration.mq_groups import LABS
from tests.lab.demo import clean, wait_for
from tests.lab.kafka.consumer import SESSION
from tests.lab.mq.application import status
from tests.lab.stage import LONG, Consuming

pytestmark = pytest.mark.timeout(900)

# Kafka's with the protocol of KIP-848; what goes wrong is tried on the classic one.
ROLLED: dict[str, Any] = {**LABS, "kafka": partial(lab.kafka, protocol="consumer")}
# What is said of a broker that died.
DOWN = {"rocketmq": "list no broker with such a group", "kafka": "brokers are down"}
# Seconds, more than the session of Kafka's consumers.
REMEMBERED = SESSION / 1000 + 5
SECRET = "hunter2-of-nobody"
# By kind: what is wrong in everybody's entry, and what is said of it.
WRONG: dict[str, list[tuple[dict[str, Any], str]]] = {
    "rocketmq": [
        ({"group": "order-consumr"}, "list no broker with such a group"),
        ({"servers": ["127.0.0.1:1"]}, "127.0.0.1:1"),
    ],
    "kafka": [
        ({"group": "order-consumr"}, "lists no such group"),
        ({"servers": ["127.0.0.1:1"]}, "127.0.0.1:1"),
    ],
    "rabbitmq": [
        ({"queues": ["ordres"]}, "has no queue 'ordres'"),
        ({"vhost": "nowhere"}, "nowhere"),
        ({"auth": {"file": "{password}"}}, "401"),
    ],
}


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def brokers(stack: contextlib.ExitStack, folder: Path, made: Any) -> Any:
    """As tests/lab/mq/brokers.py has them, and their own."""
    folder.mkdir()
    return stack.enter_context(made(folder, consumers=0))


@pytest.mark.parametrize("kind", ["rocketmq", "kafka", pytest.param("rabbitmq", marks=pytest.mark.variant)])
def test_roll(stack: contextlib.ExitStack, tmp_path: Path, kind: str) -> None:
    """No message is lost, cut, interrupted, or done again because of one that left; nor is a request."""
    group = brokers(stack, tmp_path / "brokers", ROLLED[kind])
    # A group forms late on a machine with much to do; how late is not asked here.
    variables = {"fleet_pace": [1], "instance_drain_deadline": LONG}
    fleet = stack.enter_context(Consuming(tmp_path / "fleet", group, variables=variables))
    assert isinstance(fleet, Consuming)
    with fleet.watched() as (client, _observer):
        files = fleet.configurations()
        producer = group.produce(3000, 60)
        wait_for("everybody to consume", lambda: all(fleet.consumed().values()), 60)
        leavers = {pid for pids in fleet.consumed().values() for pid in pids}
        ended = fleet.roll()
        assert ended.code == 0, ended.text
        fleet.complete()
        account = fleet.account(producer, leavers)
    assert account.sent == 3000 and account.clean, account.text()
    assert clean(client.result), client.losses
    assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
    assert fleet.configurations() == files and fleet.held() == {} and fleet.runs() == []
    refused(fleet, WRONG[kind], tmp_path / "password")


def refused(fleet: Consuming, wrong: list[tuple[dict[str, Any], str]], password: Path) -> None:
    """What is wrong in an entry: one that says it, nothing touched, and no secret however much is printed."""
    password.write_text(f"restart:{SECRET}\n")
    password.chmod(0o600)
    before = fleet.files(), fleet.pids(), fleet.brokers.members()
    for entry, said in wrong:
        given = {"auth": {"file": str(password)}} if "auth" in entry else entry
        fleet.describe(given)
        ended = fleet.roll("-vvv")
        assert ended.code == 2 and said in ended.text and SECRET not in ended.text, f"{entry}: {ended.text[-5000:]}"
        assert (fleet.files(), fleet.pids(), fleet.brokers.members()) == before, entry


def test_a_gate_that_fails(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    """What has joined by itself is told to leave again; the same command does the rest."""
    group = brokers(stack, tmp_path / "brokers", lab.kafka)
    own = {"order-1": {"instance_health_deadline": 3.0}}
    variables = {"fleet_pace": [1], "instance_restart_retries": 0}
    fleet = stack.enter_context(Consuming(tmp_path / "fleet", group, variables=variables, own=own))
    assert isinstance(fleet, Consuming)
    with fleet.watched():
        fleet.moments.before("supervisorctl start order-1", 1, partial(fleet.switch, "order-1", "unhealthy"))
        ended = fleet.roll(limit="order-1")
        assert ended.code == 2 and "EXPOSED: order-1" in ended.text, ended.text
        others = {one.name for name, one in fleet.consumers.items() if name != "order-1"}
        assert group.members() == others and fleet.held() == {"order-1": "restarting"}
        fleet.switch("order-1", "unhealthy", None)
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and "resuming run" in ended.text, ended.text
        fleet.complete()


def once_each(group: Any, everybody: list[str]) -> Callable[[], bool]:
    """Whether that has been so for long enough: a broker remembers for a session who was there before it died."""
    since = time.monotonic()

    def holds() -> bool:
        nonlocal since
        if sorted(group.listed()) != everybody:
            since = time.monotonic()
        return time.monotonic() - since > REMEMBERED

    return holds


@pytest.mark.variant
@pytest.mark.parametrize("kind", ["rocketmq", "kafka"])
def test_the_broker_dies(stack: contextlib.ExitStack, tmp_path: Path, kind: str) -> None:
    """Once one has left: nothing is restarted, no balancer is touched, and the lease is kept; the same command does the
    rest."""
    group = brokers(stack, tmp_path / "brokers", LABS[kind])
    variables = {"fleet_pace": [1], "instance_drain_deadline": 12.0}
    fleet = stack.enter_context(Consuming(tmp_path / "fleet", group, variables=variables))
    assert isinstance(fleet, Consuming)
    everybody, starts = sorted(one.name for one in fleet.consumers.values()), fleet.starts()
    with fleet.watched(), fleet.playbook("-l", "order-2") as first:
        wait_for("it to leave", lambda: not status(fleet.consumers["order-2"])["consuming"], LONG)
        group.brokers[0].kill()
        assert first.wait(LONG) == 2, first.text
        assert DOWN[kind] in first.text and fleet.starts() == starts and fleet.down() == set(), first.text
        assert set(fleet.held()) == {"order-2"}
        group.brokers[0].start()
        wait_for("each to be there once", once_each(group, everybody), 120, 0.5)
        ended = fleet.roll(limit="order-2")
        assert ended.code == 0 and "resuming run" in ended.text, ended.text
        fleet.complete()
    assert fleet.starts() == {**starts, "order-2": starts["order-2"] + 1} and fleet.held() == {}
