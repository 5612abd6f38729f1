# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""instance_process with a real supervisord, and with services that have commands of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import adhoc

BIN = Path(sys.executable).parent
# A service that makes a daemon of itself, which keeps its output open and goes on writing to it.
DAEMON = """
import os, pathlib, signal, socket, sys, time
deed, pid_file, host, port, manner = sys.argv[1:]
if deed in ("stop", "restart"):
    pid = int(pathlib.Path(pid_file).read_text())
    os.kill(pid, signal.SIGTERM)
    while manner != "stubborn" and pathlib.Path(f"/proc/{pid}").exists():
        if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.01)
if deed in ("start", "restart") and os.fork() == 0:
    os.setsid()
    listener = socket.create_server((host, int(port)))
    pathlib.Path(pid_file).write_text(f"{os.getpid()}\\n")
    if manner == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if manner == "short":
        os._exit(4)
    while True:
        print("still here", flush=True)
        time.sleep(0.05)
"""
SUPERVISOR = """
[unix_http_server]
file={0}/s.sock
[supervisord]
pidfile={0}/s.pid
logfile={0}/s.log
childlogdir={0}
nodaemon=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{0}/s.sock
[program:order-1]
command=sleep 1000
startsecs=0
[program:order-2]
command=sleep 1000
startsecs=0
[program:workers]
command=sleep 1000
process_name=w%(process_num)d
numprocs=2
startsecs=0
[program:stopped]
command=sleep 1000
autostart=false
startsecs=0
[program:short]
command=false
autostart=false
startretries=0
[program:no-such]
command=/no/such/program
autostart=false
[program:stubborn]
command=sh -c 'trap "" TERM; while :; do sleep 0.1; done'
stopwaitsecs=60
stopasgroup=true
startsecs=0
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come within 20 s"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of a supervisord that runs."""
    folder = tmp_path_factory.mktemp("s")
    path = folder / "supervisord.conf"
    path.write_text(SUPERVISOR.format(folder))
    server = subprocess.Popen([BIN / "supervisord", "-c", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: "RUNNING" in asked(path, "status", "order-1") and "RUNNING" in asked(path, "status", "stubborn"))
        yield path
    finally:
        pids = [int(pid) for pid in asked(path, "pid", "all").split() if pid != "0"]
        server.kill()
        server.wait()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def asked(config: Path, *words: str) -> str:
    command = [str(BIN / "supervisorctl"), "-c", str(config), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def pid_of(config: Path, program: str) -> int:
    return int(asked(config, "pid", program))


@pytest.fixture
def supervisor(config: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def call(program: str, state: str = "restarted", *, check: bool = False, **more: Any) -> dict[str, Any]:
        restart = {"supervisor": program, "config": str(config), "supervisorctl": [str(BIN / "supervisorctl")]}
        arguments = {
            "restart": restart,
            "address": "127.0.0.1:80",
            "state": state,
            "state_dir": str(tmp_path / "state"),
        }
        return adhoc.direct("instance_process", {**arguments, **more}, check=check)

    return call


@pytest.mark.parametrize("program", ["order-1", "workers:w0"])
def test_a_restart_is_another_process_of_the_program(
    config: Path, supervisor: Callable[..., dict[str, Any]], program: str
) -> None:
    pid, others = pid_of(config, program), [pid_of(config, other) for other in ("order-2", "workers:w1")]
    read = supervisor(program, "read")
    assert (read["identity"]["pid"], read["running"], read["changed"], read["status"]) == (pid, True, False, "RUNNING")
    planned = supervisor(program, check=True)
    assert (planned["changed"], pid_of(config, program)) == (True, pid), planned
    done = supervisor(program)
    assert not done["failed"] and done["changed"] and done["touched"], done
    assert done["before"] == read["identity"]
    assert done["identity"]["pid"] == pid_of(config, program) != pid
    again = supervisor(program, older_than=600)
    assert (again["changed"], again["touched"], again["identity"]) == (False, False, done["identity"]), again
    spared = supervisor(program, older_than=0.001, spare=again["identity"])
    assert not spared["changed"] and "has been restarted already" in spared["msg"], spared
    older = supervisor(program, older_than=0.001)
    assert older["changed"] and older["identity"] != done["identity"], older
    assert [pid_of(config, other) for other in ("order-2", "workers:w1")] == others


def test_check_mode_writes_nothing(supervisor: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    assert supervisor("order-1", check=True, token=3)["changed"]
    assert not (tmp_path / "state").exists()


def test_a_fence_lets_no_older_run_restart_and_touches_nothing(
    config: Path, supervisor: Callable[..., dict[str, Any]]
) -> None:
    pid = pid_of(config, "order-1")
    fenced = supervisor("order-1", "fenced", token=5)
    assert (fenced["changed"], fenced["touched"], fenced["identity"]["pid"]) == (False, False, pid), fenced
    late = supervisor("order-1", token=4)
    assert late["failed"] and "token 4 is older than 5" in late["msg"] and not late["touched"], late
    assert pid_of(config, "order-1") == pid


def test_a_fence_waits_for_a_restart_that_is_under_way(
    config: Path, supervisor: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """One that does not stop is at it until its deadline; the other does not wait that long."""
    restart = threading.Thread(target=supervisor, args=("stubborn",), kwargs={"deadline": 8.0}, daemon=True)
    restart.start()
    locks = tmp_path / "state" / "locks"
    until(lambda: "pid" in "".join(path.read_text() for path in locks.glob("instance-*.lock")))
    fenced = supervisor("order-1", "fenced", token=5, deadline=0.2)
    restart.join()
    assert fenced["failed"] and "another restart of 127.0.0.1:80" in fenced["msg"], fenced


def test_a_stopped_program_is_read_and_started(config: Path, supervisor: Callable[..., dict[str, Any]]) -> None:
    read = supervisor("stopped", "read")
    assert (read["failed"], read["running"], read["status"]) == (False, False, "STOPPED")
    done = supervisor("stopped", older_than=600)
    assert (done["before"], done["identity"]["pid"]) == (None, pid_of(config, "stopped")), done


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("short", "short: ERROR (spawn error); it is FATAL (Exited too quickly"),
        ("no-such", "no-such: ERROR (no such file)"),
    ],
)
def test_a_program_that_does_not_come_up_is_a_failure(
    supervisor: Callable[..., dict[str, Any]], program: str, says: str
) -> None:
    answer = supervisor(program)
    assert answer["failed"] and answer["touched"] and says in answer["msg"], answer


@pytest.mark.parametrize("state", ["read", "restarted"])
@pytest.mark.parametrize(
    ("restart", "says"),
    [
        ({"supervisor": "order-9"}, "program order-9 does not exist: supervisorctl says order-9: ERROR"),
        ({"supervisor": "order:9"}, "program order:9 does not exist"),
        ({"supervisor": "all"}, "restart: supervisor 'all' is more than one program"),
        ({"supervisor": "workers:"}, "restart: supervisor 'workers:' is more than one program"),
        ({"supervisor": "order-1", "config": "/no/such"}, "program order-1: supervisord cannot be asked: Error: could"),
        (
            {"supervisor": "order-1", "supervisorctl": ["/no/such"]},
            "program order-1: supervisord cannot be asked: '/no/such' cannot be run",
        ),
    ],
)
def test_a_program_that_is_not_there_is_named(
    supervisor: Callable[..., dict[str, Any]], config: Path, state: str, restart: dict[str, Any], says: str
) -> None:
    known = {"config": str(config), "supervisorctl": [str(BIN / "supervisorctl")]}
    answer = supervisor("", state, restart={**known, **restart})
    assert answer["failed"] and answer["msg"].startswith(says) and not answer["touched"], answer


def test_a_supervisord_that_is_down_is_said_to_be(supervisor: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "supervisord.conf"
    path.write_text(SUPERVISOR.format(tmp_path))
    restart = {"supervisor": "order-1", "config": str(path), "supervisorctl": [str(BIN / "supervisorctl")]}
    answer = supervisor("order-1", "read", restart=restart)
    assert answer["failed"] and answer["msg"].startswith("program order-1: supervisord cannot be asked"), answer


def test_a_program_that_does_not_stop_is_a_failure(config: Path, supervisor: Callable[..., dict[str, Any]]) -> None:
    pid = pid_of(config, "stubborn")
    answer = supervisor("stubborn", deadline=2)
    assert answer["failed"] and f"the old pid {pid} is still alive" in answer["msg"], answer
    assert answer["before"]["pid"] == answer["identity"]["pid"] == pid


class Daemon:
    """A service with commands of its own, and how a user describes it."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.script = folder / "service.py"
        self.script.write_text(DAEMON)
        self.pid_file = folder / f"{host}.pid"
        with socket.create_server((host, 0)) as free:
            self.port = free.getsockname()[1]
        self.host = host
        self.address = f"{host}:{self.port}"
        self.state = folder / "state"

    def command(self, deed: str, manner: str = "plain") -> list[str]:
        return [sys.executable, str(self.script), deed, str(self.pid_file), self.host, str(self.port), manner]

    def start(self, manner: str = "plain") -> int:
        subprocess.run(self.command("start", manner), stdout=subprocess.DEVNULL, check=True)
        until(lambda: self.pid_file.exists() and self.pid_file.read_text().endswith("\n"))
        return self.pid()

    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def call(self, restart: dict[str, Any], state: str = "restarted", **more: Any) -> dict[str, Any]:
        arguments = {"restart": restart, "address": self.address, "state": state, "state_dir": str(self.state)}
        return adhoc.direct("instance_process", {**arguments, **more})

    def close(self) -> None:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.kill(self.pid(), signal.SIGKILL)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with contextlib.closing(Daemon(tmp_path)) as service:
        yield service


def test_stop_and_start_apart_with_a_pid_file(daemon: Daemon) -> None:
    restart = {"stop": daemon.command("stop"), "start": daemon.command("start"), "pid_file": str(daemon.pid_file)}
    assert daemon.call(restart, "read")["running"] is False
    first = daemon.call(restart)
    assert not first["failed"] and first["before"] is None and first["identity"]["pid"] == daemon.pid(), first
    second = daemon.call(restart)
    assert not second["failed"] and second["before"] == first["identity"], second
    assert second["identity"]["pid"] == daemon.pid() != first["identity"]["pid"]
    socket.create_connection((daemon.host, daemon.port), 5).close()


def test_one_command_and_the_process_that_listens_at_the_address(tmp_path: Path, daemon: Daemon) -> None:
    with contextlib.closing(Daemon(tmp_path, "127.0.0.9")) as other:
        other.port = daemon.port
        pid, foreign = daemon.start(), other.start()
        done = daemon.call({"command": daemon.command("restart")})
        assert not done["failed"] and done["before"]["pid"] == pid, done
        assert done["identity"]["pid"] == daemon.pid()
        assert daemon.pid() not in (pid, foreign)
        assert other.pid() == foreign


def test_a_command_that_restarts_nothing_is_a_failure(daemon: Daemon) -> None:
    pid = daemon.start()
    answer = daemon.call({"command": ["true"]}, deadline=1)
    assert answer["failed"] and f"was not restarted: after 1 s it is running, pid {pid}" in answer["msg"], answer
    assert answer["identity"] == answer["before"]


def test_a_command_that_fails_says_its_last_words(daemon: Daemon) -> None:
    daemon.start()
    answer = daemon.call({"command": ["sh", "-c", "echo no room; echo at all >&2; exit 3"]})
    assert answer["failed"] and "failed, exit status 3: no room | at all" in answer["msg"], answer


def test_a_command_that_hangs_is_ended_at_the_deadline(daemon: Daemon) -> None:
    daemon.start()
    mark = f"{daemon.state}-hangs"
    answer = daemon.call({"command": ["sh", "-c", f"touch {mark}; sleep 1001 & sleep 1001"]}, deadline=1)
    assert answer["failed"] and "did not end within 1 s" in answer["msg"], answer
    assert Path(mark).exists()
    left = [name for name in os.listdir("/proc") if name.isdigit() and b"1001" in command_line(name)]
    assert left == []


def command_line(pid: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def test_an_old_process_that_stays_is_a_failure(daemon: Daemon) -> None:
    pid = daemon.start("stubborn")
    stop = daemon.command("stop", "stubborn")
    answer = daemon.call({"stop": stop, "start": daemon.command("start"), "pid_file": str(daemon.pid_file)}, deadline=1)
    assert answer["failed"] and "is not stopped after 1 s" in answer["msg"], answer
    assert f"the old pid {pid} is still alive" in answer["msg"]


def test_a_service_that_ends_at_once_is_a_failure(daemon: Daemon) -> None:
    daemon.start()
    start = daemon.command("start", "short")
    answer = daemon.call({"stop": daemon.command("stop"), "start": start, "pid_file": str(daemon.pid_file)}, deadline=2)
    assert answer["failed"] and ("did not come back" in answer["msg"] or "did not last" in answer["msg"]), answer
    assert answer["identity"] is None


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"restart": {"systemD": "x"}}, "restart: unknown key 'systemD': did you mean 'systemd'?"),
        ({"state_dir": "/proc/version/x"}, "state_dir /proc/version/x: "),
    ],
)
def test_bad_input_is_named_and_nothing_is_touched(daemon: Daemon, more: dict[str, Any], says: str) -> None:
    pid = daemon.start()
    arguments = {"restart": {"command": daemon.command("restart")}, "address": daemon.address, "state": "restarted"}
    answer = adhoc.direct("instance_process", {**arguments, "state_dir": str(daemon.state), **more})
    assert answer["failed"] and answer["msg"].startswith(says) and not answer["touched"], answer
    assert daemon.pid() == pid
