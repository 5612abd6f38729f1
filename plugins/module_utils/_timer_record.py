# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which timers of an instance are to be switched on again: kept on its own host before the first is switched off.

So whoever puts the instance back finds them, also after a kill, and where its description says otherwise by then.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from . import _files

FORMAT = 1
Entry = Mapping[str, Any]


def path_of(state_dir: str, instance: str) -> str:
    """Where the record of `instance` is."""
    return os.path.join(state_dir, "timers", hashlib.sha256(instance.encode()).hexdigest()[:32] + ".json")


def read(path: str) -> list[Entry]:
    """The entries of those that were on. Raises ValueError for a record that cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            record: Mapping[str, Any] = json.load(stream)
        if record["format"] != FORMAT or not isinstance(record["timers"], list):
            raise ValueError(f"format {record['format']!r}")
        return list(record["timers"])
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a record of timers ({error}). Look at it, then remove it.") from error


def write(path: str, instance: str, timers: Sequence[Entry]) -> None:
    """Keep the entries; without any the record goes."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    if timers:
        _files.write_json(path, {"format": FORMAT, "instance": instance, "timers": list(timers)})
    elif os.path.exists(path):
        os.unlink(path)
        _files.sync_folder(os.path.dirname(path))
