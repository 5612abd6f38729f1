# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on instances that Nacos's own client registers in real servers, 2.x and 3.x.

The caller calls whom that client shows it, and accounts for every call. The processes are killed at once when stopped.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests.integration.test_roll_killed import boundary
from tests.lab.demo import clean, wait_for
from tests.lab.nacos.caller import Caller
from tests.lab.nacos.server import PASSWORD, REMEMBERED, SERVICE, USER, Nacos, Registered
from tests.lab.nginx import free_port
from tests.lab.stage import LONG
from tests.lab.stage.listed import Listed
from tests.lab.zookeeper import HOST

pytestmark = pytest.mark.timeout(600)
# Seconds after which the server knows nothing more of who has gone; it looks every 5 s.
FORGOTTEN = REMEMBERED + 8
# As it was registered.
WHOLE = (True, 3.0, "{'zone': 'a'}")
# What is the same in both versions is tried with the newer one, and by `make matrix` with the other.
newer = pytest.mark.parametrize("nacos", [pytest.param(2, marks=pytest.mark.variant), 3], indirect=True)


@pytest.fixture(scope="module", params=[2, 3])
def nacos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nacos]:
    one = Nacos(tmp_path_factory.mktemp(f"nacos-{request.param}"), request.param)
    try:
        one.start()
        yield one
    finally:
        one.kill()


@newer
def test_nothing_is_lost(tmp_path: Path, nacos: Nacos) -> None:
    """Behind nginx and in Nacos at the same time; weight and metadata are the same before and after."""
    seen: dict[str, set[str]] = {}
    with Listed(tmp_path / "fleet", nacos, variables={"fleet_pace": [1]}) as fleet, Caller(fleet.watcher) as caller:

        def look(name: str) -> None:
            seen[name] = {one for one, (enabled, _weight, _data) in fleet.there().items() if not enabled}

        for name in fleet.instances:
            fleet.moments.before(f"supervisorctl stop {name}", 1, partial(look, name))
        before = fleet.there()
        with fleet.watched() as (client, observer):
            ended = fleet.roll()
            assert ended.code == 0, ended.text
            assert seen == {name: {name} for name in fleet.instances}
            assert fleet.there() == before == dict.fromkeys(fleet.instances, WHOLE)
            called = {one.member for one in fleet.registered.values()}
            wait_for("everybody to be called anew", lambda: all(len(caller.pids[one]) == 2 for one in called))
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2) and fleet.held() == {}
    assert caller.failures == [] and caller.lowest >= 2, (caller.failures, caller.lowest)
    assert clean(client.result), client.losses
    assert observer.lowest["order_svc"] >= 2


@newer
@pytest.mark.parametrize(
    "wiped", [False, pytest.param(True, marks=pytest.mark.variant)], ids=["with its data", "without them"]
)
def test_a_server_that_is_restarted(tmp_path: Path, nacos: Nacos, wiped: bool) -> None:
    """While an instance is out: its own process starts as the server comes back."""

    def restart() -> None:
        nacos.kill()
        if wiped:
            nacos.wipe()
        nacos.start()

    with Listed(tmp_path / "fleet", nacos, instances=2) as fleet, Caller(fleet.watcher) as caller:
        with fleet.watched() as (client, _observer):
            fleet.moments.before("supervisorctl start order-1", 1, restart)
            ended = fleet.roll("-e", "instance_restart_deadline=120", limit="order-1")
            assert ended.code == 0 and fleet.held() == {}, ended.text
            wait_for("both registered", lambda: fleet.there() == dict.fromkeys(fleet.instances, WHOLE), 60, 0.5)
        assert clean(client.result), client.losses
    assert caller.failures == [], caller.failures


