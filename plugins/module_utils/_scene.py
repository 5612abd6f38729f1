# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was asked and measured, and what it says of each wanted host: who is in its way, and who can lift that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Callable

from . import _fence, _levels, _living, _plan, _sources, _sweep
from ._ledger import Lease, Refused, State, Waiting
from ._levels import Glass, Level, Pool, grouped, moment
from ._params import Params
from ._permission import Permission
from ._runs import ATTACHING

# The cap over all runs is counted like one more pool.
CAP = "max_out"


@dataclass(frozen=True)
class Scene:
    """What was asked and measured: everything that a decision needs besides the ledger's state."""

    service: str
    wanted: list[str]
    pools: list[Pool]
    instances: Mapping[str, Mapping[str, Any]]
    said: _levels.Said
    seen: Mapping[str, Any]
    cap: int
    include_drained: bool
    glass: Glass = Glass.WHOLE
    machine: str = ""
    cap_by: str = CAP

    def levels(self, state: State, free_runs: Collection[str] | None = None, own: str = "") -> list[Level]:
        """With all that is leased as out. `free_runs`, to judge what a run may take: of the wanted hosts, what these
        runs hold, or nobody any more, counts as in traffic where it serves, since its lease may be older than what is
        out now. Not so what the run `own` only has to put back."""
        leased = {host: held_text(state, lease) for host, lease in state.leases.items()}
        going = {
            host
            for host in set(self.wanted) & set(leased)
            if free_runs is not None
            and not self.bars(state, state.leases[host], free_runs)
            and not _returns(state.leases[host], own)
        }
        return [level.with_leases(leased, going) for level in self._unleased]

    @cached_property
    def _unleased(self) -> list[Level]:
        return _levels.levels(self.pools, self.instances, self.said, self.seen, self.glass)

    def bars(self, state: State, lease: Lease, free_runs: Collection[str]) -> bool:
        """Whether the lease keeps others from its host. Within its service one does not that expired, or whose run has
        stopped and reported."""
        ended = lease.until < state.at or _living.reported(state.runs[lease.run])
        return lease.run not in free_runs and (lease.service != self.service or not ended)

    def room(self, state: State, levels: Sequence[Level]) -> dict[str, int]:
        """By pool, with the cap over all runs as one more."""
        in_work = sum(lease.service == self.service for lease in state.leases.values())
        return {CAP: self.cap - in_work, **{level.pool.id: level.room for level in levels}}

    def costs(self, state: State, levels: Sequence[Level]) -> dict[str, frozenset[str]]:
        return {
            host: _levels.costs(host, levels) | (frozenset() if host in state.leases else {CAP}) for host in self.wanted
        }

    def fitting(self, state: State, levels: Sequence[Level]) -> Callable[[Waiting], bool]:
        """Whether there is room now for what another run waits for, in the pools that were measured here."""
        room = self.room(state, levels)

        def fits(one: Waiting) -> bool:
            costs = {host: _levels.costs(host, levels) for host in one.hosts}
            if state.runs[one.run].service == self.service:
                costs = {host: cost if host in state.leases else cost | {CAP} for host, cost in costs.items()}
            return _plan.fits(one.hosts, costs, room)

        return fits


def scene(params: Params, check: _sweep.Check, glass: Glass = Glass.WHOLE) -> Scene:
    """Check what was asked and read, then probe every member of every pool."""
    pools, wanted = params.pools(), params.hosts()
    instances, readings = params.instances(pools), params.readings()
    service = next(pool for pool in pools if pool.id == f"service/{params.word('service')}")
    strange = [host for host in wanted if host not in service.hosts]
    if strange:
        raise Refused(f"{', '.join(strange)}: no instance of {service.name}, which has {len(service.hosts)}")
    cap = params.cap(len(service.hosts))
    drained = params.choice("drained", "skip", "include")
    timeout = params.number("probe_deadline", 0.05, 4, 2)
    wrong = _sources.disagreements(pools, instances, readings)
    if wrong:
        lines = "\n".join(_sources.by_source(wrong))
        raise Refused(
            f"Nothing is taken out while the sources cannot be counted on:\n{lines}",
            disagreements=wrong,
        )
    members = dict.fromkeys(host for pool in pools for host in pool.hosts)
    seen = _sweep.sweep({host: instances[host]["probe"] for host in members}, timeout, check)
    said = _sources.said_by(readings)
    machine = str(params.owner()["machine"]) if params.has("owner") else ""
    pools = _sources.with_parts(pools, instances, readings)
    return Scene(service.name, wanted, pools, instances, said, seen, cap, drained == "include", glass, machine)


def permitted(permission: Permission, view: Scene) -> Scene:
    """The same within what the policy allows. Raises Refused where a pool's floor is below the least one."""
    low = permission.too_low(view.pools)
    if low:
        raise Refused("\n".join(["The policy does not allow this. Nothing was granted:", *low]), rules=low)
    total = next(len(pool.hosts) for pool in view.pools if pool.id == f"service/{view.service}")
    cap, cap_by = permission.cap(view.cap, total)
    return replace(view, cap=cap, cap_by=cap_by)


def refuse_foreign(view: Scene, state: State, place: str, replaces: str) -> None:
    """Refuse while a source knows a member of a pool under another ledger: that one's leases are not seen from here."""
    told = foreign(view.said, state, place, replaces)
    if told:
        raise Refused(f"{'; '.join(grouped(told))}. Nothing was granted.", foreign=sorted(told))


