# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is on record: the journal as it stands, and the runs of the past. Reads only."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from . import _journal, _ledger
from ._ledger import Ledger, Refused, Run
from ._params import Params

# So many runs are listed at the most.
_MOST = 500


def journal(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Whether the journal is whole, from its first line to its last, and as it was when `heads` were told."""
    try:
        heads = [_journal.parse_head(str(text)) for text in params.plain("heads") or []]
    except ValueError as error:
        raise Refused(str(error)) from error
    found = _journal.verify(ledger.journal(), heads)
    whole = f"{found.lines} lines, {found.first} to {found.head.number}; its head is {found.head}"
    msg = found.wrong or (whole if found.lines else "it has no line yet")
    facts = {"lines": found.lines, "first": found.first, "head": str(found.head), "wrong": found.wrong}
    return {"changed": False, "msg": f"journal of {ledger.place}: {msg}", "whole": not found.wrong, **facts}


def history(ledger: Ledger, params: Params) -> dict[str, Any]:
    """The runs of a service, live and past, the newest first, that began between `begin` and `end`."""
    service, begin = params.word("service"), params.number("begin", 0, 1e11, 0)
    end = params.number("end", 0, 1e11, 1e11)
    state = ledger.snapshot()
    live = sorted(state.runs.values(), key=lambda run: run.began, reverse=True)
    # Their ids are the times at which they began, so that nothing older has to be read.
    past = itertools.takewhile(lambda run: run.began >= begin, ledger.history())
    wanted = _of(service, end, itertools.chain((run for run in live if run.began >= begin), past))
    runs = [dict(vars(run)) for run in itertools.islice(wanted, _MOST)]
    return {"changed": False, "msg": f"{len(runs)} runs of {service}", "runs": runs, "at": state.at}


def _of(service: str, end: float, runs: Iterator[Run]) -> Iterator[Run]:
    return (run for run in runs if run.service == service and run.began <= end)


def told(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Put on record who was told of what, and who could not be."""
    state, about = ledger.snapshot(), params.word("about")
    if not state.id:
        return {"changed": False, "msg": "there is no ledger yet, so that this is on no record"}
    run = params.run() if params.has("run") else ""
    if run and run not in state.runs and ledger.past(run) is None:
        raise Refused(f"run {run} is not in the ledger, so that nothing can be told of it", run=run)
    event = {"at": state.at, "event": "told", "about": about, "service": params.word("service")}
    names, failed = params.words("heard"), params.texts("unheard")
    warnings = _ledger.note(ledger, run, {**event, "told": names, "untold": failed})
    return {"changed": True, "msg": f"{len(names)} were told of {about}, {len(failed)} not", "warnings": warnings}


def refused(ledger: Ledger, params: Params, refusal: Refused) -> None:
    """Put a refusal on record, where there is a ledger to keep it. It changes nothing else, and hides nothing."""
    state = ledger.snapshot() if refusal.answered else None
    if state is None or not state.id:
        return
    owner = params.plain("owner") or {}
    event = {"event": "refused", "action": params.action, "service": str(params.plain("service"))}
    who = {"owner": owner.get("name", "") if isinstance(owner, dict) else ""}
    run = str(params.plain("run") or "")
    _ledger.note(ledger, "", {"at": state.at, **event, **who, "of": run, "why": str(refusal)[:2000]})
