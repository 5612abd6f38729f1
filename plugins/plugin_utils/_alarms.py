# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a service, as the guard's look found it, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils._levels import grouped, moment

LIVE, DEAD, SILENT, STOPPED = "live", "dead", "silent", "stopped"
Alarm = dict[str, str]
_LEFT = "restore.yml -l {service} puts back what is healthy; the same rolling_restart.yml command again goes on with it"


def life(run: Mapping[str, Any], dead: set[str]) -> str:
    """Whether a run has a process: live, dead (proved), silent (not heard of for too long), stopped (it reported)."""
    if run["state"] == "stopped" and run["ended"] is not None:
        return STOPPED
    if run["id"] in dead:
        return DEAD
    return SILENT if run["silent"] else LIVE


def alarms(look: Mapping[str, Any]) -> list[Alarm]:
    """[{kind, text, do}]: what is wrong, the worst first."""
    found = _below(look) + _unread(look) + _gone(look) + _left(look) + _expired(look) + _strays(look)
    found += _unpushed(look)
    return [{**alarm, "do": alarm["do"].format(service=look["service"])} for alarm in found]


def pool_name(level: Mapping[str, Any]) -> str:
    """`order-svc` for the service as a whole, `nginx/order_svc` for one of its pools."""
    return str(level["pool"]).removeprefix("service/")


def span(seconds: float) -> str:
    """How long, for people."""
    for size, unit in ((172800, "d"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'d': 86400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def _below(look: Mapping[str, Any]) -> list[Alarm]:
    do = "nothing more is taken out until members are back: put back or mend those that are out"
    return [
        {
            "kind": "below",
            "text": f"{pool_name(level)} BELOW ITS FLOOR by {level['below']}: {level['in_traffic']} of "
            f"{level['configured']} in traffic, floor {level['least']}",
            "do": do,
        }
        for level in look["levels"]
        if level["below"]
    ]


def _unread(look: Mapping[str, Any]) -> list[Alarm]:
    found = []
    if look["ledger_trouble"]:
        text = f"the ledger {look['ledger']} cannot be read: {look['ledger_trouble']}"
        do = "no restart begins or goes on without it; who is at work is not known here"
        found.append({"kind": "ledger", "text": text, "do": do})
    if look["policy_trouble"]:
        do = "no restart begins and nothing more is taken out until the platform team has mended it"
        found.append({"kind": "policy", "text": look["policy_trouble"], "do": do})
    do = "nothing is taken out until balancers and inventory agree; see that it can be read, and lists every member"
    return found + [{"kind": "source", "text": text, "do": do} for text in look["troubles"]]


def _unpushed(look: Mapping[str, Any]) -> list[Alarm]:
    """It comes last: nothing is lost with it."""
    if not look.get("push_trouble"):
        return []
    do = "mend what takes it: the journal keeps it, and the next watchdog or run hands it over"
    return [{"kind": "journal", "text": f"the journal is not taken: {look['push_trouble']}", "do": do}]


def _gone(look: Mapping[str, Any]) -> list[Alarm]:
    found = []
    for run in look["runs"]:
        if run["life"] not in (DEAD, SILENT):
            continue
        holds = f", and holds {', '.join(run['holds'])} out of traffic" if run["holds"] else ", and holds nothing"
        how = "is DEAD" if run["life"] == DEAD else "is SILENT"
        text = f"run {run['id']} of {run['owner']['name']} {how}, last heard of {moment(run['heartbeat'], look['at'])}"
        found.append({"kind": run["life"], "text": text + holds, "do": _LEFT})
    return found


def _left(look: Mapping[str, Any]) -> list[Alarm]:
    do = f"mend the cause; then {_LEFT}"
    return [
        {
            "kind": "left_out",
            "text": f"{', '.join(run['holds'])} left out by run {run['id']}, which stopped: {run['why']}",
            "do": do,
        }
        for run in look["runs"]
        if run["life"] == STOPPED and run["holds"]
    ]


def _expired(look: Mapping[str, Any]) -> list[Alarm]:
    late = {
        lease["host"]: f"expired {span(look['at'] - lease['until'])} ago, at step {lease['step']} of run {lease['run']}"
        for lease in look["leases"]
        if lease["expired"]
    }
    lives = {run["id"] for run in look["runs"] if run["life"] == LIVE}
    waits = any(lease["expired"] and lease["run"] in lives for lease in look["leases"])
    do = "its run takes longer than it said: look at it, or let it be granted nothing more with stop.yml -l {service}"
    return [
        {"kind": "expired", "text": f"the lease of {text.replace(': ', ' ', 1)}", "do": do if waits else _LEFT}
        for text in grouped(late)
    ]


def _strays(look: Mapping[str, Any]) -> list[Alarm]:
    by_hand = "whoever drained it puts it back; nothing here touches it"
    sick = "it counts as out: mend it, or restart it with rolling_restart.yml -l HOST"
    found = []
    for why, do in (("drained", by_hand), ("unhealthy", sick)):
        said = {host: one["detail"] for host, one in look["strays"].items() if one["why"] == why}
        found += [{"kind": "stray", "text": f"out without a lease: {text}", "do": do} for text in grouped(said)]
    return found
