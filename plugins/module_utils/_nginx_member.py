# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module nginx_upstream_member does: check, change under the lock, prove out after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _grammar, _nginx_change, _nginx_edit, _nginx_log, _nginx_plan, _nginx_proof, _nginx_state, _poll
from ._nginx_change import Prepared
from ._nginx_host import HostError
from ._nginx_plan import Wanted
from ._nginx_state import Nginx, Reading

_MAX_WEIGHT = 65535


class NotOut(Exception):
    """Members are not proved out; `result` is what the module returns besides."""

    def __init__(self, text: str, result: dict[str, Any]) -> None:
        super().__init__(text)
        self.result = result


@dataclass(frozen=True)
class Task:
    """The module's parameters, checked. deadline and interval in seconds."""

    nginx: Nginx
    wanted: list[Wanted]
    deadline: float
    interval: float
    state_dir: str
    ledger: Mapping[str, Any] | None
    allow_empty: bool
    recheck: bool
    cut: bool
    check: bool


def task(params: Mapping[str, Any], check: bool) -> Task:
    """Raises ValueError, naming what is wrong."""
    wanted = [_wanted(member, params["token"]) for member in params["members"]]
    seen: set[tuple[str, str]] = set()
    for item in wanted:
        if (item.upstream, item.member) in seen:
            raise ValueError(f"members: {item.member} of {item.upstream} is asked for twice: name it once")
        seen.add((item.upstream, item.member))
    if not params["deadline"] > 0 or not params["interval"] > 0:
        raise ValueError(f"deadline {params['deadline']} and interval {params['interval']} have to be above 0 seconds")
    return Task(
        nginx=_nginx_state.from_params(params),
        wanted=wanted,
        deadline=params["deadline"],
        interval=params["interval"],
        state_dir=_grammar.path(params["state_dir"], "state_dir"),
        ledger=params["ledger"],
        allow_empty=params["allow_empty"],
        recheck=params["recheck"],
        cut=params["cut"],
        check=check,
    )


def _wanted(member: Mapping[str, Any], token: int | None) -> Wanted:
    weight = member["weight"]
    if weight is not None and not 1 <= weight <= _MAX_WEIGHT:
        raise ValueError(
            f"members: weight {weight} of {member['member']!r} is none that nginx takes: use 1 to {_MAX_WEIGHT}, "
            "or state down for no requests at all"
        )
    if weight is None and member["state"] is None:
        raise ValueError(f"members: {member['member']!r} has neither a state nor a weight: say what it should have")
    return Wanted(
        upstream=_grammar.word(member["upstream"], "members: upstream"),
        member=_grammar.member(member["member"], "members: member"),
        state=member["state"],
        weight=weight,
        weight_written=member["weight_written"],
        token=token if member["token"] is None else member["token"],
    )


def run(task: Task) -> dict[str, Any]:
    """What the module returns. Raises NotOut, or what the parts raise before anything stays changed."""
    waited = 0.0
    if task.check or task.recheck:
        prepared = _checked(task)
        reloaded = False
    else:
        with _nginx_change.locked(task.nginx, task.state_dir, task.deadline):
            prepared = _checked(task)
            reloaded = prepared.needed
            if reloaded:
                _nginx_change.test_untouched(task.nginx)
            _nginx_change.admit(task.state_dir, task.wanted, task.ledger, write=True)
            if reloaded:
                waited = _nginx_change.make(task.nginx, prepared, task.deadline)
    result = _result(task, prepared, reloaded, waited)
    if not task.check or task.recheck:
        _prove(task, prepared, result)
    return result


def _checked(task: Task) -> Prepared:
    """The change, found sound; in check mode nginx's own test as well. Nothing is written."""
    prepared = _nginx_change.prepare(task.nginx, task.wanted, allow_empty=task.allow_empty)
    _nginx_change.admit(task.state_dir, task.wanted, task.ledger, write=False)
    if task.check and prepared.needed:
        _nginx_change.test_untouched(task.nginx)
    return prepared


