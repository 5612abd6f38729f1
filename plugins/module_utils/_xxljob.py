# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A group of executors of XXL-JOB, as its admin has it. Pure."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _grammar, _zookeeper_place
from ._levels import GONE

UP = "up"
OPTIONS: Mapping[str, Any] = {
    "admin": {"type": "list", "elements": "str", "required": True},
    "application": {"type": "str", "required": True},
    "auth": {"type": "dict", "required": True, "options": {"file": {"type": "path", "required": True}}},
    "tls": _zookeeper_place.OPTIONS["tls"],
}


class XxlJobError(Exception):
    """The admin or an executor cannot be asked, or does not do as it says; the message names it."""


@dataclass(frozen=True)
class Group:
    """automatic: whether its addresses are those who have registered, or a person's list. fields: all else of it."""

    id: int
    automatic: bool
    addresses: tuple[str, ...]
    fields: Mapping[str, str]

    def of(self, member: str) -> str | None:
        """The member's address as it is listed; None where it is not."""
        return next((one for one in self.addresses if name_of(one) == member), None)


def name_of(address: str) -> str:
    """C(host:port) of an address, which older executors write without a scheme."""
    return urllib.parse.urlsplit(address).netloc if "//" in address else address.rstrip("/")


def check(params: Mapping[str, Any]) -> None:
    """What the options say, without asking anybody. Raises ValueError."""
    if not params["admin"]:
        raise ValueError("admin is empty: name at least one, as in http://xxl-job:8080/xxl-job-admin")
    for url in params["admin"]:
        _grammar.url(url, "admin:")
    _grammar.word(params["application"], "application")
    if params["auth"] is None:
        raise ValueError("auth is missing: the admin shows groups to administrators alone")
    _grammar.path(params["auth"]["file"], "auth: file")
    _zookeeper_place.tls(params["tls"])


def reading(source: str, pool: str, group: Group, members: Sequence[str]) -> dict[str, Any]:
    """As the guard reads it: the inventory's members, and whoever else is in the group."""
    names = [*members, *(name_of(one) for one in group.addresses if name_of(one) not in members)]
    return {
        "kind": "xxljob",
        "pool": f"xxljob/{pool}",
        "source": source,
        "members": [
            {
                "member": name,
                "state": UP if group.of(name) else GONE,
                "weight": None,
                "addresses": [name],
                "ledger": None,
                "known": {"address": group.of(name)},
            }
            for name in names
        ],
    }
