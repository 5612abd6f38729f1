# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on instances that serve nginx and consume messages, each consumer killed at once as its instance
stops.

The consumers and the producer account for every message; the group is read with its brokers' own tools.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import lab
from tests.lab.demo import clean, wait_for
from tests.lab.mq.application import status
from tests.lab.mq.brokers import Brokers
from tests.lab.stage import LONG, Consuming

pytestmark = pytest.mark.timeout(900)

LABS: dict[str, Any] = {"rocketmq": lab.rocketmq, "kafka": lab.kafka, "rabbitmq": lab.rabbitmq}


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def brokers(stack: contextlib.ExitStack, folder: Path, kind: str) -> Brokers:
    folder.mkdir()
    found: Brokers = stack.enter_context(LABS[kind](folder, consumers=0))
    return found


@pytest.mark.parametrize("kind", LABS)
def test_roll(stack: contextlib.ExitStack, tmp_path: Path, kind: str) -> None:
    """No message is lost, cut, interrupted, or done again because of one that left; nor is a request."""
    group = brokers(stack, tmp_path / "brokers", kind)
    fleet = stack.enter_context(Consuming(tmp_path / "fleet", group, variables={"fleet_pace": [1]}))
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


def test_what_goes_wrong(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    """One fleet, one trouble after the other: each ends by the rules, and the same command does the rest."""
    group: Any = brokers(stack, tmp_path / "brokers", "kafka")
    own = {"order-1": {"instance_health_deadline": 3.0}}
    variables = {"fleet_pace": [1], "instance_drain_deadline": 12.0, "instance_restart_retries": 0}
    fleet = stack.enter_context(Consuming(tmp_path / "fleet", group, variables=variables, own=own))
    assert isinstance(fleet, Consuming)
    everybody = {one.name for one in fleet.consumers.values()}
    with fleet.watched():
        # A gate that fails: what has joined by itself is told to leave again.
        fleet.moments.before("supervisorctl start order-1", 1, partial(fleet.switch, "order-1", "unhealthy"))
        ended = fleet.roll(limit="order-1")
        assert ended.code == 2 and "EXPOSED: order-1" in ended.text, ended.text
        assert group.members() == everybody - {"order-1-mq"} and fleet.held() == {"order-1": "restarting"}
        fleet.switch("order-1", "unhealthy", None)
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and "resuming run" in ended.text, ended.text
        fleet.complete()
        starts = fleet.starts()

        # The broker dies once one has left: nothing is restarted, no balancer is touched, and the lease is kept.
        with fleet.playbook("-l", "order-2") as first:
            wait_for("it to leave", lambda: not status(fleet.consumers["order-2"])["consuming"], LONG)
            group.brokers[0].kill()
            assert first.wait(LONG) == 2, first.text
        assert "brokers are down" in first.text and fleet.starts() == starts and fleet.down() == set(), first.text
        group.brokers[0].start()
        # It remembers for a while who was there before.
        wait_for("each to be there once", lambda: sorted(group.listed()) == sorted(everybody), 90, 0.5)
        ended = fleet.roll(limit="order-2")
        assert ended.code == 0 and "resuming run" in ended.text, ended.text
        fleet.complete()
        assert fleet.starts() == {**starts, "order-2": starts["order-2"] + 1} and fleet.held() == {}
