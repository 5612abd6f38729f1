# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo fleet: what is started serves and is accounted for, and what is stopped is gone."""

from __future__ import annotations

import collections
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.demo import Failed, Fleet, Unusable, addresses, clean, compare, processes, wait_for

ROOT = Path(__file__).parents[2]
IDLE = {"in_flight": 0, "pool": {"size": 64, "busy": 0}, "queue": 0, "preparing": False}


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("common") / "fleet"
    with Fleet(folder, instances=3, upstreams={"order_svc": None, "order_admin": 2}) as started:
        yield started


@pytest.fixture
def fleet(common: Fleet) -> Iterator[Fleet]:
    """One fleet for all, healthy again after each."""
    yield common
    for path in (common.folder / "switches").iterdir():
        path.unlink()
    wait_for("every instance healthy", lambda: all(map(common.healthy, common.instances)))


def listening(fleet: Fleet) -> list[str]:
    """Who can be connected to."""
    found = []
    for name, address in {**fleet.instances, **fleet.balancers}.items():
        host, _unused, port = address.partition(":")
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                found.append(name)
    return found


def test_every_request_is_accounted_for(fleet: Fleet) -> None:
    with fleet.client(requests=600, rate=600) as client:
        wait_for("the client's end", lambda: bool(client.result))
    result = client.result
    logs = [log.read_text().split() for log in (fleet.folder / "processed").glob("*.log")]
    posts = collections.Counter(one for log in logs for one in log if one.startswith(result["session"]))
    mark = f"/work?id={result['session']}-"
    seen = sum((fleet.folder / name / "logs" / "access.log").read_text().count(mark) for name in fleet.balancers)
    assert clean(result)
    assert result["sent"] == result["answered"] == seen >= 600
    assert result["posts"] == result["processed"] == len(posts) == posts.total()
    assert 0.2 * seen < len(posts) < 0.4 * seen
    assert result["connects"] == 64
    assert min(result["instances"].values()) > 0.1 * seen
    assert 5 <= result["latency_ms"]["p50"] < result["latency_ms"]["max"] <= 1000


def test_killed_instance_loses_what_it_had(fleet: Fleet) -> None:
    with fleet.client() as client, fleet.observer() as observer:
        client.wait(100)
        fleet.switch("order-1", "slow_start", 1)
        before = fleet.kill("order-1", signal.SIGTERM)
        wait_for("order-1 down", lambda: not fleet.healthy("order-1"))
        wait_for("order-1 back", lambda: fleet.healthy("order-1"))
        wait_for("order-1 seen back", lambda: observer.live()["pools"]["order_svc"]["now"] == 3)
    assert fleet.pid("order-1") not in (0, before)
    assert client.result["reasons"] == {"status 502": client.result["lost"]}
    assert client.result["lost"] == len(client.losses) > 10
    assert observer.lowest == {"order_svc": 2, "order_admin": 1}
    assert observer.live()["pools"]["order_svc"]["out_then"] == ["order-1"]


def test_observer_sees_a_line_taken_out_by_hand(fleet: Fleet) -> None:
    with fleet.observer() as observer:
        wait_for("all seen", lambda: observer.lowest == {"order_svc": 3, "order_admin": 2})
        fleet.line("lb-2", "order_svc", "order-2", "down")
        wait_for("one out at one balancer", lambda: observer.lowest == {"order_svc": 2, "order_admin": 2})
        fleet.line("lb-2", "order_svc", "order-2", "")
        wait_for("back", lambda: observer.live()["pools"]["order_svc"]["now"] == 3)
    seen = [event["state"] for event in observer.events if event["instance"] == "order-2"]
    assert seen == ["in traffic", "out of order_svc at lb-2", "in traffic"]
    level = observer.result["pools"]["order_svc"]
    assert (level["configured"], level["now"], level["lowest"], level["out_then"]) == (3, 3, 2, ["order-2"])


def test_observer_looks_twenty_times_a_second(fleet: Fleet) -> None:
    with fleet.observer() as observer:
        wait_for("two seconds", lambda: observer.live().get("seconds", 0) > 2)
    assert observer.result["samples"] >= 15 * (observer.result["seconds"] - 0.5)


