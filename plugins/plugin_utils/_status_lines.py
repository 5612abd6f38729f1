# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service's state and the outcome of a restore, as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _word
from ansible_collections.lossless.restart.plugins.module_utils._levels import grouped, moment
from ansible_collections.lossless.restart.plugins.plugin_utils import _receipt
from ansible_collections.lossless.restart.plugins.plugin_utils._alarms import LIVE, STOPPED, pool_name, span

Row = Sequence[str]


def status_lines(look: Mapping[str, Any]) -> list[str]:
    """All that stands in a look: alarms first, what to do last."""
    wrong = look["alarms"]
    head = f"{len(wrong)} ALARM{'S' * (len(wrong) != 1)}" if wrong else "all is well"
    lines = ["", f"{look['service']}: {head}"]
    for number, alarm in enumerate(wrong):
        # What is to be done is said once for alarms of one kind.
        last = number + 1 == len(wrong) or wrong[number + 1]["do"] != alarm["do"]
        lines += [f"  ALARM: {alarm['text']}", *([f"         {alarm['do']}"] if last else [])]
    lines += ["", *_table("pools", [_pool_row(level) for level in look["levels"]])]
    lines += _section("out of traffic", _out_rows(look))
    lines += _section("runs", [_run_row(run, look["at"]) for run in look["runs"]])
    lines += _section("leases", [_lease_row(lease, look["at"]) for lease in look["leases"]])
    lines += _section("waiting", [_waiting_row(one, look["at"]) for one in look["queue"]])
    lines += ["", *policy_lines(look)] if look["policy"] else []
    lines += [line for one in look["requests"] for line in ("", *request(one, look["at"]).splitlines())]
    lines += ["", f"  ledger {look['ledger']}: {_ledger_text(look)}"]
    lines += [text for run in look["runs"] for text in _way_on(run, look["service"])]
    return [*lines, ""]


def policy_lines(look: Mapping[str, Any]) -> list[str]:
    """The service's rules, and why nobody may begin now."""
    policy = look["policy"]
    return [f"  {_receipt.policy_text(policy)}", *(f"    nothing is taken out now: {text}" for text in look["closed"])]


def request(one: Mapping[str, Any], now: float) -> str:
    """A plan that waits for another person's word, in all to which that word is bound."""
    plan, until = one["plan"], f"{moment(one['until'], now)}, in {span(one['until'] - now)}"
    has = f"has the word of {one['by']}" if one["by"] else "waits for another person's word"
    lines = [
        f"  request {one['id']} {has}; it ends {until}",
        f"    {plan['kind']} restart of {plan['service']} ({plan['environment']}), asked for by {plan['by']}",
        f"    {len(plan['hosts'])} instances: {', '.join(plan['hosts'])}",
        f"    pace {plan['pace']}, floor {plan['floor']}, at most {plan['max_out'] or 'as the floor allows'}",
        f"    because: {plan['reason'] or '(no reason given)'}; change: {plan['change'] or '(none)'}",
    ]
    return "\n".join(lines + ([f"    BREAKS THE GLASS: {plan['glass']}"] if plan["glass"] else []))


def _way_on(run: Mapping[str, Any], service: str) -> list[str]:
    """What a person may do about a run that is no alarm."""
    if run["life"] == LIVE and run["state"] != "stopped":
        word = [f"  to let run {run['id']} go on: {word_command(run['id'], service)}"] if waits(run) else []
        return [*word, f"  to stop run {run['id']}: stop.yml -l {service} -e fleet_run={run['id']}"]
    if run["life"] == STOPPED and not run["holds"]:
        return [f"  to go on with run {run['id']}: the same rolling_restart.yml command again"]
    return []


def waits(run: Mapping[str, Any]) -> bool:
    """Whether the run waits for a person's word after its canary."""
    return bool(run["word"]) and not run["word"].get("by")


def word_command(run: str, service: str) -> str:
    """What gives a word to that run."""
    return f"approve.yml -l {service} -e fleet_run={run}"


def _ledger_text(look: Mapping[str, Any]) -> str:
    if look["ledger_trouble"]:
        return "NOT READ"
    if not look["id"]:
        return "there is none yet; the first run makes it"
    live = [run for run in look["runs"] if run["life"] == LIVE]
    return "nobody is at work" if not live else f"{len(live)} run{'s' * (len(live) != 1)} at work"


