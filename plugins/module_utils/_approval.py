# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Another person's word for one plan: asked for by the command itself, given by a signature, used once.

What is signed is the plan in all that matters, who asked, the rules of that moment, and an id that never comes again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import _account, _awx, _ledger, _permission, _signature
from ._account import Who
from ._ledger import Ledger, Refused, Request, Run, State
from ._levels import moment
from ._params import Params
from ._permission import Permission
from ._policy import Approval, Rules

# So many may wait at once: whoever asks for more does not mean it.
_MOST = 100


@dataclass(frozen=True)
class Needed:
    """That a plan needs an approval, and what there is of it. job: of AWX, which asks. valid: by request the word of a
    person that counts now: {by, at, ...}. wrong: why that of others does not."""

    plan: Mapping[str, Any]
    rules: Rules
    approval: Approval
    job: str
    valid: Mapping[str, Mapping[str, Any]]
    wrong: str


class Missing(Exception):
    """The plan has no approval that counts."""

    def __init__(self, needed: Needed) -> None:
        super().__init__(needed.wrong)
        self.needed = needed


def plan_of(params: Params, service: str, permission: Permission, rules: Rules) -> dict[str, Any]:
    """All that the approval is bound to, of a command that is about to begin a run."""
    beside = sorted(set(params.hosts("planned")) - set(params.hosts("selected")))
    if beside:
        raise Refused(f"{', '.join(beside)}: planned, but not selected. Nothing was changed")
    return {
        "service": service,
        "environment": rules.environment,
        "hosts": sorted(params.hosts("selected")),
        "kind": params.kind(),
        **{name: params.plain(name) for name in ("pace", "floor", "max_out", "drained", "fit")},
        **{name: params.text(name) for name in ("reason", "change", "glass")},
        "empty": params.flag("empty"),
        "by": str(permission.who),
        "rules": rules.version,
    }


def text(request: Request) -> str:
    """What is signed, and shown to whoever signs."""
    signed = {"approval": request.id, "until": request.until, **request.plan}
    return json.dumps(signed, sort_keys=True, indent=1, ensure_ascii=True) + "\n"


def needed(ledger: Ledger, state: State, params: Params, service: str, permission: Permission) -> Needed | None:
    """What the plan that `params` describe needs, with the signatures verified; None where it needs no approval."""
    rules = permission.rules
    if rules is None or rules.approval is None:
        return None
    plan = plan_of(params, service, permission, rules)
    job = params.awx_job() if permission.who.awx else ""
    valid, wrong = {}, []
    for request in _open(state, plan):
        try:
            if request.approved:
                _signer(ledger, request, str(request.approved["signature"]), rules)
                valid[request.id] = dict(request.approved)
            elif request.job and job and permission.awx:
                valid[request.id] = {**_by_awx(request, job, permission, rules), "at": state.at}
        except Refused as error:
            wrong.append(str(error))
    return Needed(plan, rules, rules.approval, job, valid, "; ".join(wrong))


def take(state: State, found: Needed | None, old: Run | None) -> tuple[State, dict[str, Any]]:
    """The state without the request that is used now, and what the run keeps of it. A run that is resumed by the same
    plan keeps its own. Raises Missing."""
    if found is None:
        return state, {}
    for request in _open(state, found.plan):
        if request.id in found.valid:
            left = {name: one for name, one in state.requests.items() if name != request.id}
            kept = {"id": request.id, "until": request.until, "plan": request.plan, "rules": request.plan["rules"]}
            return replace(state, requests=left), {**kept, **found.valid[request.id]}
    if old is not None and old.approved.get("plan") == found.plan and old.approved["until"] > state.at:
        return state, dict(old.approved)
    raise Missing(found)


def ask(ledger: Ledger, wanted: Needed, own: bool = False) -> tuple[Request, str]:
    """Put the request into the ledger, and say what to do; where it stands there already, only that. own: it has to
    be of this asker, since what a job of AWX's asked for is approved in its own workflow only."""
    made = Request(secrets.token_hex(6), wanted.plan, 0.0, 0.0, {}, wanted.job)

    def change(now: State) -> State:
        if _asked(now, wanted, own):
            return now
        alive = {name: one for name, one in now.requests.items() if one.until > now.at}
        if len(alive) >= _MOST:
            raise Refused(f"{_MOST} requests wait for an approval already. Nothing was changed. Let some expire")
        request = replace(made, since=now.at, until=now.at + wanted.approval.within)
        return replace(now, requests={**alive, made.id: request})

    state = ledger.commit(change)
    request = _asked(state, wanted, own)[0]
    service, until = wanted.plan["service"], moment(request.until, state.at)
    by = f"one of {wanted.approval.by}" if wanted.approval.by else "anybody else whose key is among the allowed signers"
    awx = f", or in AWX by the approval that follows job {request.job} in its workflow" if request.job else ""
    lines = [
        wanted.rules.told("approval", f"{service} is {wanted.rules.environment} and needs another person's word"),
        *([f"The one that there is does not count: {wanted.wrong}"] if wanted.wrong else []),
        f"Nothing was touched. It is asked for as {request.id}, until {until}. For {by}{awx}:",
        f"  ansible-playbook approve.yml -l {service} -e fleet_approve={request.id} -e fleet_approval_key=KEY",
        "Then the same command again begins the run.",
    ]
    return request, "\n".join(lines)