@newer
@pytest.mark.variant
@pytest.mark.parametrize("reload", [1, 2], ids=["in the drain", "in the attach"])
def test_a_server_is_restarted_as_it_is_asked(tmp_path: Path, nacos: Nacos, reload: int) -> None:
    """With what it knew: it is waited for, and nobody stays out."""
    starting: list[threading.Thread] = []

    def restart() -> None:
        nacos.kill()
        starting.append(threading.Thread(target=nacos.start))
        starting[0].start()

    with Listed(tmp_path / "fleet", nacos, instances=2, balancers=1) as fleet, Caller(fleet.watcher) as caller:
        with fleet.watched() as (client, _observer):
            fleet.moments.before("lb-1 reload", reload, restart)
            ended = fleet.roll(limit="order-1")
            starting[0].join()
            assert ended.code == 0 and fleet.held() == {}, ended.text
            wait_for("both registered", lambda: fleet.there() == dict.fromkeys(fleet.instances, WHOLE), 60, 0.5)
        assert clean(client.result), client.losses
    assert caller.failures == [], caller.failures


@newer
def test_a_start_that_takes_longer_than_nacos_remembers(tmp_path: Path, nacos: Nacos) -> None:
    """The new process registers, is not called before its gate and its warm-up, and comes in as the old one was."""
    with Listed(tmp_path / "fleet", nacos, instances=2) as fleet, Caller(fleet.watcher) as caller:
        one = fleet.registered["order-1"]
        first: list[tuple[bool, float, str]] = []

        def wait() -> None:
            wait_for("it to be gone", lambda: "order-1" not in fleet.there(), 60, 0.2)
            ended = time.monotonic()
            wait_for("the time to pass", lambda: time.monotonic() > ended + FORGOTTEN, FORGOTTEN + 60, 0.5)
            threading.Thread(target=look).start()

        def look() -> None:
            wait_for("it to be back", lambda: "order-1" in fleet.there(), 60, 0.05)
            first.append(fleet.there()["order-1"])

        with fleet.watched() as (client, _observer):
            fleet.moments.before("supervisorctl start order-1", 1, wait)
            ended = fleet.roll("-e", "instance_restart_deadline=120", limit="order-1")
            assert ended.code == 0 and fleet.held() == {}, ended.text
            wait_for("it to be called", lambda: len(caller.pids[one.member]) == 2)
        assert first == [(False, *WHOLE[1:])]
        assert fleet.there() == dict.fromkeys(fleet.instances, WHOLE)
        assert clean(client.result), client.losses
    assert caller.failures == [], caller.failures


@newer
@pytest.mark.parametrize(
    "killed", ["Restart | tell the ledger", pytest.param("Attach | put the batch back", marks=pytest.mark.variant)]
)
def test_a_killed_controller(tmp_path: Path, nacos: Nacos, killed: str) -> None:
    """What was disabled is enabled by restore.yml, and by the same command, with its weight."""
    two = Listed(tmp_path / "fleet", nacos, instances=2)
    with two as fleet, Caller(fleet.watcher) as caller, fleet.watched() as (client, _observer):
        died = fleet.roll(limit="order-1", environment=boundary(tmp_path / "steps", f"1 {killed}"))
        assert died.code == -9 and list(fleet.held()) == ["order-1"], died.text
        assert fleet.there()["order-1"] == (False, *WHOLE[1:])
        with fleet.playbook("-l", fleet.service, name="restore.yml") as restore:
            assert restore.wait(LONG) == 0, restore.text
        assert fleet.held() == {} and fleet.there() == dict.fromkeys(fleet.instances, WHOLE)
        died = fleet.roll(limit="order-2", environment=boundary(tmp_path / "more", f"1 {killed}"))
        assert died.code == -9, died.text
        ended = fleet.roll(limit="order-2")
        assert ended.code == 0 and fleet.held() == {}, ended.text
        assert fleet.there() == dict.fromkeys(fleet.instances, WHOLE)
    assert caller.failures == [] and caller.lowest >= 1, (caller.failures, caller.lowest)
    assert clean(client.result), client.losses


