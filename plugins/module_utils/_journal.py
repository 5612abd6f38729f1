# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal: every event of the ledger, one a line, each with its number and the hash of the line before it. Pure.

Nothing can be taken out or altered without breaking the chain. Whoever cuts its end off, or writes all of it anew, is
found out by a head that stands elsewhere, in a receipt or a message.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

# So many letters of a hash are told to people.
_TOLD = 16
_HEAD = re.compile(r"([0-9]{1,12}):([0-9a-f]{16}|[0-9a-f]{64})\Z")


@dataclass(frozen=True)
class Head:
    """A line's number and the hash of its bytes. Before the first line it is 0 and nothing."""

    number: int = 0
    hash: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.hash[:_TOLD]}"


@dataclass(frozen=True)
class Found:
    """What a look at all of it found. first: the number that it begins with. wrong: the first thing that is, or
    nothing."""

    lines: int
    first: int
    head: Head
    wrong: str


def from_line(pieces: Sequence[str], after: int) -> Sequence[str]:
    """Of the pieces, each named by its first line's number, those that have lines behind number `after`."""
    older = [place for place, path in enumerate(pieces) if int(PurePath(path).stem) <= after + 1]
    return pieces[older[-1] if older else 0 :]


def parse_head(text: str) -> Head:
    """A head as receipts tell it. Raises ValueError."""
    found = _HEAD.match(text)
    if not found or int(found[1]) == 0:
        raise ValueError(f"{text[:100]!r} is no head of a journal, as a receipt tells it: 1234:3f9c1a2b7d40aa10")
    return Head(int(found[1]), found[2])


def line(event: Mapping[str, Any], before: Head) -> str:
    """The event as the line that follows `before`."""
    return json.dumps({**event, "n": before.number + 1, "prev": before.hash}, sort_keys=True, separators=(",", ":"))


def head(data: bytes) -> Head:
    """Of a line, without its end. One that cannot be read has no number."""
    record = _record(data)
    return Head(record["n"] if record else 0, hashlib.sha256(data).hexdigest())


def holds(lines: Iterable[bytes], event: Mapping[str, Any]) -> bool:
    """Whether one of the lines is this event's, whatever was before it."""
    chained = {"n", "prev"}
    wanted = json.loads(json.dumps(event))
    records = [record for record in map(_record, lines) if record]
    return any({key: value for key, value in record.items() if key not in chained} == wanted for record in records)


def verify(segments: Iterable[tuple[str, Iterable[bytes]]], known: Sequence[Head] = ()) -> Found:
    """Whether all lines are there as they were written. segments: (place, lines) in their order. known: heads that were
    told before."""
    seen, last, first = 0, Head(), 0
    told = {one.number: one for one in known}
    for place, lines in segments:
        for number, data in enumerate(lines, 1):
            record, where = _record(data), f"{place} line {number}"
            wrong = _broken(record, last, seen) if record else "it is no line of a journal"
            if wrong:
                return Found(seen, first, last, f"{where}: {wrong}")
            last = head(data)
            first, seen = first or last.number, seen + 1
            if last.number in told and not last.hash.startswith(told[last.number].hash):
                wrong = f"line {last.number} is not what it was when its head was told ({told[last.number]})"
                return Found(seen, first, last, f"{where}: {wrong}: it, or what is before it, was written anew")
    return Found(seen, first, last, _missing(first, last, known))


def _record(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("prev"), str):
        return None
    number = found.get("n")
    return found if isinstance(number, int) and not isinstance(number, bool) else None


def _broken(record: Mapping[str, Any], last: Head, seen: int) -> str:
    if not seen:
        # What is older may be in an archive; it is told with which number this one begins.
        return "" if (record["n"] == 1) == (record["prev"] == "") else "the first line has another one before it"
    if record["n"] != last.number + 1:
        return (
            f"its number is {record['n']} and that of the line before it {last.number}: lines were taken out or put in"
        )
    return "" if record["prev"] == last.hash else f"line {last.number}, the one before it, was altered"


def _missing(first: int, last: Head, known: Sequence[Head]) -> str:
    for one in known:
        if one.number > last.number:
            return f"it ends with line {last.number}, and line {one.number} was there ({one}): its end was cut off"
        if one.number < first:
            return f"it begins with line {first}, so that nothing can be said of the head {one}"
    return ""