def _section(name: str, rows: Sequence[Row]) -> list[str]:
    return ["", *_table(name, rows)] if rows else []


def _table(name: str, rows: Sequence[Row]) -> list[str]:
    """The rows under a heading, in columns; the last column is as wide as it likes."""
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    cells = [[*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]] for row in rows]
    return [f"  {name}", *(f"    {'  '.join(row)}" for row in cells)]


def _pool_row(level: Mapping[str, Any]) -> Row:
    most = "at most " if level["at_most"] else ""
    room = f"{most}{level['room']} more may go out" if level["room"] else "no more may go out"
    if level["below"]:
        room = f"BELOW ITS FLOOR by {level['below']}"
    count = f"{most}{level['in_traffic']} of {level['configured']} in traffic"
    return pool_name(level), count, f"floor {level['floor']} = {level['least']}", room


def _out_rows(look: Mapping[str, Any]) -> list[Row]:
    said: dict[str, str] = {}
    for level in look["levels"]:
        for host, out in level["out"].items():
            by = "leased by " if out["why"] == "leased" else ""
            said.setdefault(host, by + out["detail"])
    return [(host, detail) for host, _unused, detail in (text.partition(": ") for text in grouped(said))]


def _run_row(run: Mapping[str, Any], now: float) -> Row:
    done = f"{sum(host in set(run['done']) for host in run['planned'])} of {len(run['planned'])} done"
    owner = f"{run['owner']['name']}, pid {run['owner']['pid']}"
    parts = [f"holds {', '.join(run['holds'])}"] if run["holds"] else ["holds nothing"]
    parts += [f"because: {run['reason']}"] if run["reason"] else []
    parts += [f"stopped: {run['why']}"] if run["why"] else []
    parts += [_word.waiting_text(run["word"], now)] if waits(run) else []
    at_work = "stopping" if run["state"] == "stopped" else run["state"]
    state = at_work if run["life"] == LIVE else run["life"]
    heard = f"heard of {span(now - run['heartbeat'])} ago"
    return run["id"], state.upper(), owner, f"began {moment(run['began'], now)}", heard, done, "; ".join(parts)


def _lease_row(lease: Mapping[str, Any], now: float) -> Row:
    left = lease["until"] - now
    until = f"EXPIRED {span(-left)} ago" if lease["expired"] else f"ends in {span(left)}"
    health = "healthy" if lease["healthy"] else f"unhealthy: {lease['saw']}"
    times = (f"out for {span(lease['age'])}", f"lease {until}")
    return lease["host"], f"at step {lease['step']}", *times, f"run {lease['run']}", health


def _waiting_row(one: Mapping[str, Any], now: float) -> Row:
    return one["run"], f"waits for {', '.join(one['hosts'])}", f"for {span(now - one['since'])}", one["why"]


def restored_lines(
    service: str, outcome: Mapping[str, Any], failures: Mapping[str, str], check_mode: bool
) -> list[str]:
    """What a restore put back, and what it did not and why."""
    verb = "would be put back" if check_mode else "put back"
    lines = [f"{service}: {verb}: {', '.join(outcome['back'])}"] if outcome["back"] else []
    lines += [] if any(outcome.values()) else [f"{service}: nothing was left out"]
    said = {host: failures.get(host, why) for host, why in outcome["remains"].items()}
    lines += [f"{service}: REMAINS OUT: {text}" for text in grouped(said)]
    lines += [f"{service}: not touched: {text}" for text in grouped(outcome["busy"])]
    if outcome["remains"]:
        lines.append("  Mend the cause, then run this again, or go on with the restart: rolling_restart.yml.")
    return lines


def restored(recovered: Mapping[str, Any], held: Sequence[str]) -> dict[str, Any]:
    """{back, remains, busy} of a service. held: what leases hold out now."""
    why = dict.fromkeys(recovered["granted"], "it did not come back")
    why |= {host: one["detail"] for host, one in recovered["kept"].items() if one["left"]}
    return {
        "back": [host for host in recovered["granted"] if host not in held],
        "remains": {host: text for host, text in why.items() if host in held},
        "busy": {host: one["detail"] for host, one in recovered["kept"].items() if not one["left"]},
    }
