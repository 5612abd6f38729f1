# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module dubbo_provider_state was asked, checked value by value before anything is looked at. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _dubbo_calls, _dubbo_member, _dubbo_reading, _dubbo_way, _grammar, _leased, _target
from ._dubbo_member import Known
from ._dubbo_switch import IN, OUT

# Not what a regular expression would be.
_KEY = re.compile(r"([\w.-]+/)?[\w.$-]+(:[\w.-]+)?\Z")
DAY = 86400.0


@dataclass(frozen=True)
class Task:
    """members: as they are written, by address; empty where no registry is asked. was: by service whether it was
    registered, as the process said. places: by service in how many places it was or might have been. known: of the
    members, as the registries had them.

    services: by their keys; none means all. settle: None where it is to be chosen. Seconds, all of them.
    """

    state: str
    via: str
    port: int | None
    members: Mapping[str, str]
    was: Mapping[str, bool]
    places: Mapping[str, int]
    known: Mapping[str, Known]
    services: tuple[str, ...]
    restarted: bool
    starting: bool
    attaches: str
    calls: Mapping[str, Any] | None
    idle: Sequence[Mapping[str, Any]]
    quiet: float
    settle: float | None
    deadline: float
    interval: float
    recheck: bool
    token: int | None
    ledger: Mapping[str, Any] | None
    state_dir: str

    @property
    def who(self) -> str:
        """For people."""
        return ", ".join(self.members.values()) or f"qos port {self.port}"


def task(params: Mapping[str, Any]) -> Task:
    """Raises ValueError, naming what is wrong."""
    _leased.members(params)
    if params["state"] not in (OUT, IN):
        raise ValueError(f"state {params['state']} goes with leases; without them it is out or in")
    port = params["qos"]
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"qos {port!r} is no port from 1 to 65535")
    for name, least in (("deadline", 0.01), ("interval", 0.01), ("quiet", 0.0), ("settle", 0.0)):
        value = params[name]
        if value is not None and not (math.isfinite(value) and least <= value <= DAY):
            raise ValueError(f"{name} {value!r} is not a number of seconds from {least:g} to {DAY:g}")
    if params["quiet"] >= params["deadline"]:
        raise ValueError(f"quiet {params['quiet']:g} s does not fit into deadline {params['deadline']:g} s")
    for target in params["idle"]:
        _target.validate(target)
    if params["calls"] is not None:
        _dubbo_calls.validate(params["calls"])
        if params["state"] == OUT and params["registries"] is None:
            raise ValueError("calls: for state out they are watched while the registries are: name those")
    members = _members(params)
    before = params["before"] or {}
    unknown = [str(name) for name in before if name not in ("services", "members")]
    if unknown:
        raise ValueError(f"before has {', '.join(unknown)}, and what this module returns has only services and members")
    if params["via"] in _dubbo_way.WRITES and not members:
        raise ValueError(f"via {params['via']} writes to the registries: name registries, application and members")
    return Task(
        state=params["state"],
        via=params["via"],
        port=port,
        members=members,
        was=_was(before.get("services") or {}),
        places={str(key): len(where) for key, where in (before.get("services") or {}).items()},
        known=_dubbo_member.known(before.get("members"), members.values()),
        services=_services(params),
        calls=params["calls"],
        idle=params["idle"],
        state_dir=_grammar.path(params["state_dir"], "state_dir"),
        **{
            name: params[name]
            for name in (
                "restarted",
                "starting",
                "attaches",
                "quiet",
                "settle",
                "deadline",
                "interval",
                "recheck",
                "token",
                "ledger",
            )
        },
    )


def _members(params: Mapping[str, Any]) -> dict[str, str]:
    if params["registries"] is None:
        return {}
    _grammar.word(params["application"], "application")
    if not params["registries"]:
        raise ValueError("registries is empty: name where the application is registered")
    if not params["members"]:
        raise ValueError("members is empty: name the instances by the addresses that the registry has")
    found = _dubbo_reading.named(params["members"])
    if len(found) != len(params["members"]):
        raise ValueError(f"members names one twice: {', '.join(params['members'])}")
    return found


def _services(params: Mapping[str, Any]) -> tuple[str, ...]:
    for key in params["services"]:
        if not _KEY.match(key):
            raise ValueError(
                f"services: {key!r} is no service: write its key as Dubbo does, group/interface:version, "
                "as in 'lab.Echo' or 'g1/lab.Echo2:1.0.0'; patterns are not taken"
            )
    if params["services"] and params["via"] in (_dubbo_way.GRACEFUL, _dubbo_way.REGISTRY):
        raise ValueError(
            f"services: via {params['via']} takes the whole provider: use via qos or rule, or leave it out"
        )
    return tuple(params["services"])


def _was(services: Mapping[str, Any]) -> dict[str, bool]:
    try:
        return {str(key): any(one["registered"] for one in where) for key, where in services.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"before: services are not as this module returns them: {str(services)[:200]}") from error
