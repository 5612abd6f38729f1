# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on real applications of Spring Boot in a registry, with Actuator behind a password and TLS.

The caller takes its list from the registry and accounts for every call. The processes are killed at once when stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests import lab
from tests.integration.test_roll_killed import boundary
from tests.lab.demo import clean, processes, wait_for
from tests.lab.spring.caller import Caller
from tests.lab.spring.service import Service
from tests.lab.stage import LONG
from tests.lab.stage.registered import Registered
from tests.lab.tls import Authority
from tests.lab.zookeeper import HOST

pytestmark = pytest.mark.timeout(600)
OUT = "DOWN"


@pytest.fixture
def registry() -> Iterator[str]:
    """Of the test's own: whoever was killed with another fleet is still in its registry for a while."""
    with lab.zookeeper() as found:
        yield found.hosts


def test_nothing_is_lost(tmp_path: Path, registry: str) -> None:
    """Behind nginx and in the registry at the same time."""
    seen: dict[str, set[str]] = {}
    with Registered(tmp_path / "fleet", registry, variables={"fleet_pace": [1]}) as fleet, Caller(registry) as caller:

        def look(name: str) -> None:
            seen[name] = {one for one, status in caller.statuses().items() if status == OUT}

        for name in fleet.instances:
            fleet.moments.before(f"supervisorctl stop {name}", 1, partial(look, name))
        with fleet.watched() as (client, observer):
            ended = fleet.roll()
            assert ended.code == 0, ended.text
            called = {one.name for one in fleet.services.values()}
            wait_for("everybody to be called anew", lambda: all(len(caller.pids[one]) == 2 for one in called))
        assert seen == {name: {fleet.services[name].name} for name in fleet.instances}
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2) and fleet.held() == {}
        assert set(caller.statuses().values()) == {"UP"}
    assert caller.failures == [] and caller.lowest >= 2, (caller.failures, caller.lowest)
    assert clean(client.result), client.losses
    assert observer.lowest["order_svc"] >= 2


@pytest.mark.variant
@pytest.mark.parametrize("killed", ["Restart | tell the ledger", "Attach | put the batch back"])
def test_a_killed_controller(tmp_path: Path, registry: str, killed: str) -> None:
    """What was taken out is put back by restore.yml, and by the same command."""
    two = Registered(tmp_path / "fleet", registry, instances=2)
    with two as fleet, Caller(registry) as caller, fleet.watched() as (client, _observer):
        died = fleet.roll(limit="order-1", environment=boundary(tmp_path / "steps", f"1 {killed}"))
        assert died.code == -9 and list(fleet.held()) == ["order-1"], died.text
        with fleet.playbook("-l", fleet.service, name="restore.yml") as restore:
            assert restore.wait(LONG) == 0, restore.text
        assert fleet.held() == {} and set(caller.statuses().values()) == {"UP"}
        died = fleet.roll(limit="order-2", environment=boundary(tmp_path / "more", f"1 {killed}"))
        assert died.code == -9, died.text
        ended = fleet.roll(limit="order-2")
        assert ended.code == 0 and fleet.held() == {}, ended.text
        assert set(caller.statuses().values()) == {"UP"}
    assert caller.failures == [] and caller.lowest >= 1, (caller.failures, caller.lowest)
    assert clean(client.result), client.losses


