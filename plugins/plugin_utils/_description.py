# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service as its inventory describes it: checked, typed, and the same for every later step.

Pure: it works on plain values, `{host: {variable: value}}`, and the roles' own argument specs.
Every error names the host, the variable and the value, and says what would be right.
"""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lossless.restart.plugins.module_utils import _floor, _grammar, _plan, _process, _target

Spec = Mapping[str, Mapping[str, Any]]
T = TypeVar("T")

TARGET_LISTS = ("instance_state", "instance_idle", "instance_health")
ENTRY_KEYS = {"kind": True, "floor": False, "members_of": False}


class Invalid(ValueError):
    """The description cannot be used; the message is for the person who wrote it."""


def check_names(names: Iterable[str], known: Iterable[str], where: str, *, strict: bool = False) -> None:
    """Refuse a name that is a slip of a known one; with `strict` every other name of ours too.

    An extra variable overrides what the roles keep for themselves, so among those nothing unknown may stand.
    """
    options = sorted(known)
    for name in names:
        if name in options or not name.startswith(("fleet_", "instance_")):
            continue
        near = difflib.get_close_matches(name, options, n=1, cutoff=0.85)
        if near:
            raise Invalid(f"{where}: there is no variable {name}. Did you mean {near[0]}?")
        if strict:
            raise Invalid(f"{where}: {name} cannot be set: fleet_* and instance_* are the collection's")


def typed(values: Mapping[str, Any], spec: Spec, where: str) -> dict[str, Any]:
    """The values in their types and with their defaults."""
    outcome = ArgumentSpecValidator(dict(spec)).validate({name: values[name] for name in spec if name in values})
    if outcome.error_messages:
        raise Invalid(f"{where}: " + "; ".join(outcome.error_messages))
    return dict(outcome.validated_parameters)


def kind_of(entry: Mapping[str, Any], where: str) -> Any:
    """The module that knows the entry's kind."""
    kind = entry.get("kind")
    try:
        name = f"ansible_collections.lossless.restart.plugins.plugin_utils._kind_{_grammar.word(kind, 'kind')}"
        return importlib.import_module(name)
    except (ImportError, ValueError):
        raise Invalid(f"{where}: there is no kind {kind!r} of traffic point. Known: nginx.") from None


