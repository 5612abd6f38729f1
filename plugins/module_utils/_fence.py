# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fence: a host refuses a change whose lease is older than one it has already seen for that member.

Kept on the balancer's or the instance's host, one small file for each member, so that two runs on one balancer do not
block each other. It also remembers whose ledger gave the lease: two ledgers by mistake would guard nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _files

FORMAT = 2
# The module option that says whose lease it is.
OPTION: dict[str, Any] = {
    "type": "dict",
    "options": {
        "id": {"type": "str", "required": True},
        "place": {"type": "str", "required": True},
        "replaces": {"type": "str", "default": ""},
    },
}


class Fenced(Exception):
    """The change comes from a lease that is over, or from another ledger than the one that this host knows."""


@dataclass(frozen=True)
class Record:
    """What a host remembers of a member: the highest token, and the ledger that gave it: its id and where it is."""

    token: int = 0
    ledger: str = ""
    place: str = ""


def admit(
    state_dir: str, member: str, token: int, ledger: Mapping[str, Any] | None = None, *, write: bool = True
) -> None:
    """Let a change of `member` (for example `nginx order_svc 10.0.0.3:8080`) with `token` through, and remember it.

    Equal tokens pass: one lease makes several changes. ledger: {id, place, replaces}; None asks for the token alone.
    `write=False` only checks (check mode). The caller holds the lock under which it makes the change.
    Raises Fenced, or ValueError for a record that cannot be read.
    """
    path = path_of(state_dir, member)
    seen = read(path)
    moved = ledger is not None and seen.ledger not in ("", ledger["id"])
    if ledger is not None and moved and seen.ledger != ledger.get("replaces"):
        raise Fenced(f"{member}: {foreign(seen, ledger['id'], ledger['place'])}")
    if not moved and token < seen.token:
        raise Fenced(
            f"{member}: token {token} is older than {seen.token}, which this host has already seen. "
            "A newer run holds this member; this one must stop."
        )
    new = Record(token, ledger["id"], ledger["place"]) if ledger else Record(token, seen.ledger, seen.place)
    if write and new != seen:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        _files.write_json(path, {"format": FORMAT, "member": member, **vars(new)})


def foreign(seen: Record, mine: str, place: str) -> str:
    """That the host knows the member under another ledger, and what to do."""
    here = f"ledger {mine} ({place})" if mine else f"a new ledger ({place})"
    return (
        f"it was changed last under ledger {seen.ledger} ({seen.place}), and this run asks {here}: two ledgers guard "
        "nothing. Use the same one for both; or, where this one takes the other's place, and no run is live there, "
        f"say so once with -e fleet_ledger_replaces={seen.ledger}"
    )


def path_of(state_dir: str, member: str) -> str:
    """Where the record of `member` is."""
    return os.path.join(state_dir, "fence", hashlib.sha256(member.encode()).hexdigest()[:32] + ".json")


def read(path: str) -> Record:
    """The record at `path`; an empty one where there is none. Raises ValueError for one that cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            record: Mapping[str, Any] = json.load(stream)
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']!r}")
        return Record(int(record["token"]), str(record["ledger"]), str(record["place"]))
    except FileNotFoundError:
        return Record()
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a fence record ({error}). Look at it, then remove it.") from error


def known(state_dir: str, member: str) -> dict[str, str] | None:
    """The ledger {id, place} under which `member` was changed last; None where the host knows none."""
    seen = read(path_of(state_dir, member))
    return {"id": seen.ledger, "place": seen.place} if seen.ledger else None
