# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An instance's process: which one it is, how old, and what a user wrote about restarting it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from . import _grammar
from ._process_command import Plain
from ._process_docker import Container
from ._process_host import Host, Identity, ProcessError, age
from ._process_service import Service
from ._process_supervisor import Program
from ._process_systemd import Unit

__all__ = ["Identity", "ProcessError", "age", "identity", "lives", "only_finds", "service"]

_KEYS = {
    "systemd": ("systemd", "systemctl"),
    "supervisor": ("supervisor", "config", "supervisorctl"),
    "container": ("container", "docker", "grace"),
    "command": ("command", "pid_file"),
    "start": ("stop", "start", "pid_file"),
    "pid_file": ("pid_file",),
    "listen": ("listen",),
}
_KNOWN = sorted({key for keys in _KEYS.values() for key in keys})
_OTHER_UNITS = ("target", "socket", "timer", "path", "mount", "automount", "swap", "slice", "scope", "device")


def identity(restart: Mapping[str, Any], address: str | None) -> Identity | None:
    """The process that is the instance now; None where it does not run.

    restart: what a user writes in `instance_restart`; or, just to look, {pid_file: PATH} or {listen: HOST:PORT}.
    address: HOST:PORT, by which a `command` without pid_file is known. Raises ValueError for a wrong description,
    ProcessError for a unit or program that does not exist, or a supervisor that cannot be asked.
    """
    return service(restart, address).read().process


def lives(identity: Identity) -> bool:
    """Whether that very process is still there; cheap enough for every reading of a wait."""
    return Host().lives(identity)


def only_finds(restart: Mapping[str, Any]) -> bool:
    """Whether it says how to find the process, and not how to restart it."""
    return set(restart) <= {"pid_file", "listen"}


def service(restart: Mapping[str, Any], address: str | None, host: Host | None = None) -> Service:
    """The service that `restart` describes, checked word by word. Raises ValueError naming what is wrong."""
    host = host or Host()
    given = {key: value for key, value in restart.items() if value is not None}
    kind = _kind(given)
    if kind == "systemd":
        systemctl = _grammar.command(given.get("systemctl", ["systemctl"]), "restart: systemctl")
        return Unit(host, _unit(given["systemd"]), systemctl)
    if kind == "supervisor":
        config = _grammar.path(given["config"], "restart: config") if "config" in given else None
        supervisorctl = _grammar.command(given.get("supervisorctl", ["supervisorctl"]), "restart: supervisorctl")
        return Program(host, _program(given["supervisor"]), config, supervisorctl)
    if kind == "container":
        docker = _grammar.command(given.get("docker", ["docker"]), "restart: docker")
        return Container(host, _container(given["container"]), docker, _grace(given.get("grace")))
    return _plain(host, given, address)


def _kind(given: Mapping[str, Any]) -> str:
    for key in given:
        if key not in _KNOWN:
            close = difflib.get_close_matches(str(key).lower(), _KNOWN, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(_KNOWN)}"
            raise ValueError(f"restart: unknown key {key!r}: {hint}")
    kinds = [kind for kind in ("systemd", "supervisor", "container", "command", "start", "listen") if kind in given]
    if ("stop" in given) != ("start" in given):
        raise ValueError("restart: 'stop' and 'start' go together; or write one 'command' that restarts")
    if not kinds and list(given) == ["pid_file"]:
        return "pid_file"
    if len(kinds) != 1:
        found = " and ".join(kinds) or f"none, only {', '.join(given)}" if given else "nothing"
        raise ValueError(
            f"restart: write one of systemd, supervisor, container, command, or stop with start; found {found}"
        )
    foreign = [key for key in given if key not in _KEYS[kinds[0]]]
    if foreign:
        raise ValueError(f"restart: {foreign[0]!r} does not go with {kinds[0]!r}: use {', '.join(_KEYS[kinds[0]])}")
    return kinds[0]


def _unit(value: Any) -> str:
    name = _grammar.word(value, "restart: systemd")
    suffix = name.rpartition(".")[2]
    if "." in name and suffix in _OTHER_UNITS:
        raise ValueError(f"restart: systemd {name!r} is a {suffix}, not a service: name the service, as in 'order-svc'")
    if name.endswith(("@", "@.service")):
        raise ValueError(f"restart: systemd {name!r} is a template: name its instance, as in 'order@1'")
    return name


def _program(value: Any) -> str:
    name = _grammar.word(value, "restart: supervisor")
    if name == "all" or name.endswith(":"):
        raise ValueError(f"restart: supervisor {name!r} is more than one program: name one, as in 'order-1'")
    return name


def _container(value: Any) -> str:
    name = _grammar.word(value, "restart: container")
    if not name[0].isalnum():
        raise ValueError(f"restart: container {name!r} is no container's name: it begins with a letter or a digit")
    return name


def _grace(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 86400):
        return value
    raise ValueError(f"restart: grace {value!r} is no whole number of seconds from 0 to 86400")


def _plain(host: Host, given: Mapping[str, Any], address: str | None) -> Plain:
    pid_file = _grammar.path(given["pid_file"], "restart: pid_file") if "pid_file" in given else None
    where = given.get("listen", address)
    if not pid_file and where is None:
        raise ValueError("restart: a command needs pid_file or the instance's address, to know which process it is")
    known_by = None if pid_file else _grammar.address(where, "restart: listen" if "listen" in given else "address")
    if "start" in given:
        stop = _grammar.command(given["stop"], "restart: stop")
        return Plain(host, pid_file, known_by, stop, _grammar.command(given["start"], "restart: start"))
    command = _grammar.command(given["command"], "restart: command") if "command" in given else None
    return Plain(host, pid_file, known_by, None, command)
