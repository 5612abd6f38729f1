# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the state check of the selected instances found, and what of it forbids the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _fence
from ansible_collections.lossless.restart.plugins.plugin_utils import _description


@dataclass(frozen=True)
class Checks:
    """By host, the message of what went wrong.

    unreachable: its host was not reached; it is not touched. missing: the unit or program is not there.
    unfit: it is not in the state asked for, which matters only while it is healthy and in traffic.
    """

    unreachable: dict[str, str]
    missing: dict[str, str]
    unfit: dict[str, str]


def checks(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> Checks:
    """Sort what the state check registered on each host."""
    found = Checks({}, {}, {})
    for host in hosts:
        process = hostvars[host].get("instance_process") or {"failed": True, "msg": "was not read"}
        state = hostvars[host].get("instance_checked") or {}
        asked = _asked(hostvars[host])
        lost = next((one for one in (process, state, asked) if one.get("lost")), None)
        if lost:
            _put(found.unreachable, host, lost)
        elif process.get("failed"):
            _put(found.missing, host, process)
        elif state.get("failed"):
            # Where nothing runs, that is the reason for whatever else was seen.
            _put(found.unfit, host, process if process.get("running") is False else state)
        elif asked.get("failed"):
            _put(found.unfit, host, asked)
    return found


def _asked(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first answer to what the kinds of traffic points asked that is bad; else nothing."""
    registered = [variables.get(f"instance_asked_{family}") or {} for family in _description.FAMILIES]
    answers = [one for task in registered for one in task.get("results", [task])]
    return next((one for one in answers if one.get("failed")), {})


def _put(into: dict[str, str], host: str, result: Mapping[str, Any]) -> None:
    into[host] = str(result.get("msg", "no answer"))


def problems(plan: Mapping[str, Any], found: Checks, skipped: Iterable[str]) -> list[str]:
    """Everything that forbids the run, a line each. `skipped`: hosts that the run goes on without."""
    lines = [f"{host}: {why}" for host, why in found.missing.items()]
    excused = {*plan["unhealthy"], *plan["resumed"]}
    lines += [f"{host}: {why}" for host, why in found.unfit.items() if host not in excused]
    lines += [f"{host}: {why}" for host, why in plan["blocked"].items() if host not in set(skipped)]
    return lines


def foreign(hosts: Iterable[str], hostvars: Mapping[str, Any], ledger: Mapping[str, Any], replaces: str) -> list[str]:
    """The instances that were restarted under another ledger than {id, place}, a line each."""
    known = {host: (hostvars[host].get("instance_process") or {}).get("ledger") for host in hosts}
    return [
        f"{host}: {_fence.foreign(_fence.Record(0, one['id'], one['place']), ledger['id'], ledger['place'])}"
        for host, one in known.items()
        if one and one["id"] not in (ledger["id"], replaces)
    ]


def identities(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> dict[str, Any]:
    """The process of each host as the state check just read it; None where none runs."""
    read = {host: (hostvars[host].get("instance_process"), hostvars[host].get("instance_checked")) for host in hosts}
    return {
        host: next((one["identity"] for one in both if one and one.get("identity")), None)
        for host, both in read.items()
    }
