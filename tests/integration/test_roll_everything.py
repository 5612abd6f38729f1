# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on instances of all kinds at once: the order in which they go out, and the floor of all pools.

Each kind is watched from outside: by the registries' own trees, the brokers' own tool, the balancers' files. The kind
firewall is in nginx's place where it is used, and has its own tests.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import lab
from tests.integration.test_roll_xxljob import WHOLE
from tests.lab.demo import clean, wait_for
from tests.lab.dubbo.truth import children, client
from tests.lab.nacos.caller import Caller as NacosCaller
from tests.lab.nacos.server import Nacos
from tests.lab.spring.caller import Caller as SpringCaller
from tests.lab.stage.both import APPLICATION
from tests.lab.stage.everything import Everything
from tests.lab.stage.jobs import Giver
from tests.lab.xxljob.admin_double import AdminDouble
from tests.lab.zookeeper import ZooKeeper

pytestmark = pytest.mark.timeout(900)
# As they are drained: what starts work first, whom somebody sends to then, the application last.
ORDER = ["timer", "xxljob", "kafka", "dubbo", "nacos", "nginx", "spring"]
WHO = "order-1"


class Watch:
    """When each of several things was first seen to be so."""

    def __init__(self, looks: dict[str, Callable[[], bool]]) -> None:
        self.first: dict[str, float] = {}
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._look, args=one, daemon=True) for one in looks.items()]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _look(self, name: str, holds: Callable[[], bool]) -> None:
        while not self._over.wait(0.02):
            if holds():
                self.first[name] = time.monotonic()
                return


@pytest.fixture
def nacos(tmp_path: Path) -> Iterator[Nacos]:
    (tmp_path / "nacos").mkdir()
    one = Nacos(tmp_path / "nacos", 2)
    try:
        one.start()
        yield one
    finally:
        one.kill()


@pytest.fixture
def zookeeper(tmp_path: Path) -> Iterator[ZooKeeper]:
    with lab.zookeeper(tmp_path / "zookeeper") as found:
        yield found


@pytest.fixture
def fleet(tmp_path: Path, zookeeper: ZooKeeper, nacos: Nacos) -> Iterator[Everything]:
    (tmp_path / "brokers").mkdir()
    with lab.kafka(tmp_path / "brokers", consumers=0) as brokers, AdminDouble() as admin:
        parts: dict[str, Any] = {
            "admin": admin,
            "brokers": brokers,
            "zookeeper": zookeeper,
            "registry": zookeeper.hosts,
            "nacos": nacos,
        }
        with Everything(tmp_path / "fleet", instances=2, **parts) as found:
            assert isinstance(found, Everything)
            yield found


def test_the_order_and_the_floor_of_all_pools(fleet: Everything, zookeeper: ZooKeeper, nacos: Nacos) -> None:
    with contextlib.ExitStack() as stack:
        registry = stack.enter_context(client(zookeeper.hosts))
        spring = stack.enter_context(SpringCaller(zookeeper.hosts))
        called = stack.enter_context(NacosCaller(fleet.watcher))
        port = str(fleet.providers[WHO].ports["dubbo"])
        folders = ["/dubbo/lab.Echo/providers", f"/services/{APPLICATION}"]

        def registered() -> bool:
            return any(port in name for folder in folders for name in children(registry, folder))

        looks: dict[str, Callable[[], bool]] = {
            "timer": lambda: WHO in fleet.off,
            "xxljob": lambda: fleet.executors[WHO].member not in fleet.admin.registered,
            "kafka": lambda: fleet.consumers[WHO].name not in fleet.brokers.members(),
            "dubbo": lambda: not registered(),
            "nacos": lambda: not fleet.there()[WHO][0],
            "nginx": lambda: {who for _lb, who in fleet.down()} == {WHO},
            "spring": lambda: spring.statuses()[fleet.services[WHO].name] == "DOWN",
        }
        producer = fleet.brokers.produce(2000, 60)
        with fleet.watched() as (web, observer), Giver(fleet) as giver:
            stopped: dict[str, bool] = {}

            def look() -> None:
                stopped.update({kind: holds() for kind, holds in looks.items()})

            fleet.moments.before(f"supervisorctl stop {WHO}", 1, look)
            leavers = {pid for pids in fleet.consumed().values() for pid in pids}
            with Watch(looks) as watch:
                ended = fleet.roll(limit=WHO)
            assert ended.code == 0, ended.text
            assert stopped == dict.fromkeys(ORDER, True)
            assert sorted(watch.first, key=watch.first.__getitem__) == ORDER, watch.first
            fleet.complete()
            assert not any(holds() for holds in looks.values()) and fleet.held() == {}
            account = fleet.account(producer, leavers)
        wait_for("every job to end", lambda: all(fleet.journal().get(one) == WHOLE for one in giver.given), 60)
        assert giver.lost == []
        assert account.sent == 2000 and account.clean, account.text()
        assert clean(web.result), web.losses
        assert spring.failures == [] and called.failures == [], (spring.failures, called.failures)
        assert observer.lowest["order_svc"] == 1 and called.lowest == 1
        # Who is out of one pool is out of the service: the other one stays in all of them.
        nacos.set(fleet.registered["order-2"].member, enabled=False, weight=3.0)
        ended = fleet.roll(limit=WHO)
        assert ended.code == 2 and "nacos:order-svc: 2 configured, 1 in traffic" in ended.text, ended.text
        assert fleet.starts() == {WHO: 2, "order-2": 1} and fleet.off == set() and fleet.down() == set()