@newer
def test_weights_in_steps(tmp_path: Path, nacos: Nacos) -> None:
    """Between its gate and its whole weight; what a person has set by the console is exactly what comes back."""
    shares: set[float] = set()
    over = threading.Event()
    more = {"instance_warmup": [50], "instance_warmup_seconds": 1}
    with Listed(tmp_path / "fleet", nacos, instances=2, variables=more) as fleet, Caller(fleet.watcher) as caller:
        one = fleet.registered["order-1"]
        nacos.set(one.member, enabled=True, weight=2.5)

        def look() -> None:
            while not over.wait(0.1):
                enabled, weight, _data = fleet.there().get("order-1", (False, 0.0, ""))
                shares.update([weight] if enabled else [])

        looking = threading.Thread(target=look)
        looking.start()
        try:
            with fleet.watched() as (client, _observer):
                ended = fleet.roll(limit="order-1")
        finally:
            over.set()
            looking.join()
        assert ended.code == 0, ended.text
        assert fleet.there()["order-1"] == (True, 2.5, WHOLE[2]) and fleet.there()["order-2"] == WHOLE
        assert clean(client.result), client.losses
    assert caller.failures == [], caller.failures
    assert shares == {2.5, 1.25}


class Alone:
    """One instance and a consumer, and the modules' answers."""

    def __init__(self, folder: Path, nacos: Nacos) -> None:
        self.nacos, self.folder = nacos, folder
        self.instance, self.consumer = (self._made(name, weight) for name, weight in (("order-1", 3.0), ("seer", 0.0)))

    def _made(self, name: str, weight: float) -> Registered:
        (self.folder / name).mkdir()
        return Registered(self.folder / name, self.nacos, HOST, weight)

    def __enter__(self) -> Alone:
        self.instance.start()
        self.consumer.start()
        wait_for("it to be seen", lambda: self.consumer.seen() == [self.instance.member], 30, 0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self.instance.kill()
        self.consumer.kill()

    @property
    def there(self) -> tuple[bool, float, str]:
        one = self.nacos.registered()[self.instance.member]
        return one["enabled"], one["weight"], str(one["metadata"])

    def call(self, module: str, check: bool = False, **more: Any) -> dict[str, Any]:
        secret = self.folder / "secret"
        secret.write_text(f"{USER}:{PASSWORD}\n")
        secret.chmod(0o600)
        asked: dict[str, Any] = {"servers": [self.nacos.url], "services": [SERVICE], "members": [self.instance.member]}
        if self.nacos.version == 3:
            asked["auth"] = {"file": str(secret)}
        return _local.run(module, {**asked, **more}, check)

    def leaves(self, away: int) -> None:
        """Its process dies, and has been gone for so long."""
        self.instance.kill()
        wait_for("it to be gone", lambda: self.nacos.registered() == {}, 60, 0.2)
        ended = time.monotonic()
        wait_for("the time to pass", lambda: time.monotonic() > ended + away, away + 60, 0.5)

    def state(self, state: str, check: bool = False, **more: Any) -> dict[str, Any]:
        times = {"settle": 1.0, "deadline": 20.0, "state_dir": str(self.folder)}
        return self.call("nacos_instance_state", check, **{"state": state, **times, **more})


@pytest.fixture
def alone(tmp_path: Path, nacos: Nacos) -> Iterator[Alone]:
    with Alone(tmp_path, nacos) as made:
        yield made


@newer
def test_out_and_in_again(alone: Alone) -> None:
    would = alone.state("out", check=True)
    assert would["changed"] and "would set" in would["msg"] and alone.there == WHOLE, would
    left = alone.state("out")
    assert left["changed"] and alone.there == (False, *WHOLE[1:]) and alone.consumer.seen() == [], left
    assert not alone.state("out")["changed"] and not alone.state("out", recheck=True).get("failed")
    back = alone.state("in", before=left["before"])
    assert back["changed"] and alone.there == WHOLE, back
    wait_for("it to be seen", lambda: alone.consumer.seen() == [alone.instance.member])
    assert not alone.state("in", before=left["before"])["changed"]
    again = alone.state("out", recheck=True)
    assert again["failed"] and "somebody else has changed it" in again["msg"] and alone.there == WHOLE, again


@newer
def test_a_person_s_hand_is_put_back(alone: Alone) -> None:
    """Disabled before is disabled after, also where its process comes back enabled."""
    alone.nacos.set(alone.instance.member, enabled=False, weight=2)
    left = alone.state("out")
    assert not left["changed"] and left["before"]["members"][alone.instance.member][SERVICE] == {
        **{"enabled": False, "weight": 2.0}
    }
    alone.nacos.set(alone.instance.member, enabled=True, weight=3)
    assert alone.state("in", before=left["before"])["changed"] and not alone.there[0]


@newer
@pytest.mark.parametrize("away", [pytest.param(0, marks=pytest.mark.variant), FORGOTTEN])
def test_what_nobody_holds_comes_back_enabled(alone: Alone, away: int) -> None:
    """Of who is away for longer, as Nacos has it; and what it was is set in either case."""
    alone.nacos.set(alone.instance.member, enabled=True, weight=2)
    left = alone.state("out")
    alone.leaves(away)
    alone.instance.start()
    wait_for("it to be registered", lambda: bool(alone.nacos.registered()), 60, 0.2)
    assert alone.there[:2] == ((True, 3.0) if away else (False, 2.0))
    back = alone.state("in", before=left["before"])
    assert not back.get("failed") and alone.there == (True, 2.0, WHOLE[2]), back


@pytest.mark.parametrize(
    ("nacos", "api"), [pytest.param(2, "v1", marks=pytest.mark.variant), (2, "v2"), (3, "v3")], indirect=["nacos"]
)
def test_what_is_held_comes_back_disabled(alone: Alone, api: str) -> None:
    """However long it was away, and also where nobody else is in its service; with the metadata of its next process."""
    seen: list[str] = []
    left = alone.state("out", api=api)
    more = {"before": left["before"], "interval": 1.0, "deadline": 300.0, "api": api}
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(alone.state, "held", **more)
        wait_for("the hold", lambda: any((alone.folder / "nacos").glob("*.json")))
        alone.leaves(FORGOTTEN)
        alone.instance.start()
        wait_for("it to be registered", lambda: bool(alone.nacos.registered()), 60, 0.05)
        seen += alone.consumer.seen()
        assert alone.there == (False, *WHOLE[1:]) and not holding.done()
        back = alone.state("in", before=left["before"], api=api)
        assert not back.get("failed") and alone.there == WHOLE, back
        assert holding.result(20)["set"] > 1 and seen == []
    assert alone.there == WHOLE


def test_refused(alone: Alone, tmp_path: Path) -> None:
    """One clear error, and nothing touched."""
    dead, wrong = f"http://{HOST}:{free_port()}/nacos", tmp_path / "wrong"
    wrong.write_text(f"{USER}:nix\n")
    wrong.chmod(0o600)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"servers": [dead]}, "0 of 1 servers answer"),
        ({"servers": [alone.nacos.url, dead]}, "1 of 2 servers answer, and more than half have to"),
        ({"servers": [alone.nacos.url.replace("/nacos", "/nix")]}, "nix"),
        ({"servers": ["nacos:8848"]}, "servers:"),
        ({"services": ["nix-svc"]}, "has no nix-svc in group DEFAULT_GROUP"),
        ({"namespace": "nix"}, "has no order-svc in group DEFAULT_GROUP, namespace nix"),
        ({"group": "NIX"}, "has no order-svc in group NIX"),
        ({"services": ["DEFAULT_GROUP@@order-svc"]}, "is no name of a service"),
        ({"members": ["10.0.0.9:8080"]}, "10.0.0.9:8080 is not registered in order-svc"),
        ({"members": ["order-1"]}, "members:"),
        ({"cluster": "NIX"}, "NIX"),
        ({"settle": 30.0}, "settle 30 s does not fit into deadline 20 s"),
        ({"before": {"members": {alone.instance.member: {SERVICE: {"up": 1}}}}}, "and not {enabled, weight}"),
    ]
    if alone.nacos.version == 3:
        cases += [
            ({"auth": {"file": str(wrong)}}, "gives the user 'nacos' no token"),
            ({"auth": None}, "refuses who does not say who asks (403)"),
            ({"api": "v1"}, "has this API no more"),
        ]
    else:
        cases += [({"api": "v3"}, "answers 404")]
    for more, said in cases:
        found = alone.state("out", **more)
        assert found["failed"] and said in found["msg"] and not found.get("changed"), (more, found)
        assert PASSWORD not in str(found)
    assert alone.there == WHOLE


