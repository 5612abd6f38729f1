# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The running nginx: its commands, its master by the pid file, and its workers from /proc."""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass

from . import _command
from ._nginx_conf import Config

_SHOWN = 600
_CLOCK_STEP = 0.02


class HostError(Exception):
    """A command failed, or nginx does not run as it should; the text says which and what it answered."""


@dataclass(frozen=True)
class Build:
    """What the version command says. number: (1, 31, 3); () where the product is not nginx or OpenResty."""

    text: str
    number: tuple[int, ...]
    prefix: str
    pid_path: str


@dataclass(frozen=True)
class Worker:
    """A child of the master. began: the wall clock, in seconds, when it started."""

    pid: int
    began: float
    shutting_down: bool


def run(command: list[str], *, timeout: float) -> str:
    """Run `command`, no shell, and return what it wrote. Raises HostError quoting that where the command failed."""
    line = " ".join(command)
    ran = _command.run(command, timeout)
    if ran.code is None:
        raise HostError(f"'{line}' did not end within {timeout:g} s")
    said = ran.output.strip()
    if ran.code != 0:
        raise HostError(f"'{line}' failed (rc {ran.code}): {said[-_SHOWN:] or 'no output'}")
    return said


def build(command: list[str], *, timeout: float) -> Build:
    """Ask nginx what it is; `nginx -V` tells prefix and pid file as well, which are empty from `nginx -v`."""
    said = run(command, timeout=timeout)
    version = re.search(r"version: (\S+)", said)
    text = version.group(1) if version else ""
    number = re.match(r"(?:nginx|openresty)/(\d+)\.(\d+)\.(\d+)", text)
    options = dict(re.findall(r"--(prefix|pid-path)=(\S+)", said))
    parts = tuple(int(part) for part in number.groups()) if number else ()
    return Build(text, parts, options.get("prefix", ""), options.get("pid-path", ""))


def prefix(given: str | None, built: Build, commands: list[list[str]]) -> str | None:
    """nginx's prefix: as given, as `-p` of one of the commands, or as built in; None where none of them says it."""
    for command in commands:
        for option, value in zip(command, command[1:]):
            given = given or (value if option == "-p" and value.startswith("/") else None)
    return given or (built.prefix if built.prefix.startswith("/") else None)


def refuse_other_config(said: str, config: str) -> None:
    """Raises HostError where the test's answer names another configuration file than ours."""
    named = re.search(r"configuration file (\S+) (?:syntax is ok|test)", said)
    if named and not _same(named.group(1), config):
        raise HostError(
            f"the test command looks at {named.group(1)}, not at {config}: add '-c {config}' to 'test' and 'reload', "
            "or set 'config'"
        )


def _same(one: str, other: str) -> bool:
    return not one.startswith("/") or os.path.realpath(one) == os.path.realpath(other)


def pid_file(config: Config, built: Build) -> str:
    """Where the master's pid stands: the last `pid` of the main context, what was built in, or /run/nginx.pid."""
    path = built.pid_path or "/run/nginx.pid"
    for directive, parents in config.walk():
        if directive.name == "pid" and not parents and directive.args:
            path = directive.args[0]
    return os.path.join(config.prefix, path)


def master(path: str) -> int:
    """The pid of the running master, by its pid file. Raises HostError for one that is missing, stale or not nginx."""
    try:
        with open(path, encoding="utf-8") as stream:
            pid = int(stream.read())
    except FileNotFoundError:
        raise HostError(f"nginx is not running: its pid file {path} does not exist") from None
    except (OSError, ValueError) as error:
        raise HostError(f"{path}: no pid can be read from it: {error}") from None
    title = _title(pid)
    if not title:
        raise HostError(f"nginx is not running: {path} names process {pid}, which does not exist (a stale pid file)")
    if not title.startswith("nginx:"):
        raise HostError(f"{path} names process {pid}, which is {title!r} and no nginx master: a stale pid file?")
    if os.path.exists(path + ".oldbin"):
        raise HostError(f"an upgrade of nginx's binary is under way ({path}.oldbin exists): end it first")
    return pid


def workers(pid: int) -> list[Worker]:
    """The children of master `pid`, cache manager and loader included, by pid."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                fields = _stat(int(name))
                if int(fields[1]) == pid and fields[0] != "Z":
                    found.append(Worker(int(name), _began(int(fields[19])), "is shutting down" in _title(int(name))))
    return sorted(found, key=lambda worker: worker.pid)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: 0 state, 1 parent, 19 start in ticks since boot."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
        return stream.read().rpartition(")")[2].split()


def _began(ticks: int) -> float:
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def _title(pid: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as stream:
        return stream.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return ""


def unread(paths: list[str], running: list[Worker]) -> list[str]:
    """Those of `paths` that changed after a worker started which is to stay: nginx has not read them yet.

    A file from the future (the clock was set back) says nothing and is taken as read.
    """
    began = min((worker.began for worker in running if not worker.shutting_down), default=0.0)
    return [path for path in paths if began + _CLOCK_STEP < os.stat(path).st_ctime <= time.time()]
