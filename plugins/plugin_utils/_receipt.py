# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan before a run and the receipt after it, as lines for people. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _permission
from ansible_collections.lossless.restart.plugins.plugin_utils._preflight import Checks

_UNKNOWN = "not known before the first finished run of this service"


def plan_lines(
    plan: Mapping[str, Any], described: Mapping[str, Any], checks: Checks, warned: Iterable[str]
) -> list[str]:
    """The plan. warned: what the sources' readers warned of."""
    fleet = described["fleet"]
    todo = [host for batch in plan["batches"] for host in batch]
    size = f"{len(todo)} of {len(described['pools'][0]['hosts'])} instances"
    reason = f", because: {fleet['fleet_reason']}" if fleet["fleet_reason"] else ""
    lines = ["", f"{described['service']}: {fleet['fleet_kind']} restart of {size}{reason}"]
    lines += _people_lines(fleet)
    lines += [f"  {line}" for line in plan["msg"].splitlines()]
    if "policy" in plan:
        policy = plan["policy"]
        lines.append(f"  {policy_text(policy)}, asked by {policy['who']}" if policy else f"  {_permission.NO_POLICY}")
    lines += [f"  done already: {', '.join(plan['done'])}"] if plan["done"] else []
    lines += [f"  not touched: {host}: {why}" for host, why in left_alone(plan, checks).items()]
    lines += [f"  warning: {text}" for text in dict.fromkeys(warned)]
    took = plan.get("expected")
    lines.append(f"  expected: about {took:.0f} s, as in the last finished run" if took else f"  expected: {_UNKNOWN}")
    return [*lines, ""]


def _people_lines(fleet: Mapping[str, Any]) -> list[str]:
    """Whose service it is, and who feels it."""
    owner, users = fleet.get("fleet_owner"), fleet.get("fleet_used_by")
    lines = [f"  owned by: {owner}"] if owner else []
    return [*lines, *([f"  used by: {', '.join(users)}"] if users else [])]


def policy_text(policy: Mapping[str, Any]) -> str:
    """A service's rules in short."""
    needs = [text for name, text in _NEEDS if policy[name]]
    most = [f"at most {policy['at_most']} at once"] if policy["at_most"] else []
    needed = [f"needs {' and '.join(needs)}"] if needs else []
    return "; ".join([f"policy: {policy['environment']} ({policy['place']})", *most, *needed])


_NEEDS = (("approval", "another person's approval"), ("confirm", "its name once more"))


def left_alone(plan: Mapping[str, Any], checks: Checks) -> dict[str, str]:
    """Selected hosts that the run goes on without, and why: drained by a person, or not reached."""
    return {**checks.unreachable, **drained(plan)}


def drained(plan: Mapping[str, Any]) -> dict[str, str]:
    """The blocked hosts that a person took out: they are skipped."""
    by_hand = {host for level in plan["levels"] for host, out in level["out"].items() if out["why"] == "drained"}
    return {host: why for host, why in plan["blocked"].items() if host in by_hand}


def waited(journal: Iterable[Mapping[str, Any]]) -> float:
    """Seconds in which at least one call waited for something that was not our own work."""
    spans = sorted((note["ended"] - note["waited"], note["ended"]) for note in journal if note["waited"] > 0)
    total, reached = 0.0, 0.0
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def lowest(events: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int, int]]:
    """By pool (configured, fewest in traffic, floor) over the run's grants."""
    found: dict[str, tuple[int, int, int]] = {}
    for event in events:
        for pool, (configured, count, least) in event.get("levels", {}).items():
            old = found.get(pool)
            found[pool] = (configured, count if old is None else min(count, old[1]), least)
    return found