def test_by_its_readiness(tmp_path: Path, registry: str) -> None:
    """The application's own endpoint, which nginx does not look at; whom it leaves unready is put back."""
    with Registered(tmp_path / "fleet", registry, instances=2, by="readiness") as fleet:
        with fleet.watched() as (client, _observer):
            ready: list[bool] = []
            one = fleet.services["order-1"]
            fleet.moments.before("supervisorctl stop order-1", 1, lambda: ready.append(one.serves()))
            ended = fleet.roll(limit="order-1")
            assert ended.code == 0 and ready == [False] and one.serves(), ended.text
        assert clean(client.result), client.losses
        # It is out by a person's hand, and is left alone.
        one.post("/internal/prepare-shutdown")
        ended = fleet.roll("-e", "instance_verify_requests=0", limit="order-1")
        assert "drained by hand (down in spring/order-svc" in ended.text, ended.text
        assert "readiness: expected status 200, saw 503" in ended.text, ended.text
        assert fleet.starts()["order-1"] == 2 and not one.serves()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"headers_file": None}, "saw 401. That says nothing of its work"),
        ({"ca_file": None}, "certificate refused"),
        ({"busy": {"tomcat.threads.buzy": 0}}, "metrics/tomcat.threads.buzy: expected status 200, saw 404"),
        ({"busy": {"tomcat.threads.busy": "0"}}, "busy: tomcat.threads.busy '0' is no number from 0 on"),
        ({"status": "STOPPED"}, "status 'STOPPED' is not one of DOWN, OUT_OF_SERVICE"),
        ({"settle": 500}, "settle 500 s must be shorter than instance_drain_deadline"),
        ({"leave": {"url": "http://127.0.0.1:1/x"}, "settle": None}, "settle is missing"),
        ({"actuator": "order-1:8081"}, "actuator 'order-1:8081' is"),
        ({"actuator": "https://127.0.0.1:1/actuator"}, "it is there, and this host cannot ask it"),
        ({"headers_file": "/nowhere/headers"}, "/nowhere/headers"),
        ({"serving": "UP"}, "serving 'UP' is no list of targets"),
    ],
)
def test_refused(started: Registered, entry: dict[str, Any], said: str) -> None:
    """One clear error, and nothing touched."""
    started.entry = entry
    started.describe({})
    files = started.files()
    ended = started.roll(limit="order-1")
    assert ended.code != 0 and said in ended.text, ended.text
    assert started.files() == files and started.starts() == dict.fromkeys(started.instances, 1)
    assert all(one.serves() for one in started.services.values())


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    more: dict[str, Any] = {"instances": 2, "balancers": 1, "variables": {"instance_verify_requests": 0}}
    folder = tmp_path_factory.mktemp("refused") / "fleet"
    with lab.zookeeper() as found, Registered(folder, found.hosts, **more) as fleet:
        assert isinstance(fleet, Registered)
        yield fleet


def test_an_endpoint_that_does_nothing(started: Registered) -> None:
    """It answers 200, and the application takes work still: the instance goes back, and was not restarted."""
    started.entry = {}
    nothing = {"url": f"{started.services['order-1'].url}/internal/nothing"}
    started.describe({"leave": nothing, "settle": 0}, "order-1")
    ended = started.roll("-e", "instance_drain_deadline=5", limit="order-1")
    assert ended.code == 2 and "was told to, and after" in ended.text and "it takes work" in ended.text, ended.text
    assert started.held() == {} and started.starts() == dict.fromkeys(started.instances, 1)


def test_shutdown_is_a_way_to_stop(tmp_path: Path) -> None:
    """By Actuator, with its password and certificate; the process that answers afterwards is another one."""
    folder = tmp_path / "order-1"
    folder.mkdir()
    one = Service(folder, Authority(tmp_path / "tls"), HOST)
    program, start = tmp_path / "command.json", tmp_path / "start.py"
    program.write_text(json.dumps(one.command))
    start.write_text(
        "import json, subprocess, sys\n"
        f"subprocess.Popen(json.load(open({str(program)!r})), cwd={str(folder)!r}, start_new_session=True,\n"
        f"    stdin=subprocess.DEVNULL, stdout=open({str(one.log)!r}, 'ab'), stderr=subprocess.STDOUT)\n"
    )
    stop = ["curl", "-fsS", "-X", "POST", "--cacert", str(one.ca), "-H", f"@{one.headers}", f"{one.actuator}/shutdown"]
    restart = {"stop": stop, "start": [sys.executable, str(start)]}
    asked = {"restart": restart, "address": f"{HOST}:{one.port}", "state": "restarted", "state_dir": str(tmp_path)}
    try:
        one.start()
        done = _local.run("instance_process", {**asked, "deadline": 60.0}, False)
        wait_for("the next process", one.serves, 60, 0.2)
        assert not done.get("failed") and done["changed"] and not one.alive, done
    finally:
        one.kill()
        processes.end(lambda: [found for found in processes.running() if found.folder == str(folder)])
