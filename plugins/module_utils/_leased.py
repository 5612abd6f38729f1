# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that the controller resolves before a module runs: which members, by whose right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPTIONS: dict[str, Any] = {
    "leases": {"type": "list", "elements": "str"},
    "steps": {
        "type": "list",
        "elements": "str",
        "choices": ["granted", "restarting", "attaching"],
        "default": [],
    },
}


def members(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members that the module is to work on. Raises ValueError where nothing resolved `leases`."""
    if params.get("leases") is not None:
        raise ValueError("leases are resolved by the collection's action plugin: call the module by its full name")
    return list(params.get("members") or [])
