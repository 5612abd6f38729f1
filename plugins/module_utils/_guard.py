# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard: one function for every action, without AnsibleModule, state or side effects of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Callable

from . import (
    _approval,
    _ending,
    _grant,
    _hold,
    _ledger_place,
    _preview,
    _push,
    _records,
    _recover,
    _runs,
    _status,
    _sweep,
    _target,
    _ticket,
    _watch,
    _word,
)
from ._ledger import Ledger, Refused
from ._params import Params

ACTIONS: Mapping[str, Callable[[Ledger, Params], dict[str, Any]]] = {
    "status": _status.status,
    "ask": _approval.asked,
    "begin": _runs.begin,
    "ticket": _ticket.ticket,
    "renew": _hold.renew,
    "release": _hold.release,
    "stop": _ending.stop,
    "finish": _ending.finish,
    "approve": _approval.approve,
    "wait": _word.wait,
    "go_on": _word.give,
    "journal": _records.journal,
    "history": _records.history,
    "told": _records.told,
    "push": _push.push,
}
MEASURING: Mapping[str, Callable[[Ledger, Params, _sweep.Check], dict[str, Any]]] = {
    "plan": _preview.plan,
    "acquire": _grant.acquire,
    "look": _watch.look,
    "recover": _recover.recover,
}

# Those that somebody may be refused, which goes on the record.
ON_RECORD = ("ask", "begin", "acquire", "approve", "go_on", "recover")

__all__ = ["ACTIONS", "MEASURING", "Refused", "run"]


def run(
    params: Mapping[str, Any],
    clock: Callable[[], float] = time.time,
    check: _sweep.Check = _target.check,
    check_mode: bool = False,
) -> dict[str, Any]:
    """Do `params['action']` on the ledger `params['ledger']`; in check mode measure and decide, but write nothing.

    clock: the ledger's own, in seconds since the epoch. Raises Refused, and then nothing was changed.
    """
    asked = Params(params)
    try:
        place = _ledger_place.parse(asked.raw("ledger"), *(params.get(name) for name in _ledger_place.EXTRA))
    except ValueError as error:
        raise Refused(str(error)) from error
    begins, reads = asked.action in ("ask", "begin"), asked.action in ("status", "look", "journal", "history", "push")
    with _ledger_place.opened(place, clock, dry=check_mode, found=begins, reads=reads) as ledger:
        try:
            if asked.action in ACTIONS:
                return ACTIONS[asked.action](ledger, asked)
            if asked.action in MEASURING:
                return MEASURING[asked.action](ledger, asked, check)
        except Refused as refusal:
            if asked.action in ON_RECORD:
                _records.refused(ledger, asked, refusal)
            raise
    raise Refused(f"action {asked.action!r} is not one of {', '.join(sorted([*ACTIONS, *MEASURING]))}")
