# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fence: a host refuses a change whose lease is older than one it has already seen for that member.

Kept on the balancer's or the instance's host, one small file for each member, so that two runs
on one balancer do not block each other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from . import _files


class Fenced(Exception):
    """The change's token is lower than the highest that this host has seen for the member."""


def admit(state_dir: str, member: str, token: int, *, write: bool = True) -> None:
    """Let a change of `member` (for example `nginx order_svc 10.0.0.3:8080`) with `token` through, and remember it.

    Equal tokens pass: one lease makes several changes. `write=False` only checks (check mode).
    The caller holds the lock under which it makes the change. Raises Fenced, or ValueError for a record
    that cannot be read.
    """
    folder = os.path.join(state_dir, "fence")
    path = os.path.join(folder, hashlib.sha256(member.encode()).hexdigest()[:32] + ".json")
    seen = highest(path)
    if token < seen:
        raise Fenced(
            f"{member}: token {token} is older than {seen}, which this host has already seen. "
            "A newer run holds this member; this one must stop."
        )
    if write and token > seen:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _files.write_json(path, {"format": 1, "member": member, "token": token})


def highest(path: str) -> int:
    """The highest token in the record at `path`; 0 where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            record: Mapping[str, Any] = json.load(stream)
        if record["format"] != 1:
            raise ValueError(f"format {record['format']!r}")
        return int(record["token"])
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a fence record ({error}). Look at it, then remove it.") from error
