# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module firewall_member does on an instance's host: shut its port to the balancers, prove it, open it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _fence, _files, _firewall_host, _firewall_rule, _grammar, _poll
from ._firewall_rule import OPEN, SHUT, Firewall, Rule, listed

READ = "read"
# The least of the time left that a rule must have for a second call to leave it as it is.
_FRESH = 0.9


class NotShut(Exception):
    """It is not proved that nothing comes; `result` is what the module returns besides."""

    def __init__(self, text: str, result: dict[str, Any]) -> None:
        super().__init__(text)
        self.result = result


@dataclass(frozen=True)
class Member:
    """One instance: what its table or chain is called, the rule that is to keep it shut, its lease's token."""

    name: str
    key: str
    rule: Rule
    token: int | None

    @property
    def note(self) -> str:
        lease = "" if self.token is None else f" lease {self.token}"
        return f"lossless.restart {self.name[:64]}{lease}"


@dataclass(frozen=True)
class Task:
    """The module's parameters, checked. Seconds."""

    firewall: Firewall
    members: list[Member]
    state: str
    deadline: float
    interval: float
    recheck: bool
    cut: bool
    state_dir: str
    ledger: Mapping[str, Any] | None
    check: bool


def task(params: Mapping[str, Any], members: list[dict[str, Any]], check: bool) -> Task:
    """Raises ValueError or FirewallError, naming what is wrong."""
    expires = params["expires"]
    if not params["deadline"] > 0 or not params["interval"] > 0 or expires < 0:
        raise ValueError(f"deadline {params['deadline']}, interval {params['interval']}, expires {expires}: too small")
    command = params["command"]
    return Task(
        firewall=_firewall_host.firewall(None if command is None else _grammar.command(command, "command")),
        members=[_member(one, params["token"], expires or None) for one in members],
        state=params["state"],
        deadline=params["deadline"],
        interval=params["interval"],
        recheck=params["recheck"],
        cut=params["cut"],
        state_dir=_grammar.path(params["state_dir"], "state_dir"),
        ledger=params["ledger"],
        check=check,
    )


def _member(given: Mapping[str, Any], token: int | None, expires: float | None) -> Member:
    name = str(given["member"])
    to = _firewall_host.addresses(name, given.get("addresses") or [])
    rule = Rule(to, _firewall_host.sources(given["from"]), expires)
    _firewall_host.refuse(rule, os.environ)
    key = _firewall_rule.key(name, given["from"])
    return Member(name, key, rule, token if given.get("token") is None else given["token"])


def run(task: Task) -> dict[str, Any]:
    """What the module returns. Raises NotShut, or what the parts raise before anything was changed."""
    before = {one.name: task.firewall.read(one.key) for one in task.members}
    changed = [one for one in task.members if _differs(task, one, before[one.name])]
    if task.state != READ and not task.recheck and not task.check:
        _change(task)
    result: dict[str, Any] = {
        "changed": bool(changed) and not task.recheck,
        "before": {name: _facts(rule) for name, rule in before.items()},
        "waited": 0.0,
        "cut": {},
        "msg": _message(task, changed, before),
    }
    if task.state == SHUT and (task.recheck or not task.check):
        _prove(task, result)
    return result


def _differs(task: Task, one: Member, found: Rule | None) -> bool:
    if task.state == SHUT:
        return found is None or not found.covers(one.rule)
    return task.state == OPEN and found is not None


def _change(task: Task) -> None:
    os.makedirs(task.state_dir, mode=0o700, exist_ok=True)
    lock = os.path.join(task.state_dir, "firewall.lock")
    with _files.locked(lock, deadline=task.deadline, what="another change of this host's firewall"):
        for one in task.members:
            if one.token is not None:
                _fence.admit(task.state_dir, f"firewall {one.name}", one.token, task.ledger)
        for one in task.members:
            found = task.firewall.read(one.key)
            if task.state == SHUT and not _stays(one, found):
                task.firewall.write(one.key, one.rule, one.note)
            elif task.state == OPEN and found is not None:
                task.firewall.remove(one.key)


def _stays(one: Member, found: Rule | None) -> bool:
    """Whether the rule that is there does as it is, with nearly all of its time before it."""
    if found is None or not found.covers(one.rule):
        return False
    if one.rule.left is None or found.left is None:
        return one.rule.left == found.left
    return found.left >= one.rule.left * _FRESH


def _prove(task: Task, result: dict[str, Any]) -> None:
    """Wait until no balancer has a connection left; the rules must be there all the time."""

    def look() -> dict[str, dict[str, int]]:
        for one in task.members:
            found = task.firewall.read(one.key)
            if found is None or not found.covers(one.rule):
                why = "has lapsed" if found else "is gone: somebody else has loaded this host's rules anew"
                raise NotShut(f"{result['msg']}; NOT shut: the rule of {one.name} {why}", result)
        found_now = {one.name: _firewall_host.connected(one.rule) for one in task.members}
        return {name: counts for name, counts in found_now.items() if counts}

    outcome = _poll.poll(look, lambda left: not left, deadline=task.deadline, interval=task.interval)
    result["waited"] = round(outcome.waited if outcome.attempts > 1 else 0.0, 3)
    if outcome.ok:
        result["msg"] += f"; no connection of theirs after {outcome.waited:.1f} s"
        return
    left = "; ".join(
        f"{count} of {source} to {name}" for name, counts in outcome.last.items() for source, count in counts.items()
    )
    if task.cut:
        result["cut"] = outcome.last
        result["msg"] += f"; not waited for any longer after {outcome.waited:.1f} s, and cut: connections {left}"
        return
    raise NotShut(
        f"{result['msg']}; NOT proved out within {task.deadline:g} s: connections {left}. Where the upstream has "
        "keepalive, the application has to answer 'Connection: close' while it is shut",
        result,
    )


def _facts(rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"state": OPEN, "from": [], "left": None}
    return {
        "state": SHUT if rule.live else "lapsed",
        "from": sorted(map(str, rule.sources)),
        "left": None if rule.left is None else round(rule.left, 1),
    }


def _message(task: Task, changed: list[Member], before: Mapping[str, Rule | None]) -> str:
    names = ", ".join(one.name for one in task.members)
    if task.state == READ:
        return "; ".join(f"{one.name}: {_facts(before[one.name])['state']}" for one in task.members)
    if task.state == OPEN:
        return f"{names}: {'opened again' if changed else 'open already'}"
    sources = listed({source for one in task.members for source in one.rule.sources})
    left = task.members[0].rule.left
    end = "until it is opened" if left is None else f"for at most {left:g} s"
    return f"{names}: {'' if changed or task.recheck else 'already '}shut to {sources} {end}"
