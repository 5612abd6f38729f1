# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the sources say of the pools, and whether they and the inventory have the same members. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ._levels import LEFT, Pool, Said, points_of

_SHOWN = 8


def disagreements(
    pools: Sequence[Pool], instances: Mapping[str, Mapping[str, Any]], readings: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Every reason for which the sources cannot be counted on, each naming the source; empty where all agree."""
    wrong = []
    listed: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for reading in readings:
        if "error" in reading:
            wrong.append(f"{reading['source']}: cannot be read: {reading['error']}")
        else:
            listed.setdefault((reading["pool"], reading["source"]), []).extend(reading["members"])
    failed = {reading["source"] for reading in readings if "error" in reading}
    for (pool, source), hosts in _expected(pools, instances).items():
        if source in failed:
            continue
        if not listed.get((pool, source)):
            wrong.append(f"{source}: nothing was found of {pool}; the inventory has {len(hosts)} there")
        else:
            wrong += _differences(pool, source, hosts, listed[pool, source])
    for one in pools:
        without = [host for host in one.hosts if not points_of(one, instances[host])]
        if one.kind == "service" and len(without) == len(one.hosts):
            # Nobody sends work to them, so they are in it while their probes say so.
            continue
        wrong += [f"{one.id}: no source is named for {host}, which is in this pool" for host in without]
    return wrong


def by_source(wrong: Iterable[str]) -> list[str]:
    """The disagreements for people: what several sources have in common is said once, and of many only the first."""
    sources: dict[str, list[str]] = {}
    for line in wrong:
        source, _colon, text = line.partition(": ")
        sources.setdefault(text, []).append(source)
    lines = [f"{', '.join(names)}: {text}" for text, names in sources.items()]
    return lines[:_SHOWN] + ([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])


def with_parts(
    pools: Sequence[Pool], instances: Mapping[str, Mapping[str, Any]], readings: Iterable[Mapping[str, Any]]
) -> list[Pool]:
    """The pools, and those that only their sources know: parts with fewer members, each with the floor of its whole."""
    found = {(pool.id, frozenset(pool.hosts)): pool for pool in pools}
    for reading in readings:
        for whole in [pool for pool in pools if pool.id == reading.get("pool")]:
            for name, members in reading.get("parts", {}).items():
                hosts = tuple(host for host in whole.hosts if _listed_in(members, whole.id, instances[host]))
                part = replace(
                    whole, id=f"{whole.id}/{name}", name=f"{name} of {whole.name}", hosts=hosts, within=whole.id
                )
                if hosts:
                    found.setdefault((whole.id, frozenset(hosts)), part)
    return list(found.values())


def _listed_in(members: Iterable[str], pool: str, instance: Mapping[str, Any]) -> bool:
    return any(point["pool"] == pool and point["member"] in members for point in instance["points"])


def said_by(readings: Iterable[Mapping[str, Any]]) -> Said:
    """What the sources say of each member."""
    return {
        (reading["pool"], reading["source"], member["member"]): member
        for reading in readings
        if "error" not in reading
        for member in reading["members"]
    }


def _expected(
    pools: Sequence[Pool], instances: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], dict[str, list[str]]]:
    """By (pool, source): the inventory's members and the hosts that say to be them."""
    known = {pool.id: set(pool.hosts) for pool in pools}
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for host, instance in instances.items():
        for point in instance["points"]:
            if host in known.get(point["pool"], ()):
                found.setdefault((point["pool"], point["source"]), {}).setdefault(point["member"], []).append(host)
    return found


def _differences(
    pool: str, source: str, expected: Mapping[str, Sequence[str]], members: Sequence[Mapping[str, Any]]
) -> list[str]:
    found = [member for member in members if member["state"] != "absent"]
    names = Counter(member["member"] for member in found)
    wrong = [f"{source}: {name} is listed twice in {pool}" for name, times in names.items() if times > 1]
    for name, hosts in expected.items():
        if len(hosts) > 1:
            wrong.append(f"{source}: {name} in {pool} is both {' and '.join(hosts)} in the inventory")
        if name not in names:
            other = next((m["member"] for m in found if name in m.get("addresses", ())), None)
            hint = f"; it lists {other} with this address: say so with 'member'" if other else ""
            wrong.append(f"{source}: {pool} does not list {name}, which the inventory has as {hosts[0]}{hint}")
    for member in found:
        if member["member"] not in expected and member["state"] != "backup":
            wrong.append(
                f"{source}: {pool} lists {member['member']}, which is no member in this inventory "
                "(is the inventory sliced, or a group missing in members_of?)"
            )
        if member["state"] not in ("up", "down", "drain", "backup", *LEFT):
            wrong.append(f"{source}: {pool} says {member['state']!r} of {member['member']}, which is no known state")
    return wrong
