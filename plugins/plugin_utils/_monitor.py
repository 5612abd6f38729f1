# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the watchdog tells a monitoring system: one line, and the same as metrics. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils._alarms import DEAD, SILENT, pool_name
from ansible_collections.lossless.restart.plugins.plugin_utils._status_lines import waits

Looks = Mapping[str, Mapping[str, Any]]
Samples = dict[str, float]
_PREFIX, _SUCCESS = "lossless_restart_", "last_success_timestamp_seconds"


def line(looks: Looks, wrong: Mapping[str, str]) -> str:
    """`OK: ...` or `CRITICAL: ...`. wrong: services that could not be looked at, and why."""
    bad = {service: [text] for service, text in wrong.items()}
    bad |= {one: [alarm["text"] for alarm in look["alarms"]] for one, look in looks.items() if look["alarms"]}
    if bad:
        lines = [f"{service}: {'; '.join(texts)}" for service, texts in bad.items()]
        return "CRITICAL: " + "; ".join(" ".join(text.split()) for text in lines)
    return "OK: " + "; ".join(_well(service, look) for service, look in looks.items())


def _well(service: str, look: Mapping[str, Any]) -> str:
    pools = ", ".join(f"{pool_name(level)} {level['in_traffic']} of {level['configured']}" for level in look["levels"])
    runs = len(look["runs"])
    return f"{service}: {pools} in traffic, {runs} run{'s' * (runs != 1)}, {len(look['leases'])} out under a lease"


# By the last part of its name, what a metric counts and how.
_POOLS: Mapping[str, str] = {
    "configured": "Members that a pool has by the inventory.",
    "in_traffic": "Members of a pool that are in traffic.",
    "least": "Members that the floor of a pool keeps in traffic.",
}
_COUNTS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], int]]] = {
    "runs": ("Runs that have not ended well yet.", lambda look: len(look["runs"])),
    "runs_waiting": ("Runs that wait for their turn.", lambda look: len(look["queue"])),
    "words_waiting": (
        "Plans and canaries that wait for a person's word.",
        lambda look: sum(not one["by"] for one in look["requests"]) + sum(map(waits, look["runs"])),
    ),
    "leases": ("Instances that runs hold out of traffic.", lambda look: len(look["leases"])),
    "leases_expired": ("Leases past their end.", lambda look: sum(lease["expired"] for lease in look["leases"])),
    "runs_silent": (
        "Runs whose process is dead or was not heard of for too long.",
        lambda look: sum(run["life"] in (DEAD, SILENT) for run in look["runs"]),
    ),
    "out_without_lease": ("Members out of traffic that no lease holds.", lambda look: len(look["strays"])),
    "alarms": ("What the watchdog calls critical.", lambda look: len(look["alarms"])),
}


def textfile(looks: Looks, wrong: Mapping[str, str], now: float, old: str) -> str:
    """The metrics for Prometheus' textfile collector. old: the file before, which knows the last success."""
    parts = [_metric(f"pool_{name}", text, _by_pool(looks, name)) for name, text in _POOLS.items()]
    for name, (text, count) in _COUNTS.items():
        samples = {_label(service=one): count(look) for one, look in looks.items()}
        # A service that could not be looked at is an alarm, and nothing else is known of it.
        unseen = {_label(service=one): 1 for one in wrong} if name == "alarms" else {}
        parts.append(_metric(name, text, {**samples, **unseen}))
    parts.append(_metric(_SUCCESS, "When the watchdog last found all well.", _successes(looks, wrong, now, old)))
    return "".join(parts)


def _successes(looks: Looks, wrong: Mapping[str, str], now: float, old: str) -> Samples:
    known = [_label(service=service) for service in (*looks, *wrong)]
    lines = re.findall(rf"^{_PREFIX}{_SUCCESS}(\{{.*\}}) (\S+)$", old, re.MULTILINE)
    before = {labels: float(value) for labels, value in lines if labels in known}
    return before | {_label(service=service): now for service, look in looks.items() if not look["alarms"]}


def _by_pool(looks: Looks, name: str) -> Samples:
    return {
        _label(service=service, pool=pool_name(level)): level[name]
        for service, look in looks.items()
        for level in look["levels"]
    }


def _label(**labels: str) -> str:
    escaped = {name: re.sub(r'(["\\])', r"\\\1", value) for name, value in labels.items()}
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


def _metric(name: str, text: str, samples: Samples) -> str:
    full = f"{_PREFIX}{name}"
    lines = [f"# HELP {full} {text}", f"# TYPE {full} gauge"]
    lines += [f"{full}{labels} {value:.15g}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"
