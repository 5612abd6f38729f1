# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A person's word after the canary: whether the run goes on with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import _awx, _ledger, _permission, _runs
from ._account import Who
from ._ledger import Ledger, Refused, Run, State, note
from ._levels import moment
from ._params import Params
from ._permission import Permission, Wish


def wait(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Say that the run waits for a word, `within` so many seconds, and whether it has one."""
    within = params.number("within", 0, 86400)
    word, denied = _in_awx(ledger, params)
    found: dict[str, Run] = {}

    def change(state: State) -> State:
        run = _runs.own(state, params)
        found["run"] = run
        if not run.word:
            # What was said in AWX before anybody could see the canary does not count.
            waiting = {"since": state.at, "until": state.at + within, "early": word.get("awx", 0)}
            found["run"] = replace(run, word=waiting, heartbeat=state.at)
        elif word and not run.word.get("by") and word["awx"] != run.word["early"]:
            found["run"] = replace(run, word={**run.word, **word, "at": state.at})
        return state.with_run(found["run"]) if found["run"] != run else state

    state = ledger.commit(change)
    run = found["run"]
    given, stopped = bool(run.word.get("by")), run.state == _ledger.STOPPED
    warnings = []
    if run.word.get("awx") and run.word["at"] == state.at:
        warnings = note(ledger, run.id, {"at": state.at, "event": "word", **word})
    msg = f"run {run.id} has the word of {run.word['by']}" if given else waiting_text(run.word, state.at)
    answer = {"given": given, "stopped": stopped, "over": run.word["until"] <= state.at, "denied": denied}
    return {"changed": False, "msg": msg, "warnings": warnings, **answer}


def _in_awx(ledger: Ledger, params: Params) -> tuple[dict[str, Any], str]:
    """{by, awx} of an approval beside the run's job in AWX, empty without one; and why there will be none."""
    job = params.awx_job()
    if not job:
        return {}, ""
    state = ledger.snapshot()
    run = _runs.own(state, params)
    permission = _permission.of(ledger, state, params, run.service)
    if not permission.who.awx or not permission.awx:
        return {}, ""
    try:
        word = _awx.server(permission.awx).beside(job, permission.who.name)
    except _awx.Denied as error:
        return {}, str(error)
    except _awx.NoWord:
        # It is asked again; approve.yml is there as well.
        return {}, ""
    if word is None:
        return {}, ""
    who = Who(word.by, awx=True)
    wrong = _against(replace(permission, who=who), state, run)
    return ({}, "; ".join(wrong)) if wrong else ({"by": str(who), "awx": word.approval}, "")


def _against(permission: Permission, state: State, run: Run) -> list[str]:
    """What is against that person's word: it takes one who might begin the run, or approve it."""
    rules = permission.rules
    people = rules.approval.by if rules and rules.approval else None
    if people and people.has(permission.who):
        return []
    wish = Wish(run.service, run.kind, bool(run.glass), run.reason, run.change, again=True)
    return permission.refusals(state, wish)


def give(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Let a run that waits after its canary go on."""
    before = ledger.snapshot()
    run = _waiting(before, params.run())
    permission = _permission.of(ledger, before, params, run.service)
    wrong = _against(permission, before, run)
    if wrong:
        raise Refused("\n".join(["The policy does not allow this. Nothing was changed:", *wrong]), rules=wrong)
    by = str(permission.who)

    def change(state: State) -> State:
        same = _waiting(state, run.id)
        if same.word.get("by"):
            return state
        return state.with_run(replace(same, word={**same.word, "by": by, "at": state.at}))

    state = ledger.commit(change)
    first = str(state.runs[run.id].word["by"])
    changed = not run.word.get("by")
    warnings = note(ledger, run.id, {"at": state.at, "event": "word", "by": by}) if changed else []
    msg = f"run {run.id} of {run.service} goes on after its canary, by the word of {first}"
    return {"changed": changed, "msg": msg, "warnings": warnings, "by": first}


def waiting_text(word: Mapping[str, Any], now: float) -> str:
    """For people."""
    early = f"; AWX's approval {word['early']} was given before, and does not count" if word.get("early") else ""
    return f"waits for a person's word after its canary, until {moment(word['until'], now)}{early}"


def _waiting(state: State, name: str) -> Run:
    run = state.runs.get(name)
    if run is None or run.state == _ledger.STOPPED or not run.word:
        raise Refused(f"run {name} waits for nobody's word now. Nothing was changed")
    if run.word["until"] <= state.at and not run.word.get("by"):
        raise Refused(f"run {name} waits no more, since {moment(run.word['until'], state.at)}. Nothing was changed")
    return run