@pytest.mark.parametrize(
    ("name", "value", "path", "answer"),
    [
        ("unhealthy", 1, "/health-extended", {"status": "unhealthy"}),
        ("busy", 3, "/internal/status", {**IDLE, "in_flight": 3, "pool": {"size": 64, "busy": 3}}),
        ("errors", 1, "/work?id=x-1", {"error": "as the switch says"}),
    ],
)
def test_switches(fleet: Fleet, name: str, value: float, path: str, answer: object) -> None:
    fine = fleet.get("order-1", path)
    fleet.switch("order-1", name, value)
    assert fleet.get("order-1", path) == answer != fine
    assert fleet.get("order-2", path) != answer
    fleet.switch("order-1", name, None)
    assert fleet.get("order-1", path) == fine


def test_instance_that_hangs(fleet: Fleet) -> None:
    fleet.switch("order-1", "hangs")
    with pytest.raises(OSError, match="timed out"):
        fleet.get("order-1", "/health", timeout=0.3)


def test_instance_that_does_not_start(fleet: Fleet) -> None:
    fleet.switch("order-1", "fail_start")
    fleet.supervisorctl("restart", "order-1")
    wait_for("supervisor's surrender", lambda: "FATAL" in fleet.supervisorctl("status", "order-1"))
    assert fleet.pid("order-1") == 0
    assert "cannot start" in fleet.log("order-1")
    fleet.switch("order-1", "fail_start", None)
    fleet.supervisorctl("start", "order-1")
    wait_for("order-1", lambda: fleet.healthy("order-1"))


def test_prepare_shutdown_is_remembered(fleet: Fleet) -> None:
    request = b"POST /internal/prepare-shutdown HTTP/1.1\r\nConnection: close\r\n\r\n"
    host, _unused, port = fleet.instances["order-3"].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request)
        assert b'"preparing": true' in connection.recv(4096)
    assert fleet.get("order-3", "/internal/status")["preparing"] is True


def test_usual_ways(fleet: Fleet) -> None:
    """A bare restart loses requests, so what loses none has done something.

    How low depends on the moment: the next is marked down when the last is back, which the observer sees a bit later.
    """

    def restart_one(_unused: Fleet) -> bool:
        compare.restart(fleet, "order-1")
        return True

    bare = compare.measure(fleet, "bare", restart_one)
    assert bare.client["lost"] > 0 and not bare.clean
    out = compare.measure(fleet, "out", compare.taken_out)
    assert out.lowest["order_svc"] < 3 and out.lowest["order_admin"] < 2
    assert not compare.measure(fleet, "nothing", lambda _: False).clean
    assert compare.measure(fleet, "still", lambda _: True).clean


