# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Permission: what the platform team's policy says of one run, asked before anything is taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _account, _floor, _ledger, _policy_text, _windows
from ._account import Who
from ._ledger import Ledger, Refused, Run, State
from ._levels import Pool
from ._params import Params
from ._policy import GLASS, Policy, Rules

NO_POLICY = "no policy on the ledger's host: the floor and the ledger alone hold this run"


@dataclass(frozen=True)
class Wish:
    """What somebody wants to do. again: whether it goes on with a run that was allowed once."""

    service: str
    kind: str
    glass: bool
    reason: str
    change: str
    again: bool = False


@dataclass(frozen=True)
class Permission:
    """The rules for one service, and who asks. rules: None where there never was a policy. version: of the file.
    awx: where AWX is asked who approved; empty where it is not."""

    who: Who
    rules: Rules | None = None
    version: str = ""
    awx: Mapping[str, Any] = field(default_factory=dict)

    def refusals(self, state: State, wish: Wish) -> list[str]:
        """Every rule that is against it, each with its place and who can lift it."""
        return [] if self.rules is None else list(_refusals(self.rules, self.who, state, wish))

    def too_low(self, pools: Sequence[Pool]) -> list[str]:
        """The pools whose floor is below the least one."""
        rules = self.rules
        if rules is None or rules.floor is None:
            return []
        low = [f"{pool.name} {pool.share}" for pool in pools if pool.floor < rules.floor]
        least = f"{float(rules.floor * 100):g}%"
        return [rules.told("floor", f"{', '.join(low)} is below the least floor, {least}")] if low else []

    def cap(self, asked: int, total: int) -> tuple[int, str]:
        """How many of `total` may be in work at once, of the `asked`, and what says so."""
        if self.rules is None or self.rules.at_most is None:
            return asked, "max_out"
        most = _floor.parse_cap(self.rules.at_most, total)
        if asked <= most:
            return asked, "max_out"
        return most, f"the policy's at_most {self.rules.at_most}, {self.rules.place}"

    def facts(self) -> dict[str, Any] | None:
        """For people and machines; None without a policy."""
        return None if self.rules is None else {**self.rules.facts(), "who": str(self.who)}


def wish(params: Params, again: bool) -> Wish:
    """What a command that is about to begin a run wants."""
    glass, reason, change = bool(params.text("glass")), params.text("reason"), params.text("change")
    return Wish(params.word("service"), params.kind(), glass, reason, change, again)


def of(ledger: Ledger, state: State, params: Params, service: str) -> Permission:
    """What holds for the service now. Raises Refused where the policy is broken, or gone after there was one."""
    policy = read(ledger, state)
    if policy is None:
        return Permission(Who(_account.name()))
    who = _account.who(policy.awx_accounts, params.awx())
    return Permission(who, policy.of(service), policy.version, policy.awx)


def read(ledger: Ledger, state: State) -> Policy | None:
    """The policy that stands beside the ledger; None where there never was one."""
    place, data = ledger.rule(_ledger.POLICY)
    allowed = "Nothing was changed. status, restore and watchdog, and what ends a run's work, need no policy."
    if data is None:
        if state.policy:
            raise Refused(
                f"the policy {place} is gone, and runs began under one (version {state.policy}). Put it back; to do "
                f"without, write one that allows what is to be allowed. {allowed}"
            )
        return None
    try:
        return _policy_text.parse(data.decode(), place)
    except ImportError as error:
        raise Refused(f"the policy {place} cannot be read here without PyYAML: {error}. {allowed}") from error
    except ValueError as error:
        raise Refused(f"the policy {place} cannot be used: {error}. Mend it. {allowed}") from error


def look(ledger: Ledger, state: State, service: str) -> dict[str, Any]:
    """For people who look: the rules, what of them keeps anybody from beginning now, and what is wrong with them."""
    try:
        policy = read(ledger, state)
    except Refused as error:
        return {"policy": None, "closed": [], "policy_trouble": str(error)}
    if policy is None:
        return {"policy": None, "closed": [], "policy_trouble": ""}
    rules = policy.of(service)
    closed = list(_times(rules, state.at, service))
    return {"policy": rules.facts(), "closed": closed, "policy_trouble": ""}


def still(permission: Permission, state: State, run: Run) -> list[str]:
    """What is against going on with a run that was allowed to begin: rules and times change meanwhile."""
    wanted = Wish(run.service, run.kind, bool(run.glass), run.reason, run.change, again=True)
    found = permission.refusals(state, wanted)
    rules = permission.rules
    if rules and rules.approval and run.approved.get("rules") != rules.version:
        found.append(rules.told("approval", f"run {run.id} has no approval under the rules as they stand now"))
    return found


def _refusals(rules: Rules, who: Who, state: State, wish: Wish) -> Iterator[str]:
    for kind in [wish.kind, *([GLASS] if wish.glass else [])]:
        allowed = [grant.people for grant in rules.may if kind in grant.kinds]
        if not any(people.has(who) for people in allowed):
            groups = f" (groups {', '.join(who.groups)})" if who.groups else ""
            named = "; ".join(map(str, allowed)) or "nobody"
            yield rules.told("may", f"{who}{groups} may not do {kind} with {wish.service}; who may: {named}")
    yield from _times(rules, state.at, wish.service)
    if not wish.again and wish.service in state.restarted:
        left = state.restarted[wish.service] + rules.cooldown - state.at
        if left > 0:
            last = f"{wish.service} was restarted {rules.cooldown - left:.0f} s ago"
            yield rules.told("cooldown", f"{last}: {left:.0f} of {rules.cooldown:g} s are left")
    for name, pattern, text in (("reason", rules.reason, wish.reason), ("change", rules.change, wish.change)):
        if pattern and not re.fullmatch(pattern, text):
            yield rules.told(name, f"-e fleet_{name}={text!r} does not match {pattern!r}")


def _times(rules: Rules, at: float, service: str) -> Iterator[str]:
    frozen = _windows.holding(rules.freeze, at)
    if frozen:
        end = _windows.free_from(rules.freeze, at)
        until = f"until {frozen[0].text(end)}" if end else "for more than a year"
        names = ", ".join(repr(window.name) for window in frozen)
        yield rules.told("freeze", f"{service} is frozen {until} by {names}", frozen[0].line)
    if rules.hours and not _windows.holding(rules.hours, at):
        begin = _windows.held_from(rules.hours, at)
        again = f"next from {rules.hours[0].text(begin)} on" if begin else "not within the next year"
        names = ", ".join(repr(window.name) for window in rules.hours)
        yield rules.told("hours", f"{service} is restarted only within {names}: {again}")
