# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which clients of a consumer group are an instance's. Pure, but for host names, which are looked up."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _grammar
from ._mq_group import Consumer, Group

# What may stand between names, and before the host.
_COMMA, _AT = ",", "@"


@dataclass(frozen=True)
class Member:
    """An instance as it is written, `[name[,name]@]host`. hosts: its addresses, as a broker writes them. names: of its
    clients; where there are none, it has one client alone on its host."""

    text: str
    hosts: frozenset[str]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What is remembered of a member. ids: of its clients. holding: how many shares they held."""

    ids: frozenset[str]
    holding: int

    def facts(self) -> dict[str, Any]:
        return {"ids": sorted(self.ids), "holding": self.holding}


def written(host: str, names: Sequence[str]) -> str:
    """A member as text: its host, and the names of its clients."""
    return f"{_COMMA.join(names)}{_AT if names else ''}{host}"


def member(text: Any, what: str) -> Member:
    """A member of its text; looks its host's name up. Raises ValueError."""
    host, names = parts(text, what)
    return Member(text, _hosts(host, what), names)


def parts(text: Any, what: str) -> tuple[str, tuple[str, ...]]:
    """Its host, and the names of its clients. Raises ValueError where it is written wrong."""
    names, at, host = (text if isinstance(text, str) else "").rpartition(_AT)
    found = tuple(names.split(_COMMA)) if at else ()
    if not host or not all(name and name.isprintable() and len(name) <= 255 for name in found):
        raise ValueError(
            f"{what} {str(text)[:200]!r} is no instance: write its host as the broker sees it, as in '10.0.0.3', or "
            "with the id of its client, as in 'order-3@10.0.0.3'"
        )
    if len(set(found)) != len(found):
        raise ValueError(f"{what} {text!r} names a client twice")
    if not _is_address(host):
        _grammar.member(host, what)
    return host, found


def _hosts(host: str, what: str) -> frozenset[str]:
    if _is_address(host):
        return frozenset([plain(host)])
    try:
        return frozenset(plain(str(one[4][0])) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except OSError as error:
        raise ValueError(f"{what} {host!r} is no address, and the name was not resolved: {error.strerror}") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def plain(host: str) -> str:
    """An address in one way of writing it; what is none stays as it is."""
    if not _is_address(host):
        return host
    found = ipaddress.ip_address(host.strip("[]"))
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def shown(one: Consumer) -> str:
    """A client as a member that is it alone would be written."""
    return written(one.host, [one.names[0] if one.names else one.id])


def clients(group: Group, who: Member, without: Collection[str] = ()) -> tuple[Consumer, ...]:
    """The instance's clients in the group; none where it is not there. without: ids that do not count.

    Raises ValueError where they cannot be told from another instance's.
    """
    here = [one for one in group.consumers if plain(one.host) in who.hosts and one.id not in without]
    if not who.names:
        if len(here) > 1:
            ids = ", ".join(one.names[0] if one.names else one.id for one in here[:5])
            raise ValueError(
                f"{who.text}: {group.name} has {len(here)} clients there ({ids}), which cannot be told from each "
                "other: name the instance's own by 'client'"
            )
        return tuple(here)
    found = []
    for name in who.names:
        mine = [one for one in here if name in one.names]
        if len(mine) > 1:
            ids = ", ".join(one.id for one in mine[:5])
            raise ValueError(
                f"{who.text}: {name} is the name of {len(mine)} clients in {group.name}: {ids}. One that is gone is "
                "given up after its session: try again then; two that live need names of their own"
            )
        found += mine
    return tuple({one.id: one for one in found}.values())


def known(given: Any, members: Collection[str]) -> dict[str, Known]:
    """`before.members` as this collection's modules return it. Raises ValueError."""
    found = {}
    try:
        for text, one in (given or {}).items():
            found[str(text)] = Known(frozenset(map(str, one["ids"])), int(one["holding"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"before: members are not as this module returns them: {str(given)[:200]}") from error
    return {text: one for text, one in found.items() if text in members}


def stand(group: Group, members: Mapping[str, Member]) -> dict[str, Known]:
    """What is to be remembered of each member now."""
    found = {text: clients(group, who) for text, who in members.items()}
    return {text: Known(frozenset(one.id for one in mine), len(group.held(mine))) for text, mine in found.items()}