def foreign(said: _levels.Said, state: State, place: str, replaces: str) -> dict[str, str]:
    """The members that their sources know under another ledger, and what to do about it."""
    told: dict[str, str] = {}
    for (_pool, source, member), values in said.items():
        known = values.get("ledger")
        if known and known["id"] not in (state.id, replaces):
            told[f"{member} at {source}"] = _fence.foreign(_fence.Record(0, **_record(known)), state.id, place)
    return told


def _record(known: Mapping[str, Any]) -> dict[str, str]:
    return {"ledger": str(known["id"]), "place": str(known["place"])}


def _returns(lease: Lease, run: str) -> bool:
    """Whether it is the run's, and its host is only to be put back."""
    return lease.run == run and lease.step == ATTACHING


def held_text(state: State, lease: Lease) -> str:
    expired = ", EXPIRED" if lease.until < state.at else ""
    owner = state.runs[lease.run].owner["name"]
    why = f" ({lease.reason})" if lease.reason else ""
    return f"run {lease.run} of {owner}{why}, since {moment(lease.since, state.at)}{expired}"


def left_text(state: State, lease: Lease) -> str:
    """Who holds the host, at which step, and for how long at the most."""
    seconds = max(0.0, lease.until - state.at)
    return f"{held_text(state, lease)}, at step {lease.step}, for {seconds:.0f} s more at the most"


def blocked(state: State, view: Scene, levels: Sequence[Level], free_runs: Collection[str]) -> dict[str, str]:
    """Of the wanted hosts, those that nobody may take now, whatever the room; `free_runs` stand in nobody's way."""
    found = {}
    for host in view.wanted:
        lease = state.leases.get(host)
        if lease is not None and view.bars(state, lease, free_runs):
            found[host] = (
                f"held by {left_text(state, lease)}. Wait for that run, or stop it{_way_out(state, lease, view)}"
            )
        outs = [level.outs[host] for level in levels if host in level.outs]
        drained = [out.detail for out in outs if out.why == _levels.DRAINED]
        if drained and not view.include_drained:
            found[host] = f"{drained[0]}. Whoever drained it puts it back, or ask with drained: include"
    return found


def _way_out(state: State, lease: Lease, view: Scene) -> str:
    """What to type where the run's controller may be dead: only on its own machine is that known without."""
    if lease.service != view.service or state.runs[lease.run].owner["machine"] == view.machine:
        return ""
    return f"; if its controller is dead, take it over at once with -e fleet_take_over={lease.run}"


def unliftable(view: Scene, levels: Sequence[Level]) -> list[str]:
    """The wanted hosts for which no waiting helps: drained by a person, or in a pool that must keep all its members."""
    found = []
    for host in view.wanted:
        here = [level for level in levels if host in level.pool.hosts]
        out = [level.outs[host].why for level in here if host in level.outs]
        by_hand = _levels.DRAINED in out and not view.include_drained
        if by_hand or any(level.configured == level.bound and host not in level.outs for level in here):
            found.append(host)
    return found


def never(level: Level) -> str:
    """That no member of the pool may ever be out, and what could be done."""
    numbers = f"{level.configured} configured, floor {level.pool.share} = {level.least}"
    if level.glass is Glass.BROKEN:
        return f"{level.pool.name}: {numbers}: it would be empty. Only fleet_break_glass_empty lets that happen"
    return f"{level.pool.name}: {numbers}: none may ever be out. Add an instance, or lower this pool's floor"


def _too_many(host: str, view: Scene, state: State) -> str:
    """Where what runs have left is more than may be out at once: that none of it can go on. Else empty."""
    levels = [level for level in view.levels(state) if host in level.pool.hosts]
    tight = min(levels, key=lambda level: level.room)
    left = [one for one in tight.pool.hosts if one in state.leases]
    if len(left) <= tight.configured - tight.bound:
        return ""
    return (
        f"{tight.pool.name}: {', '.join(left)} are held by what runs left, and only "
        f"{tight.configured - tight.bound} of {tight.configured} may be out at once, so that none can go first. "
        f"restore.yml -l {view.service} puts back what is healthy; then the same command goes on"
    )


def why_no_room(host: str, view: Scene, state: State, levels: Sequence[Level]) -> str:
    """Why the floor or the cap keeps `host` in traffic, and who can lift it."""
    if host in state.leases and (too_many := _too_many(host, view, state)):
        return too_many
    for level in levels:
        if host not in level.pool.hosts or host in level.outs:
            continue
        if level.configured == level.bound:
            return never(level)
        if level.room <= 0:
            return level.text() + ". Wait until one of these is back, or repair it"
    room = view.room(state, levels)[CAP]
    if room <= 0:
        limit = f"{view.cap_by} lets {view.cap} be in work at once over all runs"
        return f"{view.service}: {limit}, and they are. Wait for one"
    tight = min((level for level in levels if host in level.pool.hosts), key=lambda level: level.room)
    more = f"{view.service}: {view.cap_by} lets {room} more be in work at once"
    numbers = tight.text() if tight.room <= room else more
    return f"{numbers}, and the others wanted with it take that. Ask for fewer at once, or again when they are back"
