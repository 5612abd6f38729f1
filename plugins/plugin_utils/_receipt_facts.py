# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The receipt of a run as values: what the ledger has of it, and what its process noted. Pure.

Times are seconds since the epoch by the ledger's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _receipt

FORMAT = 1
Events = Sequence[Mapping[str, Any]]
_KEPT = ("service", "kind", "state", "reason", "change", "glass", "planned", "done", "began", "ended", "why")


def facts(
    run: Mapping[str, Any],
    events: Events,
    held: Mapping[str, str],
    notes: Sequence[Mapping[str, Any]] | None,
    head: str,
) -> dict[str, Any]:
    """run: as the ledger has it. held: what it still holds out, in words. notes: of its process, None where that is
    gone. head: of the journal, as it was at the end."""
    approved = run["approved"]
    last = max([run["began"], *(event["at"] for event in events)])
    return {
        "format": FORMAT,
        "run": run["id"],
        **{name: run[name] for name in _KEPT},
        "last": run["ended"] or last,
        "by": run["account"],
        "controller": run["owner"]["name"],
        **origin(events),
        "approved": {name: approved[name] for name in ("id", "by", "at")} if approved else None,
        "left": [host for host in run["planned"] if host not in set(run["done"])],
        "out": dict(held),
        "pools": pools(events),
        "instances": instances(run["planned"], events, held),
        "refusals": refusals(events),
        "verified": _told(notes, "Verify"),
        "failures": _receipt.failures(notes or []),
        "exposed": {note["host"]: note["exposed"] for note in notes or [] if note.get("exposed") is not None},
        "waited": None if notes is None else _receipt.waited(notes),
        "journal": head,
    }


def origin(events: Events) -> dict[str, Any]:
    """{link, awx}: where the run was last begun, as it said itself: the address of its job, and what AWX says of it."""
    begun = [event for event in events if event["event"] in ("began", "resumed")]
    last = begun[-1] if begun else {}
    return {"link": last.get("link", ""), "awx": last.get("awx", {})}


def pools(events: Events) -> list[dict[str, Any]]:
    """[{pool, configured, least, lowest, levels}]. levels: [[at, in traffic], ...], from each change on."""
    found: dict[str, dict[str, Any]] = {}
    members: dict[str, Sequence[str]] = {}
    for event in events:
        if event["event"] == "granted":
            members |= event.get("pools", {})
            for pool, (configured, count, least) in event["levels"].items():
                here = found.setdefault(pool, {"pool": pool, "lowest": count, "levels": []})
                here |= {"configured": configured, "least": least, "lowest": min(count, here["lowest"])}
                here["levels"] = here["levels"] or [[event["at"], min(configured, count + len(event["tokens"]))]]
                here["levels"].append([event["at"], count])
        elif event["event"] == "released":
            for pool, here in found.items():
                back = sum(pool in members.get(host, [pool]) for host in event["hosts"])
                count = min(here["configured"], here["levels"][-1][1] + back)
                here["levels"].append([event["at"], count])
    return list(found.values())


def instances(planned: Sequence[str], events: Events, held: Mapping[str, str]) -> list[dict[str, Any]]:
    """[{host, ended, steps}], of all that was planned. steps: {step: at} of the last turn, in their order."""
    turns = _receipt.turns(events)
    found = {host: turns.get(host, {}) for host in planned}
    return [{"host": host, "ended": _ended(turn, host in held), "steps": turn} for host, turn in found.items()]


def _ended(turn: Mapping[str, float], held: bool) -> str:
    if held:
        return "out"
    if not turn:
        return "not begun"
    return "restarted" if "released" in turn else "put back" if "back" in turn else "out"


def refusals(events: Events) -> list[dict[str, Any]]:
    """[{at, hosts, why}]: of whom a grant said that they could not go."""
    return [
        {"at": event["at"], "host": host, "why": why}
        for event in events
        if event["event"] == "granted"
        for host, why in event["refused"].items()
    ]


def _told(notes: Sequence[Mapping[str, Any]] | None, step: str) -> list[dict[str, str]]:
    """What the calls of a step said, each once."""
    said = [(note["host"], note["msg"]) for note in notes or [] if note["task"].startswith(step) and note["msg"]]
    return [{"host": host, "said": text} for host, text in dict.fromkeys(said)]
