# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of variables: a slip of one of ours is an error, not silence. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

OURS = ("fleet_", "instance_")
# From so many letters on behind the prefix, two of them may be wrong.
_LONG = 8


class Invalid(ValueError):
    """The description cannot be used; the message is for the person who wrote it."""


def check(names: Iterable[str], known: Iterable[str], where: str, *, strict: bool = False) -> None:
    """Refuse a name that is a slip of a known one; with `strict` every other name of ours too.

    An extra variable overrides what the roles keep for themselves, so among those nothing unknown may stand.
    """
    options = tuple(sorted(known))
    for name in names:
        if name in options:
            continue
        meant = near(name, options)
        if meant:
            raise Invalid(f"{where}: there is no variable {name}: write {meant}, if that is meant")
        if strict and name.startswith(OURS):
            raise Invalid(f"{where}: {name} cannot be set: fleet_* and instance_* are the collection's. Remove it")


def check_shared(values: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """As `check`, for names whose prefix others use too: a slip counts only where the right name is not set as well."""
    options = tuple(sorted(known))
    for name in values:
        meant = None if name in options else near(name, options)
        if meant and meant not in values:
            raise Invalid(f"{where}: there is no variable {name}: write {meant}, or set both where both are meant")


@functools.lru_cache(maxsize=4096)
def near(name: str, options: tuple[str, ...]) -> str | None:
    """The option of which `name` is a slip: behind the prefix, or with the prefix of the other role."""
    head, rest = _parts(name)
    for option in options:
        other_head, other = _parts(option)
        if rest == other and head in OURS and other_head in OURS:
            return option
        if head == other_head and _slip(rest, other):
            return option
        if rest == other and head != other_head and _slip(head, other_head):
            return option
    return None


def _parts(name: str) -> tuple[str, str]:
    head, mark, rest = name.replace("-", "_").partition("_")
    return head + mark, rest


def _slip(word: str, meant: str) -> bool:
    allowed = 1 if len(meant) < _LONG else 2
    if abs(len(word) - len(meant)) > allowed:
        return False
    return sorted(word) == sorted(meant) or _distance(word, meant) <= allowed


def _distance(one: str, other: str) -> int:
    """How many letters are missing, too many, wrong, or swapped with the next."""
    rows = [list(range(len(other) + 1))]
    for number, letter in enumerate(one, 1):
        row = [number]
        for place, wanted in enumerate(other, 1):
            cost = min(rows[-1][place] + 1, row[-1] + 1, rows[-1][place - 1] + (letter != wanted))
            if number > 1 and place > 1 and letter == other[place - 2] and wanted == one[number - 2]:
                cost = min(cost, rows[-2][place - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
