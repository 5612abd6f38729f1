# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proof that members are out: the file says so, nginx has read it, and nothing old goes there any more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import _nginx_address, _nginx_connection, _nginx_host
from ._nginx_plan import Wanted, standing
from ._nginx_state import Reading

_AS_GOOD_AS = {"down": ("down", "absent"), "drain": ("drain", "down", "absent"), "absent": ("absent",)}


@dataclass(frozen=True)
class Seen:
    """One look at what keeps members in traffic.

    listed: members that the file does not say are out. unread: files that nginx has not read since they changed.
    shutting_down: pids of old workers. connections: member -> established ones that count; others: member -> lines
    of other upstreams that still send to its address, whose connections do not count. exact: see Connections.
    """

    listed: list[str]
    unread: list[str]
    shutting_down: list[int]
    connections: dict[str, int]
    others: dict[str, list[str]]
    exact: bool

    @property
    def read(self) -> bool:
        """Whether the file says that they are out, and nginx has read it."""
        return not (self.listed or self.unread)

    @property
    def served(self) -> bool:
        """Whether work goes there, whatever others are about to reload or have just reloaded."""
        return bool(self.listed) or any(self.connections.values())

    @property
    def out(self) -> bool:
        return self.read and not self.served and not self.shutting_down

    def left(self) -> str:
        """What is still there, for people."""
        counted = [f"{count} to {member}" for member, count in self.connections.items() if count]
        whose = "" if self.exact else " (of any program: the rights to see nginx's own are missing)"
        pids = ", ".join(str(pid) for pid in self.shutting_down)
        parts = [
            f"not out in the configuration: {', '.join(self.listed)}" if self.listed else "",
            f"nginx has not read {', '.join(self.unread)} since it changed" if self.unread else "",
            f"old workers still shutting down: pid {pids}" if pids else "",
            f"established connections: {', '.join(counted)}{whose}" if counted else "",
        ]
        return "; ".join(part for part in parts if part)


class Looks:
    """One look after another. An old worker counts that was one already when nginx was first seen to have read the
    file: those that another run's reload makes old later have read it too."""

    def __init__(self) -> None:
        self._old: frozenset[int] | None = None

    def take(self, seen: Seen) -> Seen:
        """What was seen just now, without the old workers that do not count."""
        now = frozenset(seen.shutting_down)
        if self._old is None:
            self._old = now if seen.read else None
            return seen
        return replace(seen, shutting_down=sorted(now & self._old))


def look(reading: Reading, wanted: list[Wanted]) -> Seen:
    """Look once whether the members of `wanted` that are to be out are out.

    Raises HostError where nginx does not run or /proc cannot be read, and OSError where its files cannot.
    """
    master = reading.master()
    going = [item for item in wanted if item.out]
    now = zip(going, standing(reading.upstreams, going))
    workers = _nginx_host.workers(master)
    lines: dict[str, list[str]] = {}
    addresses: dict[str, frozenset[str]] = {}
    for item in going:
        addresses[item.member] = reading.resolver.addresses(item.member)
        if others := _others(reading, item, going, addresses[item.member]):
            lines[item.member] = others
    pids = [master, *(worker.pid for worker in workers)]
    try:
        counted = _nginx_connection.established(pids, frozenset().union(*addresses.values()))
    except OSError as error:
        reading.master()
        raise _nginx_host.HostError(f"the connections of nginx's master {master} cannot be read: {error}") from error
    return Seen(
        listed=[
            f"{item.member} of {item.upstream} is {entry['state']}"
            for item, entry in now
            if entry["state"] not in _AS_GOOD_AS[item.state or ""]
        ],
        unread=_nginx_host.unread(files(reading, going), workers),
        shutting_down=[worker.pid for worker in workers if worker.shutting_down],
        connections={
            member: sum(counted.counts[address] for address in found)
            for member, found in addresses.items()
            if member not in lines
        },
        others=lines,
        exact=counted.exact,
    )


def files(reading: Reading, wanted: list[Wanted]) -> list[str]:
    """The files that hold the upstreams of `wanted`."""
    names = {item.upstream for item in wanted}
    return sorted({path for upstream in reading.upstreams if upstream.name in names for path in upstream.files})


def _others(reading: Reading, item: Wanted, going: list[Wanted], addresses: frozenset[str]) -> list[str]:
    ours = {(one.upstream, one.member) for one in going}
    port = _nginx_address.split(item.member, 80)[1]
    return [
        f"{server.member} in {upstream.name} ({server.line.place})"
        for upstream, server in _nginx_address.also_sending(reading.upstreams, reading.resolver, addresses, port)
        if (upstream.name, server.member) not in ours
    ]
