# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on instances that serve nginx and Dubbo, each JVM killed at once when its instance stops.

The HTTP client and the Dubbo consumers account for every request; the registry is read with a client of the test's own.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import lab
from tests.integration.test_roll_killed import boundary, logs
from tests.lab.demo import clean, wait_for
from tests.lab.dubbo import ECHO, ECHO2, LEVELS, Consumer, address
from tests.lab.dubbo.truth import children, client
from tests.lab.stage import FAIL, LONG, Both, kill
from tests.lab.stage.both import APPLICATION

pytestmark = pytest.mark.timeout(900)


class Scene:
    """A fleet, its consumers, and a client of the registry."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, version: str = "3.3", **fleet: Any) -> None:
        self.zookeeper = stack.enter_context(lab.zookeeper(folder / "zookeeper"))
        self.fleet = Both(folder / "fleet", self.zookeeper, version=version, **fleet)
        stack.enter_context(self.fleet)
        self.registry = stack.enter_context(client(self.zookeeper.hosts))
        self.consumers = [stack.enter_context(self._consumer(folder, version, level)) for level in LEVELS[version]]
        self.reached()

    def _consumer(self, folder: Path, version: str, level: str) -> contextlib.AbstractContextManager[Consumer]:
        (folder / level).mkdir()
        name, registries = f"{level}-caller", [address(self.zookeeper)]
        return lab.dubbo_consumer(registries, folder / level, name=name, level=level, version=version)

    def reached(self) -> None:
        """Wait until each consumer calls every provider."""
        for consumer in self.consumers:
            for name in self.fleet.instances:
                consumer.wait_calls(2, name, 120)

    def failed(self) -> list[str]:
        return [f"{call.reason} {call.message}"[:200] for one in self.consumers for call in one.calls() if not call.ok]

    def registered(self) -> set[str]:
        """The instances of which any node is in the registry, on any level."""
        folders = [f"/dubbo/{name}/providers" for name in ("lab.Echo", "lab.Echo2")]
        names = [name for folder in [*folders, f"/services/{APPLICATION}"] for name in children(self.registry, folder)]
        ports = {name: str(one.ports["dubbo"]) for name, one in self.fleet.providers.items()}
        return {name for name, port in ports.items() if any(port in node for node in names)}

    def published(self, instance: str) -> Mapping[str, bool]:
        """By service whether the process says that it is registered everywhere."""
        return {service: "N" not in said for service, said in self.fleet.providers[instance].published().items()}


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("version", ["3.3", pytest.param("2.7", marks=pytest.mark.variant)])
def test_roll(stack: contextlib.ExitStack, tmp_path: Path, version: str) -> None:
    """A service that a person had taken offline at one instance is so after the roll, too."""
    scene = Scene(stack, tmp_path, version)
    fleet = scene.fleet
    with fleet.watched() as (client, observer):
        files = fleet.configurations()
        fleet.providers["order-3"].qos(f"offline?x={ECHO2 if version == '3.3' else 'lab.Echo2'}")
        wait_for("one to be offline", lambda: not scene.published("order-3")[ECHO2], 30)
        ended = fleet.roll()
        assert ended.code == 0, ended.text
        scene.reached()
    assert scene.failed() == []
    assert clean(client.result), client.losses
    assert fleet.starts() == dict.fromkeys(fleet.instances, 2)
    assert fleet.configurations() == files and scene.registered() == set(fleet.instances)
    assert [scene.published(name)[ECHO2] for name in fleet.instances] == [True, True, False]
    assert all(scene.published(name)[ECHO] for name in fleet.instances)
    assert fleet.held() == {} and fleet.runs() == []
    assert observer.lowest == {"order_svc": 1}


@pytest.mark.variant
def test_what_goes_wrong(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    """One fleet, one trouble after the other: each ends by the rules, and the same command does the rest."""
    scene = Scene(stack, tmp_path, own={"order-1": {"instance_health_deadline": 3.0}})
    fleet = scene.fleet
    everybody = set(fleet.instances)
    with fleet.watched() as (client, _observer):
        # The registry has let go of the batch, and a balancer cannot: it goes back there too.
        fleet.moments.before("lb-1 test", 1, lambda: FAIL)
        ended = fleet.roll(limit="order-1,order-2")
        assert ended.code == 2 and fleet.held() == {}, ended.text
        assert scene.registered() == everybody and fleet.down() == set()
        scene.reached()

        # Killed in the middle of the drain: it is put back by what the lease knows, and the same command goes on.
        with fleet.playbook("-l", "order-1,order-2") as first:
            wait_for("the registry to let go", lambda: scene.registered() == {"order-3"}, LONG)
            kill(first)
            first.wait(LONG)
        assert set(fleet.held()) == {"order-1", "order-2"}
        with fleet.playbook("-l", fleet.service, name="restore.yml") as restore:
            assert restore.wait(LONG) == 0, restore.text
        assert scene.registered() == everybody and fleet.down() == set() and fleet.held() == {}
        ended = fleet.roll(limit="order-1,order-2")
        assert ended.code == 0 and "resuming run" in ended.text, ended.text
        scene.reached()
        assert fleet.starts() == {"order-1": 2, "order-2": 2, "order-3": 1}

        # A gate that fails: what had registered itself is taken out again.
        fleet.moments.before("supervisorctl start order-1", 2, partial(fleet.switch, "order-1", "unhealthy"))
        ended = fleet.roll(limit="order-1")
        assert ended.code == 2 and "EXPOSED: order-1" in ended.text, ended.text
        assert scene.registered() == everybody - {"order-1"} and fleet.held() == {"order-1": "restarting"}
        fleet.switch("order-1", "unhealthy", None)
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and "resuming run" in ended.text, ended.text
        scene.reached()
        assert scene.failed() == []

        # One whose JVM hangs: it does not answer, loses calls, and is restarted all the same.
        starts = fleet.starts()["order-1"]
        os.kill(fleet.providers["order-1"].status()["pid"], signal.SIGSTOP)
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and "order-1 (unhealthy" in ended.text, ended.text
        assert fleet.starts()["order-1"] == starts + 1
        scene.reached()
    assert scene.registered() == everybody and fleet.held() == {} and fleet.runs() == []
    assert clean(client.result), client.losses


@pytest.mark.variant
def test_killed_before_every_step_of_its_own(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    """From the drain on, each with the same command again: order-1 is restarted once, and no call is lost."""
    scene = Scene(stack, tmp_path, balancers=1)
    fleet = scene.fleet
    with fleet.watched() as (client, _observer):
        steps = _own_steps(fleet, tmp_path / "steps")
        assert {step.partition(" | ")[0] for step, _number in steps} == {"Drain", "Attach", "Verify"}
        for step, number in steps:
            starts = fleet.starts()["order-1"]
            log = tmp_path / f"{number} {step}".replace("/", " ")
            killed = fleet.roll(limit="order-1", environment=boundary(log, f"{number} {step}"))
            assert killed.code == -9, killed.text
            ended = fleet.roll(limit="order-1")
            assert ended.code == 0 and "resuming run" in ended.text, f"{number} {step}: {ended.text}"
            assert fleet.starts()["order-1"] == starts + 1, f"{number} {step}"
            assert scene.registered() == set(fleet.instances) and fleet.held() == {} and fleet.runs() == []
        scene.reached()
    assert scene.failed() == []
    assert clean(client.result), client.losses


def _own_steps(fleet: Both, log: Path) -> list[tuple[str, int]]:
    """The steps of a roll with a module of Dubbo's, from the drain on, and which of its name each is."""
    ended = fleet.roll(limit="order-1", environment=boundary(log))
    assert ended.code == 0, ended.text
    steps, modules = (path.read_text().splitlines() for path in logs(log))
    return [
        (step, 1 + steps[:place].count(step))
        for place, (step, module) in enumerate(zip(steps, modules, strict=True))
        if module.startswith("dubbo_") and place > steps.index("Drain | take the batch out") - 1
    ]


