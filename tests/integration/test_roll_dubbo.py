# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on instances that serve nginx and Dubbo, each JVM killed at once when its instance stops.

The HTTP client and the Dubbo consumers account for every request; the registry is read with a client of the test's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import lab
from tests.lab.demo import clean
from tests.lab.dubbo import LEVELS, Consumer, address
from tests.lab.stage import Both

pytestmark = pytest.mark.timeout(900)


@dataclass
class Served:
    fleet: Both
    consumers: list[Consumer]

    def reached(self) -> None:
        """Wait until each consumer calls every provider."""
        for consumer in self.consumers:
            for name in self.fleet.instances:
                consumer.wait_calls(2, name, 120)

    def failed(self) -> dict[str, list[str]]:
        return {one.name: [f"{c.reason} {c.message}"[:200] for c in one.calls() if not c.ok] for one in self.consumers}


@pytest.fixture(params=["3.3", "2.7"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    with contextlib.ExitStack() as stack:
        zookeeper = stack.enter_context(lab.zookeeper(tmp_path / "zookeeper"))
        fleet = Both(tmp_path / "fleet", zookeeper, version=request.param)
        stack.enter_context(fleet)
        consumers = []
        for level in LEVELS[request.param]:
            (tmp_path / level).mkdir()
            options = {"version": request.param, "level": level, "name": f"{level}-caller"}
            consumers.append(stack.enter_context(lab.dubbo_consumer([address(zookeeper)], tmp_path / level, **options)))
        yield Served(fleet, consumers)


def test_roll(served: Served) -> None:
    fleet = served.fleet
    served.reached()
    with fleet.watched() as (client, observer):
        files = fleet.configurations()
        ended = fleet.roll()
        assert ended.code == 0, ended.text
        served.reached()
    assert served.failed() == {one.name: [] for one in served.consumers}
    assert clean(client.result), client.losses
    assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
    assert fleet.configurations() == files
    assert fleet.held() == {} and fleet.runs() == []
    assert "dubbo:echo-svc: 3 configured, 3 in traffic" in ended.text
    assert observer.lowest == {"order_svc": 1}
