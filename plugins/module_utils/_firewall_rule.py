# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps one instance shut to its balancers: new connections of theirs are answered with a TCP reset. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Union

from . import _command

SHUT, OPEN = "shut", "open"
# How the members of leases should stand, in this kind's words: the module's action translates.
LEASED = {"down": SHUT, "before": OPEN}
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


@dataclass(frozen=True)
class Rule:
    """to: where the instance listens, (address, port). sources: who is refused; empty where it has lapsed.

    left: seconds until it lapses by itself; None where it does not.
    """

    to: frozenset[tuple[Address, int]]
    sources: frozenset[Address]
    left: float | None

    @property
    def live(self) -> bool:
        return bool(self.sources) and (self.left is None or self.left > 0)

    def covers(self, other: Rule) -> bool:
        """Whether this one keeps out all that the other one is to keep out."""
        return self.live and self.to == other.to and self.sources == other.sources

    def pairs(self) -> Iterator[tuple[Address, Address, int]]:
        """(source, address, port) for each that can meet, in a fixed order."""
        for address, port in sorted(self.to, key=str):
            for source in sorted(self.sources, key=str):
                if source.version == address.version:
                    yield source, address, port


class FirewallError(Exception):
    """The firewall cannot be read or written; the text says what it answered and what to do."""


def failed(command: Sequence[str], ran: _command.Ran, tool: str) -> FirewallError:
    """What to say of a command that failed. tool: what it takes root for."""
    ended = "did not end" if ran.code is None else f"failed (rc {ran.code})"
    hint = "" if "sudo" in command else f". It takes root: let 'command' be [sudo, -n, {tool}]"
    return FirewallError(f"'{' '.join(command)}' {ended}: {_command.tail(ran.output)}{hint}")


class Firewall(Protocol):
    """A client of one kind of firewall. key: see key(). note: for whoever looks at the rules."""

    def read(self, key: str) -> Rule | None: ...

    def write(self, key: str, rule: Rule, note: str) -> None: ...

    def remove(self, key: str) -> None: ...


def refuse_leased(params: Mapping[str, Any]) -> None:
    """Raises ValueError for a state that only leases have, once nothing has resolved these."""
    if params["state"] in LEASED:
        raise ValueError(f"state {params['state']!r} goes with leases: use {SHUT} or {OPEN}")


def key(member: str, names: Iterable[str]) -> str:
    """The name of the table or chain that keeps `names` from the member, whatever is in these."""
    return hashlib.sha256(" ".join([member, *sorted(names)]).encode()).hexdigest()[:12]


def listed(addresses: Iterable[Address]) -> str:
    """For people, in a fixed order."""
    return ", ".join(map(str, sorted(addresses, key=lambda one: (one.version, int(one)))))
