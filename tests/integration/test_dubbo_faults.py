# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_state while something else breaks: what it claims is true, and what it cannot prove it does not claim.

What is registered is asked of the registry by a client of its own, what became of calls of the consumers.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _zookeeper_session

from tests import lab
from tests.integration.test_dubbo_provider_state import Fleet, idle
from tests.lab.demo import wait_for
from tests.lab.dubbo import ECHO, ECHO2, Provider
from tests.lab.dubbo.truth import client, failed, levels, so_far
from tests.lab.proxy import Proxy
from tests.unit.qos_double import Living, qos_double

# The lab's consumers here are of the dubbo protocol alone, and hear on their own connections.
SETTLE = 1.0


@dataclass
class Called(Fleet):
    """An ensemble, and three providers under calls. The last one's only way to the registry is the proxy.

    Three, since after a change of leader each process of Dubbo 3 makes its instance's node anew: where only one is
    left, consumers of the application level find nobody for a moment.
    """

    proxy: Proxy

    @property
    def far(self) -> Provider:
        return self.scene.providers[-1]

    @contextlib.contextmanager
    def draining(self, provider: Provider, **params: Any) -> Iterator[Future[dict[str, Any]]]:
        """The module is at it inside the block, and the process has been told."""
        with ThreadPoolExecutor(1) as pool:
            drain = pool.submit(self.state, "out", provider, **params)
            wait_for("the process to leave", lambda: "Y" not in provider.published()[ECHO], 30)
            yield drain

    def lose(self, sessions: set[int]) -> None:
        """Cut the last provider off until the registry's own log says that these are over."""
        self.proxy.cut()
        logs = [server.log for server in self.scene.zookeeper.servers]

        def over() -> bool:
            said = "".join(log.read_text() for log in logs)
            return all(f"Expiring session 0x{one:x}," in said for one in sessions)

        wait_for("the sessions to end", over, 30)
        self.proxy.heal()

    def lost(self, since: dict[str, int]) -> dict[str, Any]:
        return {consumer: reasons for consumer, reasons in failed(self.scene, since).items() if reasons}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Called]:
    folder = tmp_path_factory.mktemp
    with contextlib.ExitStack() as stack:
        scene = stack.enter_context(lab.dubbo(folder("called"), servers=3))
        zk = scene.zookeeper
        proxy = stack.enter_context(contextlib.closing(Proxy(zk.ports[zk.servers.index(zk.follower())])))
        registries, services = [f"zookeeper://127.0.0.1:{proxy.port}"], (ECHO, ECHO2)
        far = lab.dubbo_provider(registries, folder("far"), name="far", services=services)
        scene.providers.append(stack.enter_context(far))
        yield Called(scene, stack.enter_context(client(zk.hosts)), proxy)


@pytest.fixture
def fleet(started: Called) -> Called:
    started.scene.complete()
    return started


def test_the_registry_loses_its_leader(fleet: Called) -> None:
    """While a node is left: by then the provider has told its consumers, and not yet the registry."""
    provider, since = fleet.scene.providers[0], so_far(fleet.scene)
    with fleet.draining(provider, settle=SETTLE) as drain:
        leader = fleet.scene.zookeeper.leader()
        leader.kill()
    taken = drain.result()
    provider.kill()
    assert not taken.get("failed"), taken["msg"]
    wait_for("the tests' own client", lambda: bool(fleet.registry.connected), 30)
    assert not levels(fleet.registry, provider) and not fleet.lost(since)
    leader.start()
    provider.start()
    fleet.done("in", provider, before=taken["before"])
    fleet.called(provider)
    assert not fleet.lost(since)


def test_the_module_is_cut_off_from_the_registry(fleet: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 2.0)
    provider, since = fleet.scene.providers[0], so_far(fleet.scene)
    with contextlib.closing(Proxy(fleet.scene.zookeeper.ports[0])) as way:
        registry = f"zookeeper://127.0.0.1:{way.port}"
        with fleet.draining(provider, settle=SETTLE, deadline=3.0, registries=[registry]) as drain:
            way.cut()
        result = drain.result()
    assert result["failed"] and result["changed"]
    assert "NOT proved out: after " in result["msg"] and f"{registry} is unreachable: " in result["msg"]
    assert [node for node in result["gone"] if node["after"] is None]
    # It was out all the same; that is claimed when it is seen.
    assert not levels(fleet.registry, provider)
    assert not fleet.done("out", provider, settle=SETTLE)["changed"]
    fleet.done("in", provider, before=result["before"], restarted=False)
    fleet.called(provider)
    assert not fleet.lost(since)