def test_refusals(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    """Nothing is touched: the last provider of a service, an instance that is listed nowhere, QoS that does not answer,
    an application or a registry that is not there."""
    services = {"order-2": (ECHO,), "order-3": (ECHO,)}
    scene = Scene(stack, tmp_path, services=services)
    fleet = scene.fleet
    before = fleet.files(), fleet.pids(), scene.registered()

    def refused(limit: str, said: str, host: str = "", **entry: Any) -> None:
        fleet.describe(entry, host)
        ended = fleet.roll(limit=limit)
        assert ended.code == 2 and said in ended.text, ended.text
        assert (fleet.files(), fleet.pids(), scene.registered()) == before

    refused("order-1", "lab.Echo2:1.0.0:g1 of dubbo:echo-svc: 1 configured, floor 30% = 1: none may ever be out")
    refused("order-2", "order-2: qos port 1: asked for 'ls' it gives no answer", "order-2", qos=1)
    listed = fleet.providers["order-2"].address()
    refused("order-2", f"lists {listed}, which is no member in this inventory", "order-2", member="127.0.0.1:1")
    refused("order-2", "application 'echo-scv' is not there; it has echo-svc", application="echo-scv")
    refused("order-2", "zookeeper://127.0.0.1:1 is unreachable", registry="zookeeper://127.0.0.1:1")
    assert scene.failed() == []
