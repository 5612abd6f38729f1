# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of a service and of its selected instances: typed, and checked value by value. Pure.

Every error names the host, the variable and the value, and says what would be right.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lossless.restart.plugins.module_utils import (
    _floor,
    _grammar,
    _ledger_place,
    _plan,
    _process,
    _target,
)
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

Spec = Mapping[str, Mapping[str, Any]]
T = TypeVar("T")

# For the record: never templated, at most 200 characters.
RECORDED = ("fleet_reason", "fleet_change", "fleet_break_glass", "fleet_take_over")
# For one run: on the command line, never in the inventory, where it would become a habit.
ONCE = (
    "fleet_ask",
    "fleet_break_glass",
    "fleet_break_glass_empty",
    "fleet_confirm",
    "fleet_ledger_replaces",
    "fleet_rehearse",
    "fleet_take_over",
)
# Never shown.
_SECRET = ("fleet_notify",)
TARGET_LISTS = ("instance_state", "instance_idle", "instance_health", "instance_warm_up", "instance_dependencies")
# Instead of fleet_bake's seconds; then a canary is watched for so many before it is asked.
CONFIRM, _BAKE = "confirm", 30
# Seconds: a lease is never held for longer at one step.
DAY = 86400
# The least and the most.
RANGES: Mapping[str, tuple[float, float]] = {
    "fleet_bake_deadline": (1, DAY),
    "fleet_wait_deadline": (0, DAY),
    "instance_state_deadline": (0, 3600),
    "instance_drain_deadline": (0.1, 36000),
    "instance_quiet_window": (0, 3600),
    "instance_restart_deadline": (0.1, 36000),
    "instance_restart_retries": (0, 100),
    "instance_health_deadline": (0.1, 36000),
    "instance_health_successes": (1, 1000),
    "instance_warm_up_count": (1, 100000),
    "instance_warm_up_concurrency": (1, 64),
    "instance_warm_up_deadline": (0.1, 36000),
    "instance_warmup_seconds": (0, 3600),
    "instance_warmup_requests": (0, 1000000),
    "instance_warmup_error_rate": (0.001, 100),
    "instance_warmup_slowdown": (1, 1000),
    "instance_verify_requests": (0, 1000000),
    "instance_verify_deadline": (0, 3600),
    "instance_verify_error_rate": (0.001, 100),
    "instance_verify_p95": (0.001, 3600),
}


def typed(values: Mapping[str, Any], spec: Spec, where: str) -> dict[str, Any]:
    """The values in their types and with their defaults."""
    given = {name: values[name] for name in spec if name in values}
    for name, value in given.items():
        _check_shape(name, value, spec[name], where)
    outcome = ArgumentSpecValidator(dict(spec)).validate(given)
    if outcome.error_messages:
        raise Invalid(f"{where}: {'; '.join(outcome.error_messages).rstrip('.')}")
    found = dict(outcome.validated_parameters)
    for name, (least, most) in RANGES.items():
        if name in found and not least <= found[name] <= most:
            raise Invalid(f"{where}: {name} {found[name]!r} is not a number from {least:g} to {most:g}")
    return found


def _check_shape(name: str, value: Any, option: Mapping[str, Any], where: str) -> None:
    """Refuse a text where a list or mapping belongs: the engine would take it to pieces at its commas."""
    listed = isinstance(option.get("default"), list) or option["type"] == "list"
    wanted = "list" if listed else "mapping" if option["type"] == "dict" else ""
    if isinstance(value, str) and wanted:
        content = "[...]" if listed else "{...}"
        raise Invalid(
            f"{where}: {name} {shown(name, value)} is a text, and must be a {wanted}; "
            f"on the command line as in -e '{{\"{name}\": {content}}}'"
        )
    if wanted == "mapping" and not isinstance(value, Mapping):
        raise Invalid(f"{where}: {name} {shown(name, value)} must be a mapping")
    if option.get("elements") == "dict":
        if not isinstance(value, list):
            raise Invalid(f"{where}: {name} {shown(name, value)} must be a list of mappings")
        for number, one in enumerate(value):
            if not isinstance(one, Mapping):
                raise Invalid(f"{where}: {name}[{number}] {shown(name, one)} must be a mapping")
    plain(value, f"{where}: {name}")


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was not said: the engine fills suboptions in with nothing."""
    return {name: value for name, value in values.items() if value is not None}


def shown(name: str, value: Any) -> str:
    """The value in an error, unless there may be a secret in it."""
    return "(not shown)" if name in _SECRET and value is not None else repr(value)


def plain(value: Any, where: str) -> None:
    """Refuse what JSON does not know, such as the date that YAML makes of 2026-01-31."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        if isinstance(value, datetime.date):
            return
        raise Invalid(f"{where} has a value in it that is neither text nor number: put quotes around a date") from None


