# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer group as the guard reads it: a pool of instances. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _mq_member
from ._levels import GONE, PARTLY
from ._mq_group import Consumer, Group
from ._mq_member import Known, Member

UP = "up"


def reading(source: str, broker: str, group: Group, members: Mapping[str, Member]) -> dict[str, Any]:
    """The group as one of the guard's readings. Raises ValueError where clients cannot be told from each other.

    A member is up where all of its clients are in the group. Whoever is in it and is no member is listed as well, but
    for who has stopped and only has something to acknowledge still, which may be of another group.
    """
    theirs = {text: _mq_member.clients(group, who) for text, who in members.items()}
    ours = {one.id for clients in theirs.values() for one in clients}
    others = [one for one in group.consumers if one.id not in ours and (one.holds or not one.unacked)]
    strangers = {_mq_member.shown(one): one for one in others}
    known = _mq_member.stand(group, members)
    return {
        "kind": broker,
        "pool": f"{broker}/{group.name}",
        "source": source,
        "members": [
            *(_listed(text, _state(members[text], clients), clients, known[text]) for text, clients in theirs.items()),
            *(_listed(name, UP, [one], Known(frozenset([one.id]), len(one.holds))) for name, one in strangers.items()),
        ],
    }


def _state(who: Member, clients: Sequence[Consumer]) -> str:
    if not clients:
        return GONE
    return UP if len(clients) >= len(who.names) else PARTLY


def _listed(name: str, state: str, clients: Sequence[Consumer], known: Known) -> dict[str, Any]:
    addresses = sorted({one.host for one in clients}) or [name]
    return {
        "member": name,
        "state": state,
        "weight": None,
        "addresses": addresses,
        "ledger": None,
        "known": known.facts(),
    }
