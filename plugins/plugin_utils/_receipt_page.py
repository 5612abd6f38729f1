# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The receipt as one page that stands alone: no script, nothing from elsewhere, whatever the texts in it. Pure.

The page is `roles/fleet/templates/receipt.html.j2`; here is what it draws, in units of its drawings' own 1000.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

_TEMPLATES = Path(__file__).parents[2] / "roles" / "fleet" / "templates"
_WIDE = 1000.0
_HIGH = 100.0
# What an instance does from each of its steps on, until the next one.
_DOING = {"granted": "drain", "restarting": "restart", "attaching": "attach"}


def page(receipt: Mapping[str, Any]) -> str:
    """HTML of the receipt's values, as _receipt_facts makes them."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"clock": clock, "day": day}
    receipt = plain(receipt)
    scale = Scale(receipt["began"], receipt["last"])
    return environment.get_template("receipt.html.j2").render(
        receipt=receipt,
        pools=[{**pool, **level_drawing(pool, scale)} for pool in receipt["pools"]],
        instances=[{**one, "spans": spans(one, scale)} for one in receipt["instances"]],
        untouched=[host for host in receipt["left"] if host not in receipt["out"]],
        complete=not receipt["left"] and not receipt["out"],
    )


def plain(value: Any) -> Any:
    """The same without characters that are not seen, but may change how the others are: controls, and formats."""
    if isinstance(value, str):
        return "".join(char if unicodedata.category(char) not in ("Cc", "Cf") else " " for char in value)
    if isinstance(value, Mapping):
        return {plain(name): plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, Sequence) else value


class Scale:
    """From the run's time to the drawing's width."""

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, max(end, begin + 1.0)

    def __call__(self, at: float) -> float:
        return round(_WIDE * (min(max(at, self.begin), self.end) - self.begin) / (self.end - self.begin), 1)


def level_drawing(pool: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
    """{path, floor}: the level over time as a line of steps, and the height of the floor."""

    def height(count: int) -> float:
        return round(_HIGH * (1 - count / int(pool["configured"])), 1)

    (_begin, first), *changes = pool["levels"]
    parts = [f"M0 {height(first)}"]
    for at, count in changes:
        parts.append(f"H{scale(at)}V{height(count)}")
    return {"path": "".join([*parts, f"H{_WIDE}"]), "floor": height(pool["least"])}


def spans(instance: Mapping[str, Any], scale: Scale) -> list[dict[str, Any]]:
    """[{doing, x, width, seconds}]: from each step to the next; the last one of what is out goes to the end."""
    steps: Sequence[tuple[str, float]] = sorted(instance["steps"].items(), key=lambda step: step[1])
    ends = [*(at for _name, at in steps[1:]), scale.end]
    return [
        {"doing": _DOING[name], "x": scale(at), "width": max(1.0, scale(end) - scale(at)), "seconds": end - at}
        for (name, at), end in zip(steps, ends, strict=False)
        if name in _DOING
    ]


def clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))
