# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is true: two balancers, two services with overlapping pools, their processes, and one clock.

Nothing here is decided by the collection's code but one thing: each host asks its fence before it is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ansible_collections.lossless.restart.plugins.module_utils import _fence, _nginx_change
from ansible_collections.lossless.restart.plugins.module_utils._nginx_plan import Wanted

from .jobs import Result, pause

NOON = 1_800_000_000.0
WEIGHT = 10
SERVICES = {"order": ["o1", "o2", "o3", "o4"], "pay": ["p1", "p2", "p3"]}
POOLS = {
    "order": ["o1", "o2", "o3", "o4"],
    "admin": ["o1", "o2"],
    "shared": ["o3", "o4", "p1", "p2"],
    "pay": ["p1", "p2", "p3"],
}
SOURCES = {"lb-1": ["order", "admin"], "lb-2": ["order", "shared", "pay"]}
HOSTS = [host for hosts in SERVICES.values() for host in hosts]
Place = tuple[str, str, str]
US, PERSON = "us", "person"


def address(host: str) -> str:
    return f"{host}.internal:8080"


def host_of(member: str) -> str:
    return member.partition(".")[0]


@dataclass
class Line:
    """A member's line at one balancer. by: who took it out, a run (US) or a person; at: when a person did."""

    state: str = "up"
    weight: int = WEIGHT
    by: str = ""
    at: float = 0.0


@dataclass
class Process:
    """An instance's process. since: the run's `since` for which it was started. doubted: it was not well at some time,
    so that a gate may have it restarted. turned: when it fell ill or got well, or was started."""

    pid: int
    started: float
    turned: float
    up: bool = True
    well: bool = True
    since: float | None = None
    doubted: bool = False

    @property
    def healthy(self) -> bool:
        return self.up and self.well


class Watch(Protocol):
    """Who is told of each change that a run makes."""

    def changed(self, by: Any, token: int, was: Mapping[Place, Line], gone: Mapping[str, set[str]]) -> None:
        """was: the lines as they were; gone: by pool the members that are no longer in traffic."""

    def restarting(self, by: Any, host: str) -> None: ...


