# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard judges by: the description, and what the sources were read to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own


def measured(described: Mapping[str, Any], after: float) -> dict[str, Any]:
    """The configured pools, and what each source said after that moment."""
    readings: list[Any] = []
    for source in described["sources"]:
        kept = _own.read(f"reading-{source['name']}")
        if kept is None or kept["asked"] < after:
            readings.append({"source": source["name"], "error": "was not read"})
        else:
            readings += kept["readings"]
    fleet = described["fleet"]
    return {
        "floor": fleet["fleet_floor"],
        "max_out": fleet["fleet_max_out"],
        "drained": fleet["fleet_drained"],
        "fit": fleet["fleet_fit"],
        "glass": fleet["fleet_break_glass"],
        "empty": fleet["fleet_break_glass_empty"],
        "replaces": fleet["fleet_ledger_replaces"],
        "pools": described["pools"],
        "instances": {
            host: {name: one[name] for name in ("address", "probe", "points")}
            for host, one in described["instances"].items()
        },
        "readings": readings,
    }


def unjudged(described: Mapping[str, Any]) -> list[str]:
    """The pools whose traffic no log tells of, where it is to be verified."""
    if not described["verified"]:
        return []
    return [
        f"{source['name']}: {text}; or set instance_verify_requests to 0, to go on without a look at the traffic"
        for source in described["sources"]
        for texts in (_own.read(f"troubles-{source['name']}") or {}).values()
        for text in texts
    ]
