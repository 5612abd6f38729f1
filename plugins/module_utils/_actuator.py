# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Spring's Actuator as the endpoints by which an application is told, and says itself whether it takes work. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _grammar
from ._application import FINISHED, SERVING
from ._lever import JOIN, LEAVE

STATUSES = ("DOWN", "OUT_OF_SERVICE")
# For how long Spring Cloud LoadBalancer sends to whom it knows, by default: seconds.
CACHED = 35.0


def endpoints(entry: Mapping[str, Any]) -> dict[str, Any]:
    """{leave, join, serving, finished} of what an entry says of Actuator. Raises ValueError.

    Without `leave` it goes by the registry in which Spring Cloud has it; with it, by its readiness.
    """
    base = _grammar.url(entry["actuator"], "actuator").rstrip("/")
    files = _given(entry, "headers_file", "ca_file")
    asked = {**files, **_given(entry, "timeout")}
    finished = [*_gauges(base, entry.get("busy", {}), asked), *(entry.get(FINISHED) or [])]
    if entry.get(LEAVE) is not None:
        ready = {"url": f"{base}/health/readiness", "expect": {"status": "UP"}, **asked}
        return {**_given(entry, LEAVE, JOIN), SERVING: entry.get(SERVING) or [ready], FINISHED: finished}
    status = entry.get("status", STATUSES[0])
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is not one of {', '.join(STATUSES)}")
    registry = f"{base}/serviceregistry"
    return {
        LEAVE: {"url": registry, "json": {"status": status}, **files},
        JOIN: {"url": registry, "json": {"status": "UP"}, **files},
        SERVING: entry.get(SERVING) or [{"url": registry, "text": "UP", **asked}],
        FINISHED: finished,
    }


def _given(entry: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: entry[name] for name in names if entry.get(name) is not None}


def _gauges(base: str, given: Any, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Meters that are at most so much once nothing is in flight."""
    if not isinstance(given, Mapping):
        raise ValueError(
            f"busy {given!r} is no mapping of meters to what they are at most, as in {{executor.active: 0}}"
        )
    found = []
    for name, most in given.items():
        if isinstance(most, bool) or not isinstance(most, (int, float)) or most < 0:
            raise ValueError(f"busy: {name} {most!r} is no number from 0 on")
        url = f"{base}/metrics/{_grammar.word(name, 'busy')}"
        found.append({"url": url, "expect": {"measurements.0.value": f"<= {most:g}"}, **asked})
    return found
