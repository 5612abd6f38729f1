# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on instances that serve nginx and consume messages, each consumer killed at once as its instance
stops.

The consumers and the producer account for every message; the group is read with its brokers' own tools.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import lab
from tests.lab.demo import clean, wait_for
from tests.lab.mq.brokers import Brokers
from tests.lab.stage import Consuming

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
        producer = group.produce(4000, 60)
        wait_for("everybody to consume", lambda: all(fleet.consumed().values()), 60)
        leavers = {pid for pids in fleet.consumed().values() for pid in pids}
        ended = fleet.roll()
        assert ended.code == 0, ended.text
        fleet.complete()
        account = fleet.account(producer, leavers)
    assert account.sent == 4000 and account.clean, account.text()
    assert clean(client.result), client.losses
    assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
    assert fleet.configurations() == files and fleet.held() == {} and fleet.runs() == []
    print(ended.text, account.text())