def asked(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Ask for another person's word, where the policy wants one; nothing else."""
    service, state = params.word("service"), ledger.snapshot()
    permission = _permission.of(ledger, state, params, service)
    wanted = needed(ledger, state, params, service, permission)
    if wanted is None:
        return {"changed": False, "msg": f"{service} needs nobody's word, and nothing was asked for"}
    known = bool(_asked(state, wanted, own=True))
    request, msg = ask(ledger, wanted, own=True)
    return {"changed": not known, "msg": msg, "request": request.id}


def approve(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Give one's word for a request, by a signature of its text."""
    name, signature = params.word("request"), str(params.raw("signature"))
    state = ledger.snapshot()
    request = _known(state, name)
    permission = _permission.of(ledger, state, params, str(request.plan["service"]))
    rules = permission.rules
    if rules is None or rules.version != request.plan["rules"]:
        raise Refused(f"the rules have changed since {name} was asked for. Nothing was changed. Ask again")
    if str(permission.who) == request.plan["by"]:
        raise Refused(rules.told("approval", f"{permission.who} asked for {name}: another person has to approve it"))
    by = _signer(ledger, request, signature, rules)

    def change(now: State) -> State:
        same = _known(now, name)
        if same.approved.get("signature") == signature:
            return now
        # The newest word counts: the key of an older one may not be valid any more.
        approved = {"by": by, "at": now.at, "login": str(permission.who), "signature": signature}
        return replace(now, requests={**now.requests, name: replace(same, approved=approved)})

    after = ledger.commit(change)
    until = moment(request.until, after.at)
    event = {"at": after.at, "event": "approved", "id": name, "by": by, "plan": request.plan}
    warnings = _ledger.note(ledger, "", event)
    msg = f"{name} has the word of {by}: {request.plan['by']} may begin it, once, until {until}"
    changed = request.approved.get("signature") != signature
    return {"changed": changed, "msg": msg, "by": by, "warnings": warnings}


def facts(state: State) -> list[dict[str, Any]]:
    """The requests that are open, for people and machines."""
    return [
        {
            "id": one.id,
            "plan": dict(one.plan),
            "since": one.since,
            "until": one.until,
            "by": one.approved.get("by", ""),
            "text": text(one),
        }
        for one in state.requests.values()
        if one.until > state.at
    ]


def _open(state: State, plan: Mapping[str, Any]) -> list[Request]:
    return [one for one in state.requests.values() if one.until > state.at and one.plan == plan]


def _asked(state: State, wanted: Needed, own: bool) -> list[Request]:
    return [one for one in _open(state, wanted.plan) if not own or one.job == wanted.job]


def _known(state: State, name: str) -> Request:
    request = state.requests.get(name)
    if request is None:
        raise Refused(f"there is no request {name}: it was used, or has expired. Nothing was changed")
    if request.until <= state.at:
        raise Refused(f"request {name} has expired, {moment(request.until, state.at)}. Nothing was changed. Ask again")
    return request


def _signer(ledger: Ledger, request: Request, signature: str, rules: Rules) -> str:
    """Who signed the request. Raises Refused where that is nobody who may."""
    place, signers = ledger.rule(_ledger.SIGNERS)
    if signers is None:
        raise Refused(f"there are no allowed signers: {place} is not there. Nothing was changed")
    try:
        by = _signature.signer(text(request).encode(), signature, signers)
    except _signature.Bad as error:
        raise Refused(f"the approval of {request.id} does not count: {error} ({place}). Nothing was changed") from error
    _may(Who(by, _account.groups_of(by)), request, rules)
    return by


def _by_awx(request: Request, job: str, permission: Permission, rules: Rules) -> dict[str, Any]:
    """{by, awx} of AWX's approval. Raises Refused where there is none of somebody who may."""
    try:
        word = _awx.server(permission.awx).word(job, permission.who.name, request.job)
    except _awx.NoWord as error:
        raise Refused(str(error)) from error
    who = Who(word.by, awx=True)
    _may(who, request, rules)
    return {"by": str(who), "awx": word.approval}


def _may(who: Who, request: Request, rules: Rules) -> None:
    """Raises Refused where that person's word is worth nothing here."""
    # The names of AWX's users and of accounts are of one person as far as anybody can tell.
    if who.name == str(request.plan["by"]).removeprefix("awx:"):
        raise Refused(rules.told("approval", f"{who} asked for {request.id}, and cannot approve it too"))
    people = rules.approval.by if rules.approval else None
    if people is not None and not people.has(who):
        raise Refused(rules.told("approval", f"{who} may not approve {request.plan['service']}; who may: {people}"))