class World:
    def __init__(self) -> None:
        self.now = NOON
        self.watch: Watch | None = None
        self.lines: dict[Place, Line] = {
            (source, pool, host): Line() for source, pools in SOURCES.items() for pool in pools for host in POOLS[pool]
        }
        self.processes = {host: Process(pid, NOON - 1e6, NOON - 1e6) for pid, host in enumerate(HOSTS, 1)}
        self.unreachable: set[str] = set()
        self.spoiled: set[str] = set()
        self.levels = self._levels()
        # By pool and member: since when there is what keeps it out, where it left by itself and was not back since; and
        # when it last came into traffic.
        self.left: dict[tuple[str, str], float] = {}
        self.came: dict[tuple[str, str], float] = {}
        self._locked: set[str] = set()
        self._pids = 100

    def lines_of(self, host: str) -> dict[Place, Line]:
        return {place: line for place, line in self.lines.items() if place[2] == host}

    # What modules do on a balancer

    def read(self, source: str) -> Result:
        pause()
        if source in self.unreachable:
            return {"failed": True, "msg": "no route to host", "lost": True}
        readings = [
            {
                "kind": "nginx",
                "pool": f"nginx/{pool}",
                "source": source,
                "members": [self._member(source, pool, host) for host in POOLS[pool]],
            }
            for pool in SOURCES[source]
        ]
        return {"changed": False, "msg": "read", "readings": readings}

    def _member(self, source: str, pool: str, host: str) -> dict[str, Any]:
        line = self.lines[source, pool, host]
        return {"member": address(host), "state": line.state, "weight": line.weight, "addresses": []}

    def change(self, by: Any, source: str, args: Mapping[str, Any]) -> Result:
        """As nginx_upstream_member does it: the fences and the change under the balancer's lock."""
        members: Sequence[Mapping[str, Any]] = args["members"]
        pause()
        if source in self.unreachable:
            return {"failed": True, "msg": "no route to host", "lost": True}
        wanted = [Wanted(one["upstream"], one["member"], one["state"], None, None, one["token"]) for one in members]
        try:
            _nginx_change.admit(f"/{source}", wanted, args["ledger"], write=not args["recheck"])
        except (_fence.Fenced, ValueError) as error:
            return {"failed": True, "msg": str(error)}
        asked = {(source, one["upstream"], host_of(one["member"])): one for one in members}
        if args["recheck"]:
            back = [place[2] for place in asked if self.lines[place].state == "up"]
            return {"failed": bool(back), "changed": False, "msg": f"NOT out: {back}"}
        was = {place: replace(self.lines[place]) for place in asked}
        for place, one in asked.items():
            line = self.lines[place]
            line.state, line.weight = one["state"], one.get("weight") or line.weight
            # Put back to `down` is what a person had drained before.
            out = PERSON if "weight" in one else line.by or US
            line.by = out if line.state != "up" else ""
        gone = self._note(US)
        if self.watch:
            self.watch.changed(by, min(one["token"] for one in members), was, gone)
        return {"changed": True, "msg": "done"}

    # What modules do on an instance's host

    def process(self, host: str) -> Result:
        process = self.processes[host]
        identity = {"pid": process.pid, "start": process.started, "boot": "b"} if process.up else None
        age = self.now - process.started if process.up else None
        return {"changed": False, "identity": identity, "age": age, "running": process.up, "msg": "is there"}

    def restart(self, by: Any, host: str, asked: Mapping[str, Any]) -> Result:
        """As instance_process does it: the fence, the identity and the age under the host's lock, then stop and start.
        A module is on its way for a while before it looks."""
        refused = self._locked_or_fenced(host, asked)
        if refused:
            return refused
        old, known, age = self.processes[host], asked.get("process"), asked.get("older_than")
        here = self.process(host)["identity"]
        other = (known and known != here) or (asked.get("spare") and asked["spare"] == here)
        if old.up and (other or (age is not None and self.now - old.started < age)):
            return {**self.process(host), "msg": "was left alone"}
        if self.watch:
            self.watch.restarting(by, host)
        self._locked.add(host)
        old.up = False
        self._note(US)
        pause()
        self._locked.discard(host)
        self._pids += 1
        spoiled = host in self.spoiled
        self.spoiled.discard(host)
        self.processes[host] = Process(self._pids, self.now, self.now, True, not spoiled, by.since, doubted=spoiled)
        self._note(US)
        return {**self.process(host), "changed": True, "msg": "restarted"}

    def fence(self, host: str, asked: Mapping[str, Any]) -> Result:
        return self._locked_or_fenced(host, asked) or self.process(host)

    def _locked_or_fenced(self, host: str, asked: Mapping[str, Any]) -> Result | None:
        pause()
        if host in self._locked:
            pause()
        if host in self._locked:
            return {"failed": True, "msg": "another restart has the lock"}
        try:
            _fence.admit(f"/{host}", f"instance {address(host)}", asked["token"], asked["ledger"])
        except (_fence.Fenced, ValueError) as error:
            return {"failed": True, "msg": str(error)}
        return None

    def health(self, host: str) -> Result:
        well = self.processes[host].healthy
        return {"failed": not well, "changed": False, "msg": "healthy" if well else "unhealthy"}

    # What nobody decides

    def turn_ill(self, host: str, well: bool) -> None:
        process = self.processes[host]
        if process.well != well:
            process.well, process.turned, process.doubted = well, self.now, process.doubted or not well
        self._note("")

    def drain_by_hand(self, place: Place, back: bool) -> None:
        line = self.lines[place]
        if not back and line.state == "up":
            line.state, line.by, line.at = "down", PERSON, self.now
        elif back and line.by == PERSON:
            line.state, line.by = "up", ""
        self._note("")

    # What an observer sees

    def _note(self, by: str) -> dict[str, set[str]]:
        """Remember who left or came back, and whether a run did it or nobody. Those who left, by pool."""
        before, self.levels = self.levels, self._levels()
        for pool, found in self.levels.items():
            for host in found - before[pool]:
                self.left.pop((pool, host), None)
                self.came[pool, host] = self.now
            for host in before[pool] - found:
                if not by:
                    self.left[pool, host] = self.now
        # It may have left for one reason and stay away for a later one, which nobody could see before.
        for pool, host in self.left:
            self.left[pool, host] = min(self._reasons(pool, host), default=self.left[pool, host])
        return {pool: found - self.levels[pool] for pool, found in before.items()}

    def _reasons(self, pool: str, host: str) -> list[float]:
        """Since when what is nobody's doing keeps a member out."""
        process = self.processes[host]
        drained = [
            line.at
            for (_source, name, _host), line in self.lines_of(host).items()
            if line.by == PERSON and (name == pool or pool.startswith("service "))
        ]
        return [*drained, *([] if process.well else [process.turned])]

    def _levels(self) -> dict[str, set[str]]:
        """By pool, and by service over all of its pools, the members that are healthy and up at every balancer."""
        out: dict[str, set[str]] = {}
        for (_source, pool, host), line in self.lines.items():
            if line.state != "up":
                out.setdefault(host, set()).add(pool)
        fit = {host for host, process in self.processes.items() if process.healthy}
        found = {
            pool: {one for one in hosts if one in fit and pool not in out.get(one, ())} for pool, hosts in POOLS.items()
        }
        services = {
            f"service {name}": {one for one in hosts if one in fit and one not in out}
            for name, hosts in SERVICES.items()
        }
        return {**found, **services}
