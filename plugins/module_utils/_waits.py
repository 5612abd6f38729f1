# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module's options deadline, interval and settle, checked before anything is looked at. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DAY = 86400.0


def check(params: Mapping[str, Any]) -> None:
    """Raises ValueError for the first that is no number of seconds that can be meant."""
    for name, least in (("deadline", 0.01), ("interval", 0.01), ("settle", 0.0)):
        if not (math.isfinite(params[name]) and least <= params[name] <= DAY):
            raise ValueError(f"{name} {params[name]!r} is no number of seconds from {least:g} to {DAY:g}")


def fit(params: Mapping[str, Any]) -> None:
    """Raises ValueError where nothing could be proved before the deadline."""
    if params["settle"] >= params["deadline"]:
        raise ValueError(
            f"settle {params['settle']:g} s does not fit into deadline {params['deadline']:g} s, which in the playbook "
            "is instance_drain_deadline"
        )