def turns(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """By host the times of its last turn: granted, restarting, attaching, and released or back, restarted or not."""
    found: dict[str, dict[str, float]] = {}
    for event in events:
        if event["event"] == "granted":
            for host in event["tokens"]:
                found[host] = {"granted": event["at"]}
        name = event.get("step") if event["event"] == "step" else event["event"]
        if name == "released" and not event["done"]:
            name = "back"
        if name in ("restarting", "attaching", "released", "back"):
            for host in event["hosts"]:
                found.setdefault(host, {})[name] = event["at"]
    return found


def receipt_lines(
    outcome: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    journal: Sequence[Mapping[str, Any]] | None,
    makespan: float,
) -> list[str]:
    """The receipt of a run. makespan: seconds from the command's start to now. journal: what the process noted; None
    where it is gone, and only what the ledger has is known."""
    done, planned = outcome["done"], outcome["planned"]
    lines = ["", f"RECEIPT of run {outcome['run']}: {len(done)} of {len(planned)} restarted in {makespan:.1f} s"]
    lines += _pool_lines(lowest(events))
    lines += _turn_lines(turns(events), planned)
    if journal is not None:
        waits = waited(journal)
        each = f" ({(makespan - waits) / len(done):.1f} s an instance)" if done else ""
        lines.append(f"  {waits:.1f} s of waiting for the service, {makespan - waits:.1f} s of our own work{each}")
    journal = journal or []
    lines += [f"  NOT DONE: {host}" for host in outcome["left"] if host not in outcome["out"]]
    lines += [f"  NOT DONE, lease kept: {host}, {text}" for host, text in outcome["out"].items()]
    exposed = {note["host"]: note["exposed"] for note in journal if note.get("exposed") is not None}
    lines += [f"  EXPOSED: {host} came back before its gate, for {seconds:g} s" for host, seconds in exposed.items()]
    failed = failures(journal)
    lines += [f"  failed: {note['host']}: {note['task']}: {' '.join(note['msg'].split())}" for note in failed]
    why = outcome["why"]
    lines += [f"  stopped: {why.removeprefix('stopped ')}"] if why and not _told(why, failed) else []
    lines += [f"  journal: {outcome['journal']}"] if outcome.get("journal") else []
    if outcome["left"] or outcome["out"]:
        lines.append(f"  To go on, run the same command again{' once the cause is mended' if failed else ''}.")
    return [*lines, ""]


def rehearsal_lines(service: str, plan: Mapping[str, Any], makespan: float) -> list[str]:
    """What a run would have done. plan: planned, batches, lowest, as the guard made it."""
    lines = ["", f"REHEARSAL of {service}: {len(plan['planned'])} would be restarted. Nothing was touched"]
    lines += [f"  batch {number}: {', '.join(batch)}" for number, batch in enumerate(plan["batches"], 1)]
    low = {pool: (one["configured"], one["in_traffic"], one["least"]) for pool, one in plan["lowest"].items()}
    return [*lines, *_pool_lines(low), f"  {makespan:.1f} s to read, to judge, and to tell", ""]


def alone_lines(steps: Mapping[str, str], journal: Iterable[Mapping[str, Any]], why: str, then: str) -> list[str]:
    """What the process itself knows of its run, where the ledger gives no account of it.

    steps: by planned host how far its lease has come, empty where it was granted none.
    """
    hosts: dict[str, list[str]] = {}
    for host, step in steps.items():
        hosts.setdefault(step, []).append(host)
    done = hosts.pop("done", [])
    said = {"": "not touched", "restored": "put back as it was"}
    lines = ["", f"WITHOUT THE LEDGER, as this process knows it: {len(done)} of {len(steps)} restarted", f"  {why}"]
    lines += [f"  restarted and back in traffic: {', '.join(done)}"] if done else []
    lines += [
        f"  NOT DONE, {said.get(step, f'STILL OUT at step {step}')}: {', '.join(names)}"
        for step, names in hosts.items()
    ]
    failed = failures(journal)
    lines += [f"  failed: {note['host']}: {note['task']}: {' '.join(note['msg'].split())}" for note in failed]
    return [*lines, f"  {then}", ""]


def failures(journal: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What failed, each once."""
    seen: dict[tuple[str, str], Mapping[str, Any]] = {}
    for note in journal:
        if note["failed"]:
            seen.setdefault((note["task"], note["msg"]), note)
    return list(seen.values())


def _told(why: str, failures: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the reason for which the run was stopped is one of the failures; the ledger keeps its beginning."""
    return any(f"{note['host']}: {' '.join(note['msg'].split())}".startswith(why) for note in failures)


def _pool_lines(pools: Mapping[str, tuple[int, int, int]]) -> list[str]:
    width = max([len(pool) for pool in pools], default=0)
    return [
        f"  {pool:<{width}}  lowest in traffic {count} of {configured}, floor {least}"
        for pool, (configured, count, least) in pools.items()
    ]


def _turn_lines(found: Mapping[str, Mapping[str, float]], planned: Sequence[str]) -> list[str]:
    width = max([len(host) for host in planned], default=0)
    return [f"  {host:<{width}}  {_turn(found[host])}" for host in planned if host in found]


def _turn(times: Mapping[str, float]) -> str:
    ordered = sorted(times.items(), key=lambda item: item[1])
    names = {"granted": "out", "restarting": "drained", "attaching": "healthy", "released": "verified", "back": "back"}
    parts: list[str] = []
    last = ordered[0][1]
    for name, at in ordered:
        parts.append(
            names[name] + (f" +{at - last:.1f} s" if parts else f" {time.strftime('%H:%M:%S', time.localtime(at))}")
        )
        last = at
    return ", ".join(parts)
