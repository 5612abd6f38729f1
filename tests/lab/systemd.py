# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host with a real systemd as its first process: Debian in systemd-nspawn, made here, gone when the test ends.

The hosts of the Molecule scenarios begin with the same tree of files (image.py).

It needs root and the Debian packages debootstrap and systemd-container. The tree of files that all hosts begin
with is built once (1 min, 190 MB) in ~/.cache/lossless-restart, or in XDG_CACHE_HOME; what a host writes over it
is kept in memory. A host has no network but its own loopback.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-yaml,sudo,cron,openssh-server,nginx-light,iproute2,procps"
# Whoever wants these starts them.
OFF = ("nginx.service", "ssh.service")
TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux"}
READY = 60.0
_JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"'
# The outermost process dies with us, and takes all that is below it along, even when we are killed.
_APART = "setpriv --pdeathsig KILL unshare --pid --fork --kill-child=KILL --mount-proc"
_NSPAWN = """systemd-nspawn --quiet --boot --volatile=overlay --private-network --register=no --keep-unit --settings=no
    --resolv-conf=off --timezone=off --link-journal=no --hostname=instance --console=read-only"""


class LabError(Exception):
    """The host cannot be had on this machine; says why and what to do."""


@dataclass(frozen=True)
class Machine:
    """A running host. leader: its first process, as seen from outside; folder: for files of our own, outside."""

    leader: int
    folder: Path

    def variables(self, user: str = "root", become: str = "") -> dict[str, object]:
        """What an inventory says of the host for Ansible to come in as `user`, and there to become another by sudo.

        A module goes in through the standard input of an interpreter that enters the host.
        """
        python = self.folder / f"python-{user}-{become}"
        if not python.exists():
            drop = f"setpriv --reuid {user} --regid {user} --init-groups --reset-env"
            # As Ansible's become does it, below a process of the user's as sshd has one.
            above = """/bin/sh -c '"$0" "$@"; exit $?'"""
            sudo = f'{above} sudo -H -n -u {become} /bin/sh -c \'exec "$0" "$@"\'' if become else ""
            enter = f"{shlex.join(_enter(self.leader))} {drop} {sudo} /usr/bin/python3"
            python.write_text(f'#!/bin/sh\nexec {enter} "$@"\n')
            python.chmod(0o755)
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(python),
            "ansible_pipelining": True,
        }

    def run(self, command: Sequence[str], *, check: bool = True) -> str:
        """Run a command in the host as root; its output. Raises LabError where it fails, with the output in it."""
        entered = subprocess.run(
            [*_enter(self.leader), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        if check and entered.returncode:
            raise LabError(f"{' '.join(command)}: exit status {entered.returncode}: {entered.stdout}")
        return entered.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in the host; `path` is absolute there."""
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def file(self, path: str) -> Path:
        """A file in the host, as it is seen from outside."""
        return Path(f"/proc/{self.leader}/root", path.lstrip("/"))

    def show(self, unit: str, name: str) -> str:
        """One property of a unit, as systemd itself says it."""
        return self.run(["systemctl", "show", "--value", "-p", name, unit]).strip()


def _enter(leader: int) -> list[str]:
    return ["nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--wd=/"]


@contextlib.contextmanager
def host() -> Iterator[Machine]:
    """A host that has booted. Raises LabError where it cannot be had."""
    tree = base()
    with _cgroups() as groups, tempfile.TemporaryDirectory(prefix="lossless-systemd-") as folder:
        console = Path(folder, "console")
        with console.open("wb") as sink:
            apart = [*_APART.split(), *_NSPAWN.split(), f"--directory={tree}"]
            command = ["sh", "-c", _JOIN, "sh", *groups, "--", *apart]
            outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        try:
            yield Machine(_booted(outer, console), Path(folder))
        finally:
            _end(outer)


def _end(outer: subprocess.Popen[bytes]) -> None:
    """Kill the first process of the outer namespace: the kernel ends all the others, and `outer` takes note."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(_child(outer.pid) or outer.pid, signal.SIGKILL)
    try:
        outer.wait(10)
    finally:
        outer.kill()
        outer.wait()


def until(holds: Callable[[], bool], deadline: float = 20.0) -> None:
    """Wait until something holds. Raises LabError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not holds():
        if time.monotonic() > end:
            raise LabError(f"it did not come within {deadline:g} s")
        time.sleep(0.05)


def base() -> Path:
    """The tree of files that every host begins with, built where it is missing."""
    if os.geteuid() != 0:
        raise LabError("a host with systemd needs root: run the tests as root")
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        raise LabError(f"a host with systemd needs: apt-get install -y {' '.join(missing)}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "lossless-restart")
    cache.mkdir(parents=True, exist_ok=True)
    tree = cache / f"{SUITE}-{hashlib.sha256(repr((PACKAGES, OFF)).encode()).hexdigest()[:12]}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            _build(tree)
    return tree


def _build(tree: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=tree.parent))
    try:
        with (tree.parent / "debootstrap.log").open("w+") as log:
            command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(draft)]
            if subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False).returncode:
                raise LabError(f"debootstrap failed, see {log.name}: {_tail(Path(log.name))}")
        preset = draft / "etc/systemd/system-preset/10-lab.preset"
        preset.parent.mkdir(parents=True, exist_ok=True)
        preset.write_text("".join(f"disable {unit}\n" for unit in OFF))
        subprocess.run(
            ["systemctl", f"--root={draft}", "--quiet", "disable", *OFF], check=True, stderr=subprocess.DEVNULL
        )
        for heap in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
            shutil.rmtree(draft / heap, ignore_errors=True)
        draft.chmod(0o755)
        draft.rename(tree)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


@contextlib.contextmanager
def _cgroups() -> Iterator[list[str]]:
    """Groups of the host's own, in the hierarchies that systemd uses (v2, v1 or both): two hosts must not share one."""
    top = Path("/sys/fs/cgroup")
    hierarchies = [path for path in (top, top / "systemd", top / "unified") if (path / "cgroup.procs").exists()]
    name = f"lossless-{os.getpid()}-{time.monotonic_ns()}"
    groups = [path / name for path in hierarchies]
    try:
        for group in groups:
            group.mkdir()
        yield [str(group) for group in groups]
    finally:
        for group in groups:
            _remove(group)


def _remove(group: Path) -> None:
    """Remove a group and what is below it. A group with a process in it cannot go, so nothing is left running."""
    deadline = time.monotonic() + 10
    while group.exists():
        for below, _folders, _files in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(below)
        if time.monotonic() > deadline:
            raise LabError(f"{group} still has processes: {(group / 'cgroup.procs').read_text().split()}")
        time.sleep(0.02)


def _booted(outer: subprocess.Popen[bytes], console: Path) -> int:
    """The host's first process, once it says that it has started everything."""
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline and outer.poll() is None:
        leader = _child(_child(outer.pid))
        if leader:
            asked = subprocess.run(
                [*_enter(leader), "systemctl", "is-system-running"],
                capture_output=True,
                text=True,
                timeout=READY,
                check=False,
            )
            if asked.stdout.strip() in ("running", "degraded"):
                return leader
        time.sleep(0.1)
    raise LabError(f"systemd did not boot here: {_tail(console)}")


def _child(pid: int) -> int:
    """The first child of a process; 0 where there is none."""
    with contextlib.suppress(OSError):
        return int((Path(f"/proc/{pid}/task/{pid}/children").read_text().split() or ["0"])[0])
    return 0


def _tail(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-8:])