def check_service(values: Mapping[str, Any], selected: Sequence[str]) -> None:
    """The settings of the service as a whole."""
    told("fleet_floor", _floor.parse_floor, values["fleet_floor"])
    told("fleet_pace", _plan.parse_pace, values["fleet_pace"], len(selected))
    baking(values["fleet_bake"])
    told("fleet_service", _grammar.word, values["fleet_service"], "service")
    told("fleet_state_dir", _grammar.path, values["fleet_state_dir"], "directory")
    _check_ledger(values)
    if values["fleet_max_out"] is not None:
        told("fleet_max_out", _floor.parse_cap, values["fleet_max_out"], len(selected))
    if values["fleet_kind"] == "single" and len(selected) != 1:
        raise Invalid(f"fleet_kind single restarts exactly one instance, and {len(selected)} are selected: use -l HOST")
    for name in RECORDED:
        _check_recorded(name, values[name])
    _check_glass(values)
    if values["fleet_take_over"]:
        told("-e", _grammar.run, values["fleet_take_over"], "fleet_take_over")
    replaced = values["fleet_ledger_replaces"]
    if replaced and not re.fullmatch(r"[0-9a-f-]{8,64}", replaced):
        raise Invalid(f"fleet_ledger_replaces {replaced!r} is no ledger's id: give the one that the refusal named")
    moment(values["fleet_since"])


def baking(value: Any) -> tuple[int, bool]:
    """For how many seconds a canary is watched, and whether a person's word is waited for then. Raises Invalid."""
    if value == CONFIRM:
        return _BAKE, True
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > DAY:
        raise Invalid(f"fleet_bake {value!r} is no number of seconds from 0 to {DAY}, and not {CONFIRM}")
    return int(text), False


def _check_ledger(values: Mapping[str, Any]) -> None:
    """Where the ledger is; a directory is on one host, and only the user knows which."""
    ledger = values["fleet_ledger"]
    told("fleet_ledger", _ledger_place.parse, ledger, *(values[f"fleet_ledger_{name}"] for name in _ledger_place.EXTRA))
    if values["fleet_ledger_host"] is None and not _ledger_place.is_ensemble(ledger):
        raise Invalid(
            f"fleet_ledger_host is not set: write the one host that has the ledger's directory {ledger} for everybody"
        )


def _check_recorded(name: str, text: str) -> None:
    if len(text) > 200:
        raise Invalid(f"{name} '{text[:40]}...' has {len(text)} characters: at most 200 go on the record")
    if text and not text.isprintable():
        raise Invalid(f"{name} {text!r} has a line end or another control character in it")


def _check_glass(values: Mapping[str, Any]) -> None:
    glass = values["fleet_break_glass"]
    if glass and len(glass.strip()) < 10:
        raise Invalid(
            f"fleet_break_glass {glass!r} is no reason: say in at least ten characters why the floor may be broken"
        )
    if values["fleet_break_glass_empty"] and not glass:
        raise Invalid("fleet_break_glass_empty needs fleet_break_glass: say why")


