# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a policy says of a service: who may do what, when, with whose word. Pure; `_policy_text` reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ._account import Who
from ._windows import Window

# What a run may be, in the order of what it dares. GLASS is going below the floor, whatever the kind.
KINDS = ("single", "rolling", "canary", "forced")
GLASS = "break_glass"
PRODUCTION = "production"
ANYBODY = "*"


@dataclass(frozen=True)
class People:
    """users and groups are those of the ledger's host, the others AWX's. `*` is anybody."""

    users: Sequence[str] = ()
    groups: Sequence[str] = ()
    awx_users: Sequence[str] = ()
    awx_templates: Sequence[str] = ()

    def has(self, who: Who) -> bool:
        if who.awx:
            return bool({who.name, ANYBODY} & set(self.awx_users)) or who.template in self.awx_templates
        return bool({who.name, ANYBODY} & set(self.users) or set(who.groups) & set(self.groups))

    def __str__(self) -> str:
        named = [*self.users, *(f"group {name}" for name in self.groups)]
        named += [f"AWX user {name}" for name in self.awx_users]
        return ", ".join([*named, *(f"AWX template {name!r}" for name in self.awx_templates)])


@dataclass(frozen=True)
class Grant:
    """These people may do these kinds."""

    people: People
    kinds: Sequence[str]


@dataclass(frozen=True)
class Approval:
    """by: who may approve; None is anybody with a key. within: seconds for which a request and its approval last."""

    by: People | None
    within: float


@dataclass(frozen=True)
class Rules:
    """What holds for one service. place: the file. lines: of each rule by its name. contact: who can lift it.

    cooldown: seconds. at_most: as fleet_max_out. version: of these rules alone, whatever else the policy says.
    """

    environment: str
    place: str
    contact: str
    lines: Mapping[str, int]
    version: str
    may: Sequence[Grant]
    approval: Approval | None
    confirm: bool
    at_most: str | None
    floor: Fraction | None
    freeze: Sequence[Window]
    hours: Sequence[Window]
    cooldown: float
    reason: str
    change: str

    def facts(self) -> dict[str, Any]:
        """What people and machines are told of them."""
        named = ("environment", "place", "version", "confirm", "at_most", "contact")
        return {**{name: getattr(self, name) for name in named}, "approval": self.approval is not None}

    def told(self, rule: str, what: str, line: int | None = None) -> str:
        """A refusal: the rule, its place, what it says, and who can lift it."""
        found = line or self.lines.get(rule)
        where = f"{self.place} line {found}" if found else f"{self.place}, as {self.environment} has it"
        return f"{rule} ({where}): {what}. Who can lift it: {self.contact}"


@dataclass(frozen=True)
class Policy:
    """awx_accounts: the logins whose AWX variables are believed. awx: where AWX is asked who approved, as `_api` has
    it; empty where it is not. version: of the whole file."""

    place: str
    version: str
    awx_accounts: Sequence[str]
    awx: Mapping[str, Any]
    environments: Mapping[str, Rules]
    services: Mapping[str, Rules]

    def of(self, service: str) -> Rules:
        """A service that it does not name is production."""
        return self.services.get(service, self.environments[PRODUCTION])


def version(value: Any) -> str:
    """The same for the same values."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
