# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who this controller is, and which other runs of this same machine are dead."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _process_host


def owner() -> dict[str, Any]:
    """The ansible-playbook process: {name, machine, boot, pid, start}; actions run in forks of it."""
    me = _process_host.Host().process(os.getppid())
    if me is None:
        raise RuntimeError("the ansible-playbook process that this action works for is gone")
    return {
        "name": f"{_user()}@{os.uname().nodename}",
        "machine": _machine(),
        "boot": me.boot,
        "pid": me.pid,
        "start": me.start,
    }


def age() -> float:
    """Seconds since the ansible-playbook process started."""
    me = _process_host.Host().process(os.getppid())
    return 0.0 if me is None else _process_host.age(me)


def dead(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ids of those runs whose controller was a process of this machine that is gone."""
    return [run["id"] for run in runs if run["owner"]["machine"] == _machine() and not _lives(run["owner"])]


def dead_owners(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same as proofs for the ledger: of processes, since such a run may be in the hands of another one by then."""
    found = list(runs)
    gone = set(dead(found))
    return [dict(run["owner"]) for run in found if run["id"] in gone]


def _lives(who: Mapping[str, Any]) -> bool:
    return _process_host.Host().lives(_process_host.Identity(who["pid"], who["start"], who["boot"]))


def _user() -> str:
    """The user's name, or number where it has no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _machine() -> str:
    """Where pids mean the same: the machine, its name, and the pid name space.

    Containers of one image often share a machine id, and a pid of one means nothing in another.
    """
    space = os.readlink("/proc/self/ns/pid")
    return f"{_machine_id()} {os.uname().nodename} {space}"


def _machine_id() -> str:
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        if Path(path).exists():
            return Path(path).read_text("utf-8").strip()
    return "-"