def moment(since: Any, name: str = "fleet_since") -> float | None:
    """A moment that a person wrote in seconds since the epoch; None where it is not set."""
    wrong = Invalid(
        f"{name} {str(since)!r} is no moment: write seconds since the epoch, or a date and time with its zone, "
        "as in '2026-01-31T22:00:00+08:00'"
    )
    if since is None:
        return None
    if isinstance(since, bool):
        raise wrong
    try:
        found = float(since)
    except (TypeError, ValueError):
        try:
            read = datetime.datetime.fromisoformat(str(since))
        except ValueError:
            raise wrong from None
        if read.tzinfo is None:
            raise wrong from None
        found = read.timestamp()
    if not 0 <= found < 1e11:
        raise wrong
    return found


def check_selected(host: str, values: Mapping[str, Any]) -> None:
    """What only a selected instance needs."""
    for name in TARGET_LISTS:
        for number, target in enumerate(values[name]):
            told(f"{host}: {name}[{number}]", _target.validate, target)
    for number, target in enumerate(values["instance_warm_up"]):
        if "url" not in target:
            raise Invalid(f"{host}: instance_warm_up[{number}] {target!r} has no url: nothing else can be called")
    restart = values["instance_restart"]
    told(f"{host}: instance_restart", _process.service, restart, values["instance_address"])
    if _process.only_finds(restart):
        raise Invalid(
            f"{host}: instance_restart {restart!r} says how to find the process, not how to restart it: write one of "
            "systemd, supervisor, container, command, or stop with start"
        )
    if values["instance_quiet_window"] >= values["instance_drain_deadline"]:
        raise Invalid(
            f"{host}: instance_quiet_window {values['instance_quiet_window']:g} s must be shorter than "
            f"instance_drain_deadline {values['instance_drain_deadline']:g} s"
        )
    if any(not 0 < share <= 100 for share in values["instance_warmup"]):
        raise Invalid(f"{host}: instance_warmup {values['instance_warmup']!r}: shares are percent from 1 to 100")


def check_settles(host: str, values: Mapping[str, Any], described: Mapping[str, Any]) -> None:
    """Refuse what could never be proved out: an entry of instance_traffic that has to be seen so for too long."""
    given = [*described["points"], *(source["settings"] for source in described["sources"])]
    longest = max((one["settle"] for one in given if one.get("settle") is not None), default=0.0)
    if longest >= values["instance_drain_deadline"]:
        raise Invalid(
            f"{host}: instance_traffic: settle {longest:g} s must be shorter than "
            f"instance_drain_deadline {values['instance_drain_deadline']:g} s"
        )


def check_held(
    host: str, values: Mapping[str, Any], fleet: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse deadlines that add up to more than a lease may be held for: see roles/instance/vars/main.yml."""
    families = [source["family"] for source in sources]
    kinds, groups = len(set(families)), families.count("mq")
    turn = values["instance_restart_deadline"] + values["instance_health_deadline"]
    watched, confirm = baking(fleet["fleet_bake"])
    bake = watched + (fleet["fleet_bake_deadline"] if confirm else 0) if fleet["fleet_kind"] == "canary" else 0
    warm = len(values["instance_warmup"]) * values["instance_warmup_seconds"]
    warm += values["instance_warm_up_deadline"] if values["instance_warm_up"] else 0
    steps = {
        "the drain": (2 * kinds + 3 * groups) * values["instance_drain_deadline"],
        "the restart with its retries and the gate": (values["instance_restart_retries"] + 1) * turn,
        "attach, verify and bake": (kinds + groups) * values["instance_drain_deadline"]
        + values["instance_verify_deadline"] * (len(sources) + 1)
        + warm
        + bake,
    }
    for step, seconds in steps.items():
        if seconds > DAY - 600:
            raise Invalid(f"{host}: the deadlines of {step} add up to {seconds:g} s: keep it within a day")


def told(where: str, function: Callable[..., T], *values: Any) -> T:
    """The function's answer; its ValueError as Invalid, with the place where the value stands."""
    try:
        return function(*values)
    except ValueError as error:
        raise Invalid(f"{where}: {error}") from None
