# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold, judged by what is true and by the ledger's records. It shares no arithmetic with the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils._ledger import Lease, State

from .playbook import CAP, Asked, Playbook
from .world import PERSON, POOLS, SERVICES, US, WEIGHT, Line, Place, World

ALL = {**POOLS, **{f"service {name}": hosts for name, hosts in SERVICES.items()}}
# In percent, of all that there are.
FLOOR = 30

# A grant may rest on what was true so long before it: a ticket's 10 s, and a write that a session can still make.
FRESH = 20.0
# A run that was heard of within this time is alive.
HEARD = 300.0


class Violation(AssertionError):
    """A promise was broken."""


class Judge:
    """Looks at every change and every write. measured: for each token, since when what it rests on was true."""

    def __init__(self, world: World, alive: Callable[[Mapping[str, Any]], bool]) -> None:
        self._world, self._alive = world, alive
        self._measured: dict[int, float] = {}
        self._first: dict[str, float] = {}
        self._leases: Mapping[str, Lease] = {}

    # What runs do to balancers and instances

    def changed(self, by: Playbook, token: int, was: Mapping[Place, Line], gone: Mapping[str, set[str]]) -> None:
        for place, before in was.items():
            source, _pool, host = place
            if self._world.lines[place].state != "up" and before.state == "up" and host not in self._leases:
                raise Violation(f"{by} took {host} out at {source}, and nobody has a lease of it")
            # What came after the run had looked is not seen: who drains by hand looks at the status first.
            if self._world.lines[place].state == "up" and before.by == PERSON and before.at <= self._first[host]:
                raise Violation(f"{by} put {host} back at {source}, where a person had drained it")
        measured = self._measured.get(token, self._world.now)
        for pool in gone:
            if gone[pool]:
                self._floor(pool, gone[pool], measured)
        self._cap()

    def restarting(self, by: Playbook, host: str) -> None:
        process = self._world.processes[host]
        serving = [place for place, line in self._world.lines_of(host).items() if line.state == "up"]
        if serving and process.healthy:
            raise Violation(f"{by} restarts {host} while {serving[0][0]} sends to it")
        if process.since == by.since and not process.doubted:
            raise Violation(f"{by} restarts {host} a second time for one roll")

    def _floor(self, pool: str, gone: set[str], measured: float) -> None:
        """Who left by itself after the run had looked is not its fault; nor does who was out then, or went out under
        the same lease already, go out now."""
        hosts, found = ALL[pool], self._world.levels[pool]
        excused = {host for host in hosts if self._world.left.get((pool, host), 0.0) > measured}
        again = {host for host in gone if self._world.came.get((pool, host), 0.0) > measured or self._returning(host)}
        excused |= again
        if gone - again and 100 * len(found | excused) < FLOOR * len(hosts):
            raise Violation(f"{pool} is below its floor: of {hosts} only {sorted(found)} are in traffic")

    def _returning(self, host: str) -> bool:
        """Whether it was put back already, and goes out again since it answers badly: it counted as out all along."""
        return host in self._leases and self._leases[host].step == "attaching"

    def _cap(self) -> None:
        for service, hosts in SERVICES.items():
            out = {host for host in hosts if any(line.by == US for line in self._world.lines_of(host).values())}
            if len(out) > int(CAP[service] or len(hosts)):
                raise Violation(f"{service}: {sorted(out)} are in work at once")

    # What stands in the ledger

    def wrote(self, asked: Asked, old: State, new: State) -> None:
        self._leases = new.leases
        for host, lease in new.leases.items():
            if lease != old.leases.get(host):
                self._lease(asked, old.leases.get(host), lease, old)
        for host in old.leases.keys() - new.leases.keys():
            if asked.action != "release":
                raise Violation(f"{asked.by} lost the lease of {host} with {asked.action}")
            if any(line.by == US for line in self._world.lines_of(host).values()):
                raise Violation(f"{asked.by} gave the lease of {host} back, which is out")
        for name, run in new.runs.items():
            before = old.runs.get(name)
            for host in set(run.done) - set(before.done if before else ()):
                if self._world.processes[host].started < run.since:
                    raise Violation(f"{host} is done, but was not restarted since {run.since}")
            if before is not None and before.owner != run.owner:
                self._alive_still(asked, old, name)

    def _lease(self, asked: Asked, was: Lease | None, lease: Lease, old: State) -> None:
        host, now = lease.host, self._world.now
        measures = asked.action == "acquire"
        if measures:
            self._measured[lease.token] = asked.measured
            if now - asked.measured > FRESH:
                raise Violation(f"{host} was granted on what was true {now - asked.measured:.0f} s before")
        if was is None or (was.token, was.run) != (lease.token, lease.run):
            if lease.token <= max((one.token for one in old.leases.values()), default=0):
                raise Violation(f"{host} was granted with token {lease.token}, which is not new")
            if was is not None and was.run != lease.run and was.until >= now:
                self._alive_still(asked, old, was.run)
        if was is None:
            self._first[host] = asked.measured
            if old.runs[lease.run].state == "stopped":
                raise Violation(f"{host} was granted to a run that was stopped")
        elif was.before != lease.before:
            raise Violation(f"{host}: what was there before the lease was forgotten")
        elif was.token == lease.token and was.until < old.at and not measures:
            raise Violation(f"{host}: its lease was prolonged {old.at - was.until:.0f} s after it had expired")

    def _alive_still(self, asked: Asked, old: State, name: str) -> None:
        """Nobody takes anything from a process that lives, has not reported, and was heard of."""
        run = old.runs[name]
        until = max([run.heartbeat + HEARD, *(one.until for one in old.leases.values() if one.run == name)])
        if run.ended is None and until >= old.at and self._alive(run.owner):
            raise Violation(f"{asked.by} took from run {name} of {run.owner['name']}, which lives")

    # At the end, when every command was run again to its end

    def end(self) -> None:
        for (source, pool, host), line in self._world.lines.items():
            if line.by == US:
                raise Violation(f"{host} was left out of {pool} at {source}")
            if line.state == "up" and line.weight != WEIGHT:
                raise Violation(f"{host} was left with weight {line.weight} in {pool} at {source}")
        if self._leases:
            raise Violation(f"{', '.join(self._leases)}: their leases are left, and they are not out")