@pytest.mark.parametrize("nacos", [2], indirect=True)
@pytest.mark.parametrize("api", ["v1", "v2"])
def test_both_apis_of_2_x(alone: Alone, api: str) -> None:
    left = alone.state("out", api=api)
    assert not left.get("failed") and left["changed"] and alone.there == (False, *WHOLE[1:])
    assert alone.state("in", api=api)["changed"] and alone.there == WHOLE


@newer
@pytest.mark.parametrize("ephemeral", [True, False])
def test_wherever_it_is(tmp_path: Path, nacos: Nacos, ephemeral: bool) -> None:
    """In a namespace, group and cluster of its own, and also where the server itself looks whether it lives."""
    service, place = f"pay-{ephemeral}".lower(), {"namespace": "prod", "group": "PAY", "cluster": "EAST"}
    secret = tmp_path / "secret"
    secret.write_text(f"{USER}:{PASSWORD}\n")
    secret.chmod(0o600)
    with socket.create_server((HOST, 0)) as server:
        member = f"{HOST}:{server.getsockname()[1]}"
        words = {"namespaceId": "prod", "groupName": "PAY", "clusterName": "EAST", "serviceName": service}
        nacos.register(member, ephemeral, **words, weight="3", metadata='{"zone":"a"}')

        def there() -> tuple[bool, float, str]:
            one = nacos.registered(service, "PAY", "prod", "EAST")[member]
            return one["enabled"], one["weight"], str(one["metadata"])

        wait_for("it to be registered", lambda: member in nacos.registered(service, "PAY", "prod", "EAST"), 30, 0.2)
        asked: dict[str, Any] = {"servers": [nacos.url], "services": [service], "members": [member], **place}
        asked |= {"settle": 0.5, "deadline": 10.0, "state_dir": str(tmp_path)}
        asked |= {"auth": {"file": str(secret)}} if nacos.version == 3 else {}
        left = _local.run("nacos_instance_state", {"state": "out", **asked}, False)
        assert not left.get("failed") and there() == (False, *WHOLE[1:]), left
        back = _local.run("nacos_instance_state", {"state": "in", "before": left["before"], **asked}, False)
        assert not back.get("failed") and there() == WHOLE, back


@newer
def test_who_is_in_the_pool(alone: Alone) -> None:
    found = alone.call("nacos_instance_info", source="here", members=[alone.instance.member, "10.0.0.9:8080"])
    [reading] = found["readings"]
    assert {one["member"]: one["state"] for one in reading["members"]} == {
        **{alone.instance.member: "up", "10.0.0.9:8080": "gone"}
    }
    alone.nacos.set(alone.instance.member, enabled=True, weight=0)
    found = alone.call("nacos_instance_info", source="here", members=[])
    [stranger] = found["readings"][0]["members"]
    assert (stranger["member"], stranger["state"]) == (alone.instance.member, "down")