def entry_points(entry: Any, address: str, where: str) -> list[dict[str, str]]:
    """The points of one entry of instance_traffic: [{kind, pool, source, member}]."""
    if not isinstance(entry, Mapping):
        raise Invalid(
            f"{where}: {entry!r} is no mapping with a kind, as in {{kind: nginx, upstream: ..., balancers: ...}}"
        )
    kind = kind_of(entry, where)
    keys = {**ENTRY_KEYS, **kind.KEYS}
    for name in entry:
        if name not in keys:
            near = difflib.get_close_matches(str(name), keys, n=1, cutoff=0.6)
            raise Invalid(f"{where}: unknown key {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    missing = [name for name, needed in keys.items() if needed and name not in entry]
    if missing:
        raise Invalid(f"{where}: {', '.join(missing)} is missing")
    pool = _told(where, kind.pool, entry)
    member = _told(where, kind.member, entry, address)
    return [
        {"kind": entry["kind"], "pool": f"{entry['kind']}/{pool}", "source": source, "member": member}
        for source in _told(where, kind.sources, entry)
    ]


def _told(where: str, function: Callable[..., T], *values: Any) -> T:
    """The function's answer; its ValueError as Invalid, with the place where the value stands."""
    try:
        return function(*values)
    except ValueError as error:
        raise Invalid(f"{where}: {error}") from None


def instance(host: str, values: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    """One instance: {address, probe, points, floors, members_of}."""
    address = str(values.get("instance_address", ""))
    _told(f"{host}: instance_address", _grammar.address, address, "address")
    traffic = values.get("instance_traffic")
    if not isinstance(traffic, Sequence) or isinstance(traffic, str) or not traffic:
        raise Invalid(
            f"{host}: instance_traffic {traffic!r} is no list with at least one entry: nothing would be drained"
        )
    points: list[dict[str, str]] = []
    pools: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(traffic):
        where = f"{host}: instance_traffic[{number}]"
        found = entry_points(entry, address, where)
        if found[0]["pool"] in pools:
            raise Invalid(f"{where}: pool {found[0]['pool']} is there twice")
        points += found
        floor = entry.get("floor", service["fleet_floor"])
        _told(f"{where}: floor", _floor.parse_floor, floor)
        pools[found[0]["pool"]] = {"floor": floor, "groups": entry.get("members_of")}
    probe = values.get("instance_probe") or {"tcp": address}
    _told(f"{host}: instance_probe", _target.validate, probe)
    return {"address": address, "probe": dict(probe), "points": points, "pools": pools}


def check_selected(host: str, values: Mapping[str, Any]) -> None:
    """What only a selected instance needs."""
    for name in TARGET_LISTS:
        for number, target in enumerate(values[name]):
            _told(f"{host}: {name}[{number}]", _target.validate, target)
    _told(f"{host}: instance_restart", _process.service, values["instance_restart"], values["instance_address"])
    for name, value in values.items():
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and not (value >= 0 and math.isfinite(value))
        ):
            raise Invalid(f"{host}: {name} {value!r} must be 0 or more")
    if values["instance_quiet_window"] >= values["instance_drain_deadline"]:
        raise Invalid(
            f"{host}: instance_quiet_window {values['instance_quiet_window']:g} s must be shorter than "
            f"instance_drain_deadline {values['instance_drain_deadline']:g} s"
        )
    if any(not 0 < share <= 100 for share in values["instance_warmup"]):
        raise Invalid(f"{host}: instance_warmup {values['instance_warmup']!r}: shares are percent from 1 to 100")


def check_service(values: Mapping[str, Any], selected: Sequence[str]) -> None:
    """The settings of the service as a whole."""
    _told("fleet_floor", _floor.parse_floor, values["fleet_floor"])
    _told("fleet_pace", _plan.parse_pace, values["fleet_pace"], len(selected))
    _told("fleet_service", _grammar.word, values["fleet_service"], "service")
    for name in ("fleet_ledger", "fleet_state_dir"):
        _told(name, _grammar.path, values[name], "directory")
    if values["fleet_max_out"] is not None:
        _told("fleet_max_out", _floor.parse_cap, values["fleet_max_out"], len(selected))
    if values["fleet_kind"] == "single" and len(selected) != 1:
        raise Invalid(f"fleet_kind single restarts exactly one instance, and {len(selected)} are selected: use -l HOST")
    if len(values["fleet_reason"]) > 200 or not values["fleet_reason"].isprintable() and values["fleet_reason"]:
        raise Invalid("fleet_reason is longer than 200 characters or not printable")


def pools_of(service: str, hosts: Sequence[str], instances: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The service as a whole and every pool, with all configured members: [{id, kind, name, floor, hosts}]."""
    whole = {"id": f"service/{service}", "kind": "service", "name": service, "floor": None, "hosts": list(hosts)}
    found: dict[str, dict[str, Any]] = {}
    for host, one in instances.items():
        for name, settings in one["pools"].items():
            kind = name.partition("/")[0]
            pool = found.setdefault(
                name,
                {"id": name, "kind": kind, "name": name.partition("/")[2], "floor": settings["floor"], "hosts": []},
            )
            if pool["floor"] != settings["floor"]:
                raise Invalid(
                    f"{host}: pool {name} has floor {settings['floor']!r} here and {pool['floor']!r} elsewhere"
                )
            pool["hosts"].append(host)
    return [whole, *found.values()]


def sources_of(instances: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every source with the pools that it is asked about: [{name, kind, pools}]."""
    found: dict[str, dict[str, Any]] = {}
    for one in instances.values():
        for point in one["points"]:
            source = found.setdefault(point["source"], {"name": point["source"], "kind": point["kind"], "pools": []})
            name = point["pool"].partition("/")[2]
            if name not in source["pools"]:
                source["pools"].append(name)
    return list(found.values())