def test_stop_leaves_nothing(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", instances=2)
    fleet.start()
    fleet.client().start()
    fleet.observer().start()
    assert len(listening(fleet)) == 4
    assert len(processes.of_fleet(fleet.folder)) == 9
    fleet.stop()
    assert processes.of_fleet(fleet.folder) == [] and listening(fleet) == []
    fleet.stop()


def test_stop_finds_orphans(tmp_path: Path) -> None:
    """Supervisor and an nginx master killed, the folder gone: their children are still found."""
    fleet = Fleet(tmp_path / "fleet", instances=2)
    fleet.start()
    [supervisor] = [one for one in processes.of_fleet(fleet.folder) if "supervisor.supervisord" in one.argv]
    os.kill(supervisor.pid, signal.SIGKILL)
    fleet.kill("lb-1")
    shutil.rmtree(fleet.folder)
    assert len(listening(fleet)) == 4
    fleet.stop()
    assert processes.of_fleet(fleet.folder) == [] and listening(fleet) == []
    with pytest.raises(ProcessLookupError, match="lb-1 does not run"):
        fleet.kill("lb-1")


def test_fleet_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", instances=2, line_words="nonsense")
    with pytest.raises(Failed, match='lb-1: .*invalid parameter "nonsense"'):
        fleet.start()
    assert processes.of_fleet(fleet.folder) == [] and listening(fleet) == []


def test_taken_address_names_its_holder(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", instances=2)
    host, _unused, port = fleet.instances["order-2"].partition(":")
    code = f"import socket; held = socket.create_server(('{host}', {port})); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(Unusable) as refused:
            fleet.start()
        assert f"{host}:{port}: held by pid {holder.pid} ({sys.executable} -c " in str(refused.value)
        assert f"in {tmp_path}" in str(refused.value)
        assert fleet.instances["order-1"] not in str(refused.value)
        holder.communicate(b"\n")
    assert not fleet.folder.exists()


def test_address_held_on_all_interfaces(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as held, pytest.raises(Unusable, match="held by "):
        addresses.check([f"127.3.3.3:{held.getsockname()[1]}"])


def test_other_systems_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unusable, match="needs Linux.*darwin"):
        addresses.check([])


# The commands, in a copy of the checkout whose demo has addresses of its own.


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "checkout"
    for name in ("inventories", "playbooks", "plugins", "roles", "tests/lab"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    hosts = folder / "inventories" / "demo" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("127.0.0.", f"{addresses.free_network()}."))
    collections_ = folder / ".venv" / "collections" / "ansible_collections" / "lossless"
    collections_.mkdir(parents=True)
    (collections_ / "restart").symlink_to("../../../..")
    yield folder
    processes.end(lambda: processes.of_fleet(folder / ".demo"))


def command(checkout: Path, name: str) -> tuple[int, str]:
    """Its exit code and what it printed."""
    argv = [sys.executable, "-m", "tests.lab.demo", name]
    ended = subprocess.run(argv, cwd=checkout, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def left(checkout: Path) -> list[processes.Process]:
    """What runs inside the checkout."""
    return [process for process in processes.running() if process.folder.startswith(str(checkout))]


def test_up_and_down(checkout: Path) -> None:
    code, text = command(checkout, "up")
    assert code == 0 and "cd playbooks && ansible-playbook rolling_restart.yml -l order-svc" in text
    again, text = command(checkout, "up")
    assert again == 0 and "up already" in text
    _unused, text = command(checkout, "status")
    assert "order_svc: never fewer than 6 of 6 in traffic" in text
    code, text = command(checkout, "down")
    assert code == 0 and re.search(r"^\d+ sent, 0 lost, 0 duplicated$", text, re.MULTILINE)
    assert left(checkout) == []
    assert command(checkout, "down") == (0, "The demo fleet is not up.\n")


def test_second_checkout_is_refused_and_touches_nothing(checkout: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(checkout, second, symlinks=True)
    assert command(checkout, "up")[0] == 0
    before = {process.pid for process in left(checkout)}
    for name in ("up", "run", "compare"):
        code, text = command(second, name)
        assert code == 2 and f"in {checkout}/.demo/lb-1" in text
    assert command(second, "down") == (0, "The demo fleet is not up.\n")
    assert {process.pid for process in left(checkout)} == before
    assert left(second) == []


def test_interrupted_run_leaves_nothing(checkout: Path) -> None:
    argv = [sys.executable, "-m", "tests.lab.demo", "run"]
    with subprocess.Popen(argv, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as demo:
        wait_for("the playbook", lambda: any(one.folder == f"{checkout}/playbooks" for one in left(checkout)))
        demo.send_signal(signal.SIGINT)
        text = demo.communicate()[0].decode()
    assert demo.returncode == 130 and "nothing is left running" in text
    assert left(checkout) == []


def test_two_commands_at_once(checkout: Path) -> None:
    argv = [sys.executable, "-m", "tests.lab.demo", "run"]
    with subprocess.Popen(argv, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as demo:
        wait_for("the fleet", lambda: bool(left(checkout)) and (checkout / ".demo").exists())
        code, text = command(checkout, "down")
        assert code == 2 and f"pid {demo.pid}" in text
        demo.send_signal(signal.SIGTERM)
        demo.communicate()
    assert left(checkout) == []


def test_killed_run_is_cleared_by_the_next_command(checkout: Path) -> None:
    argv = [sys.executable, "-m", "tests.lab.demo", "up"]
    with subprocess.Popen(argv, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:
        wait_for("some of the fleet", lambda: len(processes.of_fleet(checkout / ".demo")) > 3)
        demo.kill()
    code, text = command(checkout, "up")
    assert code == 0, text
    assert command(checkout, "down")[0] == 0
    assert left(checkout) == []


def test_run_restarts_the_fleet_and_loses_nothing(checkout: Path) -> None:
    code, text = command(checkout, "run")
    assert code == 0, text
    assert re.search(r"^\d+ sent, 0 lost, 0 duplicated$", text, re.MULTILINE)
    assert re.search(r"order_svc: never fewer than [234] of 6 in traffic \(floor 30% = 2\), 6 now", text)
    assert re.search(r"order_admin: never fewer than [12] of 3 in traffic \(floor 30% = 1\), 3 now", text)
    assert left(checkout) == []
