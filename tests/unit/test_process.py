# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a user writes about restarting, and who a process is, on a /proc of our own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _process, _process_host
from ansible_collections.lossless.restart.plugins.module_utils._command import Ran
from ansible_collections.lossless.restart.plugins.module_utils._process_command import Plain
from ansible_collections.lossless.restart.plugins.module_utils._process_docker import Container
from ansible_collections.lossless.restart.plugins.module_utils._process_host import Host, Identity, ProcessError
from ansible_collections.lossless.restart.plugins.module_utils._process_listener import listener
from ansible_collections.lossless.restart.plugins.module_utils._process_supervisor import Program
from ansible_collections.lossless.restart.plugins.module_utils._process_systemd import Unit
from ansible_collections.lossless.restart.plugins.modules import instance_process

BOOT = "750994be-6c4c-4791-b504-9a67b87cd182"
TCP_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


class FakeProc:
    """A folder that looks like /proc."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/kernel/random").mkdir(parents=True)
        (root / "sys/kernel/random/boot_id").write_text(f"{BOOT}\n")
        (root / "net").mkdir()
        (root / "net/tcp").write_text(TCP_HEAD)
        self.host = Host(str(root))

    def add(self, pid: int, start: int, comm: str = "app", state: str = "S", sockets: Sequence[int] = ()) -> Identity:
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        after = [state, "1", *["0"] * 17, str(start), *["0"] * 30]
        (folder / "stat").write_text(f"{pid} ({comm}) {' '.join(after)}\n")
        for number, inode in enumerate(sockets):
            (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
        return Identity(pid, start, BOOT)

    def listen(self, local: str, inode: int, *, state: str = "0A", uid: int = 33, name: str = "tcp") -> None:
        path = self.root / "net" / name
        line = (
            f"   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000    {uid}        0 {inode} 1\n"
        )
        path.write_text((path.read_text() if path.exists() else TCP_HEAD) + line)


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path / "proc")


@pytest.mark.parametrize("comm", ["app", "a b", "a) S 1", "((", ") R 9 9 9 (", "ünï"])
def test_the_start_is_found_whatever_the_process_calls_itself(proc: FakeProc, comm: str) -> None:
    assert proc.add(7, 4242, comm) == proc.host.process(7)


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_process_that_has_ended_is_none(proc: FakeProc, state: str) -> None:
    proc.add(7, 4242, state=state)
    assert proc.host.process(7) is None
    assert proc.host.process(8) is None


def test_the_same_number_is_not_the_same_process(proc: FakeProc) -> None:
    proc.add(7, 4242)
    assert proc.host.lives(Identity(7, 4242, BOOT))
    assert not proc.host.lives(Identity(7, 4243, BOOT))
    assert not proc.host.lives(Identity(7, 4242, "another boot"))


def test_this_very_process_is_young(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{os.getpid()}\n")
    found = _process.identity({"pid_file": str(pid_file)}, None)
    assert found is not None and found.pid == os.getpid()
    assert 0 < _process.age(found) < 24 * 3600
    assert _process.lives(found) and not _process.lives(Identity(found.pid, found.start + 1, found.boot))
    assert _process.age(Identity(1, int(_process_host.ticks()) + 500, "")) == 0


@pytest.mark.parametrize(
    ("address", "local", "name"),
    [
        ("127.0.0.1", "0100007F:1F90", "tcp"),
        ("127.0.0.1", "00000000:1F90", "tcp"),
        ("localhost", "0100007F:1F90", "tcp"),
        ("127.0.0.1", "00000000000000000000000000000000:1F90", "tcp6"),
        ("127.0.0.1", "0000000000000000FFFF00000100007F:1F90", "tcp6"),
        ("::1", "00000000000000000000000001000000:1F90", "tcp6"),
        ("fd00::3", "000000FD000000000000000003000000:1F90", "tcp6"),
    ],
)
def test_who_listens_is_found(proc: FakeProc, address: str, local: str, name: str) -> None:
    found = proc.add(7, 100, sockets=[5, 99])
    proc.add(8, 50, sockets=[5])
    proc.listen(local, 99, name=name)
    assert listener(proc.host, address, 8080) == found


@pytest.mark.parametrize(
    ("local", "state"), [("0200007F:1F90", "0A"), ("0100007F:1F91", "0A"), ("0100007F:1F90", "01")]
)
def test_other_sockets_are_not_taken_for_it(proc: FakeProc, local: str, state: str) -> None:
    proc.add(7, 100, sockets=[99])
    proc.listen(local, 99, state=state)
    assert listener(proc.host, "127.0.0.1", 8080) is None


def test_its_own_address_goes_before_any_address(proc: FakeProc) -> None:
    proc.add(7, 100, sockets=[98])
    own = proc.add(8, 200, sockets=[99])
    proc.listen("00000000:1F90", 98)
    proc.listen("0100007F:1F90", 99)
    assert listener(proc.host, "127.0.0.1", 8080) == own


def test_a_server_goes_before_its_workers_and_systemd_is_not_the_server(proc: FakeProc) -> None:
    proc.add(1, 1, sockets=[99])
    proc.add(30, 300, sockets=[99])
    server = proc.add(40, 200, sockets=[99])
    proc.listen("0100007F:1F90", 99)
    assert listener(proc.host, "127.0.0.1", 8080) == server


def test_a_socket_that_only_systemd_holds_is_nobodys(proc: FakeProc) -> None:
    proc.add(1, 1, sockets=[99])
    proc.listen("0100007F:1F90", 99)
    assert listener(proc.host, "127.0.0.1", 8080) is None


def test_a_listener_that_we_may_not_see_is_an_error(proc: FakeProc) -> None:
    proc.listen("0100007F:1F90", 99, uid=33)
    with pytest.raises(ProcessError, match=r"may not see which process listens there \(a socket of uid 33\)"):
        listener(proc.host, "127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("text", "pid"), [("7\n", 7), ("7", 7), (" 7 \nmore", 7), ("", None), ("\n", None), ("0\n", None), ("9\n", None)]
)
def test_a_pid_file(proc: FakeProc, tmp_path: Path, text: str, pid: int | None) -> None:
    proc.add(7, 100)
    (tmp_path / "pid").write_text(text)
    seen = Plain(proc.host, str(tmp_path / "pid"), None).read()
    assert (seen.process.pid if seen.process else None, seen.down) == (pid, pid is None)


@pytest.mark.parametrize("text", ["-7", "seven", "7x", "99999999999999999999", "\x00\xff"])
def test_a_pid_file_with_something_else_in_it_is_an_error(proc: FakeProc, tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    with pytest.raises(ProcessError, match="is no process number"):
        Plain(proc.host, str(tmp_path / "pid"), None).read()


def answers(**outputs: tuple[int | None, str]) -> Any:
    """A runner that answers by the verb of the command."""

    def run(command: Sequence[str], timeout: float) -> Ran:
        return Ran(*next(outputs[word] for word in command if word in outputs))

    return run


@pytest.mark.parametrize(
    ("shown", "pid", "state", "down", "why"),
    [
        (
            "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=7\nResult=success",
            7,
            "active (running)",
            0,
            "",
        ),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nMainPID=0\nResult=exit-code",
            None,
            "activating (auto-restart)",
            False,
            "Result=exit-code",
        ),
        (
            "LoadState=loaded\nActiveState=inactive\nSubState=dead\nMainPID=0\nResult=success",
            None,
            "inactive (dead)",
            True,
            "Result=success",
        ),
        (
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nMainPID=0\nResult=start-limit-hit\nNRestarts=5",
            None,
            "failed (failed)",
            True,
            "Result=start-limit-hit, started too often: wait, or systemctl reset-failed order, NRestarts=5",
        ),
    ],
)
def test_a_unit(proc: FakeProc, shown: str, pid: int | None, state: str, down: bool, why: str) -> None:
    proc.add(7, 100)
    seen = Unit(proc.host, "order", ["systemctl"], answers(show=(0, shown))).read()
    assert (seen.process.pid if seen.process else None, seen.state, seen.down, seen.why) == (pid, state, down, why)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((0, "LoadState=not-found\nActiveState=inactive"), "unit order does not exist on this host"),
        ((0, "LoadState=masked\nActiveState=inactive"), "unit order is masked: systemctl unmask it first"),
        ((0, "LoadState=bad-setting\nActiveState=inactive"), r"cannot be used \(systemd says: bad-setting\)"),
        ((0, ""), r"cannot be used \(systemd says: nothing\)"),
        ((1, "Failed to connect to bus"), "systemctl show failed with 1: Failed to connect to bus"),
        ((None, ""), "systemctl show did not answer within 10 s"),
    ],
)
def test_a_unit_that_cannot_be_used(proc: FakeProc, answer: tuple[int | None, str], says: str) -> None:
    with pytest.raises(ProcessError, match=says):
        Unit(proc.host, "order", ["systemctl"], answers(show=answer)).read()


@pytest.mark.parametrize(
    ("bound", "ways"),
    [
        ("ConsistsOf=\nRequiredBy=", (["sudo", "systemctl", "stop", "order"], ["sudo", "systemctl", "start", "order"])),
        ("ConsistsOf=side.service", (None, ["sudo", "systemctl", "restart", "order"])),
    ],
)
def test_how_a_unit_is_restarted(proc: FakeProc, bound: str, ways: tuple[Any, Any]) -> None:
    asked = []

    def run(command: Sequence[str], timeout: float) -> Ran:
        asked.append(command[:2])
        return Ran(0, bound)

    assert Unit(proc.host, "order", ["sudo", "systemctl"], run).ways() == ways
    assert asked == [["systemctl", "show"]]


@pytest.mark.parametrize(
    ("status", "pid", "down", "why"),
    [
        ("order-1                          RUNNING   pid 7, uptime 0:00:05", 7, False, ""),
        ("order-1                          STARTING  ", 8, False, ""),
        ("order-1                          STOPPING  ", 8, False, ""),
        ("order-1                          BACKOFF   Exited too quickly", None, False, "Exited too quickly"),
        ("order-1                          FATAL     can't find command 'x'", None, True, "can't find command 'x'"),
        ("order-1                          STOPPED   Not started", None, True, "Not started"),
        ("order-1                          EXITED    Nov 23 02:00 PM", None, True, "Nov 23 02:00 PM"),
        ("a warning first\norder-1   RUNNING   pid 7, uptime 1 day, 0:00:05", 7, False, ""),
    ],
)
def test_a_program(proc: FakeProc, status: str, pid: int | None, down: bool, why: str) -> None:
    proc.add(7, 100)
    proc.add(8, 100)
    seen = Program(proc.host, "order-1", None, ["supervisorctl"], answers(status=(0, status), pid=(0, "8\n"))).read()
    assert (seen.process.pid if seen.process else None, seen.down, seen.why) == (pid, down, why)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((4, "order-1: ERROR (no such process)"), "program order-1 does not exist: supervisorctl says order-1: ERROR"),
        ((4, "order-1: ERROR (no such group)"), "program order-1 does not exist"),
        ((4, "unix:///tmp/s.sock no such file"), "supervisord cannot be asked: unix:///tmp/s.sock no such file"),
        ((4, "unix:///tmp/s.sock refused connection"), "supervisord cannot be asked: .* refused connection"),
        ((0, ""), "supervisord cannot be asked: no output"),
        ((0, "order-10     RUNNING   pid 7, uptime 0:00:05"), "supervisord cannot be asked: order-10"),
        ((None, ""), "supervisorctl status did not answer within 10 s"),
    ],
)
def test_a_program_that_cannot_be_read(proc: FakeProc, answer: tuple[int | None, str], says: str) -> None:
    with pytest.raises(ProcessError, match=says):
        Program(proc.host, "order-1", None, ["supervisorctl"], answers(status=answer)).read()


@pytest.mark.parametrize(
    ("code", "output", "refused"),
    [
        (0, "order-1: stopped", ""),
        (0, "order-1: started", ""),
        (0, "order-1: ERROR (not running)", ""),
        (7, "order-1: ERROR (already started)", ""),
        (7, "order-1: ERROR (spawn error)", "exit status 7: order-1: ERROR (spawn error)"),
        (0, "order-1: ERROR (spawn error)", "exit status 0: order-1: ERROR (spawn error)"),
        (4, "unix:///tmp/s.sock no such file", "exit status 4: unix:///tmp/s.sock no such file"),
    ],
)
def test_what_supervisorctl_says_of_a_command(proc: FakeProc, code: int, output: str, refused: str) -> None:
    assert Program(proc.host, "order-1", None, ["supervisorctl"]).refused(Ran(code, output)) == refused


def told(status: str, pid: int = 0, code: int = 0, *, removes: bool = False, more: str = "") -> str:
    """What `docker container inspect` prints of a container."""
    return f'{{"Status":"{status}","Pid":{pid},"ExitCode":{code}{more}}} {str(removes).lower()}\n'


@pytest.mark.parametrize(
    ("output", "pid", "down", "why"),
    [
        (told("running", 7), 7, False, ""),
        ("WARNING: a line first\n" + told("running", 7), 7, False, ""),
        (told("paused", 7), 7, False, ""),
        (told("restarting"), None, False, ""),
        (told("created"), None, True, ""),
        (told("exited"), None, True, "exit code 0"),
        (told("exited", code=137, more=',"OOMKilled":true'), None, True, "exit code 137, out of memory"),
        (told("created", code=128, more=',"Error":"no such file"'), None, True, ""),
        (told("exited", code=127, more=',"Error":"no such file"'), None, True, "exit code 127, no such file"),
        (told("dead"), None, True, "exit code 0"),
    ],
)
def test_a_container(proc: FakeProc, output: str, pid: int | None, down: bool, why: str) -> None:
    proc.add(7, 100)
    seen = Container(proc.host, "order-1", ["docker"], None, lambda _command, _timeout: Ran(0, output)).read()
    assert (seen.process.pid if seen.process else None, seen.down, seen.why) == (pid, down, why)


@pytest.mark.parametrize(
    ("ran", "says"),
    [
        (Ran(1, "Error: No such container: order-1"), "container order-1 does not exist on this host: Error"),
        (Ran(1, "Cannot connect to the Docker daemon"), "cannot be asked for, docker says: Cannot connect"),
        (Ran(127, "docker: not found"), "cannot be asked for, docker says: docker: not found"),
        (Ran(None, ""), "docker did not answer within 10 s"),
        (Ran(0, "what?"), "docker says what is not understood: what?"),
        (Ran(0, "{} maybe"), "docker says what is not understood: {} maybe"),
    ],
)
def test_a_container_that_cannot_be_read(proc: FakeProc, ran: Ran, says: str) -> None:
    with pytest.raises(ProcessError, match=says):
        Container(proc.host, "order-1", ["sudo", "docker"], None, lambda _command, _timeout: ran).read()


@pytest.mark.parametrize(("grace", "words"), [(None, []), (0, ["--time", "0"]), (25, ["--time", "25"])])
def test_how_a_container_is_restarted(proc: FakeProc, grace: int | None, words: list[str]) -> None:
    container = Container(proc.host, "order-1", ["sudo", "docker"], grace, lambda *_asked: Ran(0, told("running", 7)))
    assert container.ways() == (["sudo", "docker", "stop", *words, "order-1"], ["sudo", "docker", "start", "order-1"])
    assert container.refused(Ran(0, "order-1")) == ""
    assert container.refused(Ran(1, "no")) == "exit status 1: no"


def test_a_container_that_its_stop_would_remove(proc: FakeProc) -> None:
    shown = told("running", 7, removes=True)
    with pytest.raises(ProcessError, match="container order-1 was made with --rm: its stop removes it"):
        Container(proc.host, "order-1", ["docker"], None, lambda *_asked: Ran(0, shown)).ways()


@pytest.mark.parametrize(
    ("restart", "address", "says"),
    [
        ({}, None, "write one of systemd, supervisor, container, command, or stop with start; found nothing"),
        ({"systemd": None}, None, "found nothing"),
        ({"systemd": "x", "supervisor": "y"}, None, "found systemd and supervisor"),
        ({"command": ["x"], "stop": ["y"], "start": ["z"]}, "h:1", "found command and start"),
        ({"config": "/x"}, None, "found none, only config"),
        ({"systemD": "x"}, None, "unknown key 'systemD': did you mean 'systemd'?"),
        ({"pidfile": "/x"}, None, "unknown key 'pidfile': did you mean 'pid_file'?"),
        ({"pod": "x"}, None, "unknown key 'pod': known are command, config, container, docker, grace, listen,"),
        ({"docker": ["docker"]}, None, "found none, only docker"),
        (
            {"container": "x", "config": "/x"},
            None,
            "'config' does not go with 'container': use container, docker, grace",
        ),
        ({"container": "--rm"}, None, "restart: container '--rm' is no"),
        ({"container": "-x"}, None, "restart: container '-x' is no"),
        ({"container": "_x"}, None, "container '_x' is no container's name: it begins with a letter or a digit"),
        ({"container": "x", "docker": "sudo docker"}, None, "restart: docker 'sudo docker' is no command"),
        ({"container": "x", "grace": "5s"}, None, "restart: grace '5s' is no whole number of seconds from 0 to 86400"),
        ({"container": "x", "grace": -1}, None, "restart: grace -1 is no whole number"),
        ({"container": "x", "grace": True}, None, "restart: grace True is no whole number"),
        ({"systemd": "x", "config": "/x"}, None, "'config' does not go with 'systemd': use systemd, systemctl"),
        ({"systemd": "order svc"}, None, "restart: systemd 'order svc' is no name"),
        ({"systemd": "--now"}, None, "restart: systemd '--now' is no name"),
        ({"systemd": ["x"]}, None, "restart: systemd ['x'] is no name"),
        ({"systemd": "multi-user.target"}, None, "is a target, not a service"),
        ({"systemd": "order@"}, None, "is a template: name its instance"),
        ({"systemd": "x", "systemctl": "sudo systemctl"}, None, "restart: systemctl 'sudo systemctl' is no command"),
        ({"supervisor": "all"}, None, "'all' is more than one program"),
        ({"supervisor": "workers:"}, None, "'workers:' is more than one program"),
        ({"supervisor": "x", "config": "s.conf"}, None, "restart: config 's.conf' is not an absolute path"),
        ({"command": []}, "h:1", "restart: command [] is no command"),
        ({"command": "service x restart"}, "h:1", "restart: command 'service x restart' is no command"),
        ({"command": ["x"]}, None, "a command needs pid_file or the instance's address"),
        ({"command": ["x"]}, "h", "address 'h' has no port"),
        ({"command": ["x"], "pid_file": "x.pid"}, None, "restart: pid_file 'x.pid' is not an absolute path"),
        ({"stop": ["x"]}, "h:1", "'stop' and 'start' go together"),
        ({"start": ["x"]}, "h:1", "'stop' and 'start' go together"),
        ({"listen": "8080"}, None, "restart: listen '8080' has no port"),
    ],
)
def test_a_wrong_description_is_named(restart: dict[str, Any], address: str | None, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        _process.service(restart, address)
    assert says in str(caught.value)
    assert str(caught.value).startswith(("restart: ", "address "))


@pytest.mark.parametrize(
    ("restart", "label"),
    [
        ({"systemd": "order-svc", "supervisor": None}, "unit order-svc"),
        ({"systemd": "order@1"}, "unit order@1"),
        ({"supervisor": "workers:w_00"}, "program workers:w_00"),
        ({"command": ["x"]}, "service at 10.0.0.3:8080"),
        ({"stop": ["x"], "start": ["y"], "pid_file": "/run/x.pid"}, "service of /run/x.pid"),
        ({"listen": "[::1]:80"}, "service at ::1:80"),
    ],
)
def test_a_right_description(restart: dict[str, Any], label: str) -> None:
    assert _process.service(restart, "10.0.0.3:8080").label == label


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"restart": {"pid_file": "/run/x.pid"}},
            "to restart takes systemd, supervisor, container, command, or stop with start",
        ),
        ({"address": "127.0.0.1"}, "address '127.0.0.1' has no port"),
        ({"address": "127.0.0.1:99999"}, "port '99999' is not a number from 1 to 65535"),
        ({"deadline": 0.0}, "deadline 0.0 is no number of seconds above 0"),
        ({"deadline": float("nan")}, "deadline nan is no number of seconds above 0"),
        ({"deadline": float("inf")}, "deadline inf is no number of seconds above 0"),
        ({"older_than": -1.0}, "older_than -1.0 is no number of seconds from 0"),
        ({"older_than": float("nan")}, "older_than nan is no number of seconds from 0"),
        ({"state_dir": "state"}, "state_dir 'state' is not an absolute path"),
    ],
)
def test_bad_input_to_the_module(more: dict[str, Any], says: str) -> None:
    known = {name: option.get("default") for name, option in instance_process.SPEC["argument_spec"].items()}
    known.update(restart={"systemd": "x"}, address="127.0.0.1:80", state="restarted")
    instance_process.Turn(known, True)
    with pytest.raises(ValueError) as caught:
        instance_process.Turn({**known, **more}, True)
    assert says in str(caught.value)
