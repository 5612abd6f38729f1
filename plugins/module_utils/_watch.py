# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service as it stands: its runs and leases, and every pool with who is out and why. Reads only.

What cannot be read is named, and the rest is told all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _levels, _permission, _sources, _status, _sweep
from ._ledger import Ledger, Refused, State
from ._levels import Level, Pool, grouped, points_of
from ._params import Params
from ._scene import foreign, held_text

# Where the ledger was not read nothing is known of them.
_NO_RULES: Mapping[str, Any] = {"policy": None, "closed": [], "policy_trouble": ""}
# A standby server is out of traffic as it was meant to be.
_STRAY = (_levels.DRAINED, _levels.UNHEALTHY)


def look(ledger: Ledger, params: Params, check: _sweep.Check) -> dict[str, Any]:
    """The service's runs, leases, pools and strays (members out of traffic that no lease holds)."""
    pools, service = params.pools(), params.word("service")
    instances, readings = params.instances(pools), params.readings()
    members = dict.fromkeys(host for pool in pools for host in pool.hosts)
    timeout = params.number("probe_deadline", 0.05, 4, 2)
    seen = _sweep.sweep({host: instances[host]["probe"] for host in members}, timeout, check)
    unread = {reading["source"] for reading in readings if "error" in reading}
    trouble, state = _read(ledger)
    said = _said(instances, readings, unread)
    other = {} if trouble else foreign(said, state, ledger.place, params.text("replaces"))
    leased = {host: held_text(state, lease) for host, lease in state.leases.items()}
    found = _levels.levels(_sources.with_parts(pools, instances, readings), instances, said, seen)
    levels = [level.with_leases(leased) for level in found]
    told = [_facts(level, instances, unread, bool(trouble)) for level in levels]
    facts = _status.facts(state, service)
    held = [lease for lease in facts["leases"] if lease["host"] in seen]
    own = next(pool.hosts for pool in pools if pool.id == f"service/{service}")
    return {
        "changed": False,
        "msg": "\n".join(level["msg"] for level in told),
        "service": service,
        "ledger_trouble": trouble,
        **(_NO_RULES if trouble else _permission.look(ledger, state, service)),
        "troubles": [*_sources.by_source(_sources.disagreements(pools, instances, readings)), *grouped(other)],
        "levels": told,
        "strays": _strays(levels, own),
        **facts,
        "leases": [{**lease, "saw": seen[lease["host"]].saw, "healthy": seen[lease["host"]].ok} for lease in held],
    }


def _read(ledger: Ledger) -> tuple[str, State]:
    """What keeps the ledger from being read, and its state."""
    try:
        return "", ledger.snapshot()
    except Refused as error:
        return str(error), State()


def _said(
    instances: Mapping[str, Mapping[str, Any]], readings: Sequence[Mapping[str, Any]], unread: set[str]
) -> _levels.Said:
    """What each source says of each member; one that was not read speaks against nobody."""
    silent = {
        (point["pool"], point["source"], point["member"]): {"state": "up" if point["source"] in unread else "absent"}
        for instance in instances.values()
        for point in instance["points"]
    }
    return {**silent, **_sources.said_by(readings)}


def _facts(level: Level, instances: Mapping[str, Mapping[str, Any]], unread: set[str], blind: bool) -> dict[str, Any]:
    """at_most: whether fewer may be in traffic than was counted, since something was not read."""
    return {**level.facts(), "at_most": blind or bool(_sources_of(level.pool, instances) & unread)}


def _sources_of(pool: Pool, instances: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {point["source"] for host in pool.hosts for point in points_of(pool, instances[host])}


def _strays(levels: Sequence[Level], own: Sequence[str]) -> dict[str, dict[str, str]]:
    """The service's own members that are out without a lease, and why."""
    found: dict[str, dict[str, str]] = {}
    for level in levels:
        for host, out in level.outs.items():
            if out.why in _STRAY and host in own:
                found.setdefault(host, {"why": out.why, "detail": out.detail})
    return found
