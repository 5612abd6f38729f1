# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a service's instances take their traffic from, as the inventory describes it. Pure.

Every error names the host, the variable and the value, and says what would be right.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _floor, _grammar, _target
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid
from ansible_collections.lossless.restart.plugins.plugin_utils._settings import plain, told

# The keys of an entry of any kind, and of one that has a pool.
ENTRY_KEYS = {"kind": True}
POOL_KEYS = {"floor": False, "members_of": False}
# In the order in which they are drained; traffic comes back the other way round.
KINDS = (
    "timer",
    "xxljob",
    "rocketmq",
    "kafka",
    "rabbitmq",
    "dubbo",
    "nacos",
    "firewall",
    "nginx",
    "application",
    "spring",
)
# Kinds that are one in all but whom they ask share a module and a folder of tasks.
_FAMILIES = {"rocketmq": "mq", "kafka": "mq", "rabbitmq": "mq", "spring": "application"}
FAMILIES = tuple(dict.fromkeys(_FAMILIES.get(kind, kind) for kind in KINDS))


def kind_of(entry: Mapping[str, Any], where: str) -> Any:
    """The module that knows the entry's kind."""
    kind = entry.get("kind")
    if kind not in KINDS:
        raise Invalid(f"{where}: there is no kind {kind!r} of traffic point. Known: {', '.join(sorted(KINDS))}.")
    name = f"_kind_{family(kind)}"
    return importlib.import_module(f"ansible_collections.lossless.restart.plugins.plugin_utils.{name}")


def family(kind: str) -> str:
    """The name of the kind's module and of its folder of tasks."""
    return _FAMILIES.get(kind, kind)


def checked(entry: Any, where: str) -> Any:
    """The kind of one entry of instance_traffic, whose keys are all there and known."""
    if not isinstance(entry, Mapping):
        raise Invalid(
            f"{where}: {entry!r} is no mapping with a kind, as in {{kind: nginx, upstream: ..., balancers: ...}}"
        )
    kind = kind_of(entry, where)
    keys = {**ENTRY_KEYS, **(POOL_KEYS if kind.POOLED else {}), **kind.KEYS}
    for name in entry:
        if name not in keys:
            near = difflib.get_close_matches(str(name), keys, n=1, cutoff=0.6)
            raise Invalid(f"{where}: unknown key {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    missing = [name for name, needed in keys.items() if needed and name not in entry]
    if missing:
        raise Invalid(f"{where}: {', '.join(missing)} is missing")
    return kind


def entry_points(
    entry: Mapping[str, Any], kind: Any, address: str, where: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The points of an entry whose kind has pools, [{kind, pool, source, member}], each with what is the kind's own;
    and their sources, [{name, kind, family, host, settings}]. host: where the source is read."""
    pool = told(where, kind.pool, entry)
    point = {
        "kind": entry["kind"],
        "pool": f"{entry['kind']}/{pool}",
        "member": told(where, kind.member, entry, address),
    }
    named = {"kind": entry["kind"], "family": family(entry["kind"])}
    sources = [{**named, **source} for source in told(where, kind.sources, entry)]
    own = told(where, kind.own, entry)
    return [{**point, "source": source["name"], **own} for source in sources], sources


def instance(host: str, values: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    """One instance: {address, probe, points, sources, pools, own}. own: [{kind, family, entry}], what has no pool."""
    address = str(values.get("instance_address", ""))
    told(f"{host}: instance_address", _grammar.address, address, "address")
    traffic = values.get("instance_traffic")
    if not isinstance(traffic, Sequence) or isinstance(traffic, str) or not traffic:
        raise Invalid(
            f"{host}: instance_traffic {traffic!r} is no list with at least one entry: nothing would be drained"
        )
    plain(traffic, f"{host}: instance_traffic")
    points: list[dict[str, Any]] = []
    sources: list[dict[str, Any]] = []
    pools: dict[str, dict[str, Any]] = {}
    alone: list[dict[str, Any]] = []
    for number, entry in enumerate(traffic):
        where = f"{host}: instance_traffic[{number}]"
        kind = checked(entry, where)
        if not kind.POOLED:
            alone.append(
                {"kind": entry["kind"], "family": family(entry["kind"]), "entry": told(where, kind.own, entry)}
            )
            continue
        found, theirs = entry_points(entry, kind, address, where)
        if found[0]["pool"] in pools:
            raise Invalid(f"{where}: pool {found[0]['pool']} is there twice")
        points += found
        sources += theirs
        floor = entry.get("floor", service["fleet_floor"])
        told(f"{where}: floor", _floor.parse_floor, floor)
        pools[found[0]["pool"]] = {"floor": floor, "groups": _groups(entry.get("members_of"), where)}
    probe = values.get("instance_probe") or {"tcp": address}
    told(f"{host}: instance_probe", _target.validate, probe)
    plain(probe, f"{host}: instance_probe")
    return {
        "address": address,
        "probe": dict(probe),
        "points": points,
        "sources": sources,
        "pools": pools,
        "own": alone,
    }


def _groups(names: Any, where: str) -> list[str] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Invalid(f"{where}: members_of {names!r} is no list of inventory groups, as in [order-svc, pay-svc]")
    return names


def check_source(kind: str, host: str, values: Mapping[str, Any]) -> None:
    """What the kind wants of the host that says who is in a pool."""
    kind_of({"kind": kind}, host).check_source(host, values)


def check_addresses(instances: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse two instances at one address."""
    first: dict[str, str] = {}
    for host, one in instances.items():
        other = first.setdefault(one["address"], host)
        if other != host:
            raise Invalid(f"{host}: instance_address {one['address']!r} is that of {other} too: each has its own")


def pools_of(service: str, hosts: Sequence[str], instances: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The service as a whole and every pool, with all configured members: [{id, kind, name, floor, hosts}]."""
    whole = {"id": f"service/{service}", "kind": "service", "name": service, "floor": None, "hosts": list(hosts)}
    found: dict[str, dict[str, Any]] = {}
    for host, one in instances.items():
        for pool_id, settings in one["pools"].items():
            kind, _slash, name = pool_id.partition("/")
            label, floor = kind_of({"kind": kind}, host).label(name), settings["floor"]
            pool = found.setdefault(pool_id, {"id": pool_id, "kind": kind, "name": label, "floor": floor, "hosts": []})
            if pool["floor"] != floor:
                raise Invalid(f"{host}: pool {pool_id} has floor {floor!r} here and {pool['floor']!r} elsewhere")
            pool["hosts"].append(host)
    return [whole, *found.values()]


def sources_of(instances: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every source with what it is asked about, in the order in which they are drained:
    [{name, kind, family, host, settings, pools, members}]."""
    found: dict[str, dict[str, Any]] = {}
    for host, one in instances.items():
        for given in one["sources"]:
            source = found.setdefault(given["name"], {**given, "pools": [], "members": []})
            if any(source[name] != given[name] for name in given):
                raise Invalid(f"{host}: {given['name']} is described otherwise by another instance: write it the same")
        for point in one["points"]:
            source = found[point["source"]]
            for name, value in (("pools", point["pool"].partition("/")[2]), ("members", point["member"])):
                if value not in source[name]:
                    source[name].append(value)
    return sorted(found.values(), key=lambda source: KINDS.index(source["kind"]))


def asking(traffic: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a kind has something to ask of the instance itself before the guard judges."""
    return any(kind_of(entry, "").ASKS for entry in traffic)