def _result(task: Task, prepared: Prepared, reloaded: bool, waited: float) -> dict[str, Any]:
    changed = prepared.needed and not task.recheck
    reading = prepared.before if task.recheck else prepared.after
    names = {item.upstream for item in task.wanted}
    ours = [upstream for upstream in reading.upstreams if upstream.name in names]
    return {
        "changed": changed,
        "reloaded": reloaded,
        "before": _nginx_plan.standing(prepared.before.upstreams, task.wanted),
        "after": _nginx_plan.standing(reading.upstreams, task.wanted),
        "waited": round(waited, 3),
        "cut": [],
        "still_sent_to": {},
        "log_positions": _nginx_log.positions(reading.config),
        "warnings": [*_nginx_state.warnings(reading), *_nginx_state.beside(reading, ours)],
        "diff": [] if task.recheck else _diff(prepared),
        "msg": _message(task, prepared, reloaded),
    }


def _diff(prepared: Prepared) -> list[dict[str, str]]:
    result = []
    for path, change in prepared.changes.items():
        old, new = _nginx_edit.changed_lines(change.old, change.new)
        result.append({"before_header": path, "after_header": path, "before": old, "after": new})
    return result


def _message(task: Task, prepared: Prepared, reloaded: bool) -> str:
    names = sorted({item.upstream for item in task.wanted})
    who = f"{len(task.wanted)} member{'s' * (len(task.wanted) != 1)} of {', '.join(names)}"
    if task.recheck:
        return who
    if not prepared.needed:
        return f"{who}: nothing to change"
    files = len(prepared.changes)
    edit = f"{files} file{'s' * (files != 1)}, one reload" if files else "one reload for a file that nginx had not read"
    return f"{who}: {edit}{'' if reloaded else ' would be made'}"


def _prove(task: Task, prepared: Prepared, result: dict[str, Any]) -> None:
    """Wait until the members that are to be out are out. Raises NotOut, unless what is left may be cut."""
    going = [item for item in task.wanted if item.out]
    if not going:
        return
    state: dict[str, Reading] = {"last": prepared.before if task.recheck else prepared.after}
    looks = _nginx_proof.Looks()

    def look() -> _nginx_proof.Seen:
        state["last"] = task.nginx.again(state["last"])
        return looks.take(_nginx_proof.look(state["last"], going))

    def decided(seen: _nginx_proof.Seen) -> bool:
        """A recheck waits for another run's reload, under way or just made, and for nothing else."""
        return seen.out or (task.recheck and seen.served)

    try:
        outcome = _poll.poll(look, decided, deadline=task.deadline, interval=task.interval)
    except (ValueError, HostError, OSError) as error:
        raise NotOut(f"{result['msg']}; NOT proved out: {error}", result) from error
    seen = outcome.last
    result["waited"] = round(result["waited"] + (outcome.waited if outcome.attempts > 1 else 0.0), 3)
    result["still_sent_to"] = seen.others
    result["warnings"] += [
        f"connections to {member} are not counted: {', '.join(lines)} still sends to its address"
        for member, lines in seen.others.items()
    ]
    if seen.out:
        result["msg"] += f"; {len(going)} proved out after {outcome.waited:.1f} s"
        return
    if task.cut and not seen.listed and not seen.unread:
        result["cut"] = _cut(going, seen)
        result["msg"] += f"; not waited for any longer after {outcome.waited:.1f} s, and cut: {seen.left()}"
        return
    text = f"NOT out: {seen.left()}"
    if not task.recheck:
        text = f"NOT proved out within {task.deadline:g} s: {seen.left()}. What is down stays down"
    raise NotOut(f"{result['msg']}; {text}.", result)


def _cut(going: list[Wanted], seen: _nginx_proof.Seen) -> list[dict[str, Any]]:
    """The members with connections left; where only old workers are left, all of them."""
    counts = seen.connections
    named = [item for item in going if counts.get(item.member)] or going
    return [
        {
            "upstream": item.upstream,
            "member": item.member,
            "connections": counts.get(item.member, 0),
            "workers": seen.shutting_down,
        }
        for item in named
    ]