def test_the_provider_is_cut_off_from_the_registry(fleet: Called) -> None:
    """It can tell its registry nothing, and its nodes stay until its session ends. Then it goes on where it was."""
    provider, since, whole = fleet.far, so_far(fleet.scene), levels(fleet.registry, fleet.far)
    brief: dict[str, Any] = {"settle": SETTLE, "quiet": 0.0}
    fleet.proxy.cut()
    result = fleet.state("out", provider, deadline=2.0, **brief)
    assert result["failed"] and result["changed"] and levels(fleet.registry, provider) == whole
    assert "asked for 'gracefulShutdown' it gives no answer" in result["msg"]
    assert "Whether it was done is not known" in result["msg"]
    seen = fleet.state("out", provider, deadline=0.5, qos=None, before=result["before"], **brief)
    assert seen["failed"] and "NOT proved out: after " in seen["msg"] and not seen["changed"]
    assert {node["after"] for node in seen["gone"]} == {None} and f"/{provider.address()} (session 0x" in seen["msg"]
    wait_for("its session to end", lambda: not levels(fleet.registry, provider), 30)
    fleet.proxy.heal()
    fleet.done("out", provider, settle=SETTLE, before=result["before"])
    assert not levels(fleet.registry, provider)
    fleet.done("in", provider, before=result["before"], restarted=False)
    fleet.called(provider)
    assert not fleet.lost(since)


def test_a_session_is_lost(fleet: Called) -> None:
    """Who is in comes back by itself, in another session and yet the same process; who is out stays so."""
    provider, since, whole = fleet.far, so_far(fleet.scene), levels(fleet.registry, fleet.far)
    before, sessions = fleet.done("out", provider, check=True)["before"], fleet.sessions(provider)
    fleet.lose(sessions)
    wait_for("it to be back", lambda: levels(fleet.registry, provider) == whole, 60)
    assert not fleet.sessions(provider) & sessions
    back = fleet.state("out", provider, before=before, recheck=True, qos=None)
    assert back["failed"] and f"NOT out any more: {provider.address()}: zookeeper://" in back["msg"]
    same = fleet.state("in", provider, before=before, deadline=2.5)
    assert same["failed"] and "has a node of the process before" in same["msg"]
    fleet.done("in", provider, before=before, restarted=False)

    sessions, said = fleet.sessions(provider), len(provider.log.read_text())
    fleet.done("out", provider, settle=SETTLE)
    fleet.lose(sessions)
    wait_for("its new sessions", lambda: provider.log.read_text()[said:].count(": RECONNECTED") == len(sessions), 60)
    assert not fleet.done("out", provider, before=before, settle=SETTLE)["changed"]
    assert not levels(fleet.registry, provider)
    fleet.done("in", provider, before=before, restarted=False)
    fleet.called(provider)
    assert not fleet.lost(since)


class Deaf(Living):
    """It obeys no command, and does not answer it."""

    def answer(self, target: str) -> tuple[int, str]:
        if target.startswith("/gracefulShutdown"):
            self.over.wait(30)
            return 500, ""
        return super().answer(target)

    over = threading.Event()


def test_a_qos_port_that_hangs(fleet: Called) -> None:
    provider, since, tree = fleet.scene.providers[0], so_far(fleet.scene), fleet.tree()
    with qos_double({}, delay=8.0) as double:
        result = fleet.state("out", provider, qos=double.port, deadline=2.5)
    assert result["failed"] and not result["changed"] and double.asked == ["/ls"]
    assert f"qos port {double.port}: asked for 'ls' it gives no answer: no whole answer in time" in result["msg"]
    deaf = Deaf("3.3.6", {ECHO: True, ECHO2: True})
    with deaf:
        result = fleet.state("out", provider, qos=deaf.port, deadline=2.5)
        deaf.over.set()
    assert result["failed"] and result["changed"] and deaf.told == ["/gracefulShutdown"]
    assert "asked for 'gracefulShutdown' it gives no answer: no whole answer in time" in result["msg"]
    assert fleet.tree() == tree and not fleet.lost(since)


def test_the_provider_dies_in_the_drain(fleet: Called) -> None:
    """What it has left is waited out. Where somebody has to say that nothing is in flight, nobody does."""
    provider = fleet.scene.providers[0]
    before = fleet.done("out", provider, check=True)["before"]
    told = fleet.done("out", provider, registries=None, members=[])
    provider.kill()
    for consumer in fleet.scene.consumers:
        # What was under way when it died.
        consumer.settle()
    since = so_far(fleet.scene)
    asked: dict[str, Any] = {"qos": None, "before": before, "via": told["chose"], "settle": SETTLE}
    result = fleet.state("out", provider, idle=idle(provider), deadline=15.0, **asked)
    assert result["failed"] and "absent from every registry after" in result["msg"]
    assert "; NOT proved out: " in result["msg"] and provider.url("status") in result["msg"]
    assert not levels(fleet.registry, provider)
    fleet.done("out", provider, **asked)
    gone = fleet.state("out", provider, settle=SETTLE)
    assert gone["failed"] and not gone["changed"] and "gives no answer: connection refused" in gone["msg"]
    provider.start()
    fleet.done("in", provider, before=before)
    fleet.called(provider)
    assert not fleet.lost(since)
