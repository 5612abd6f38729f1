# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal's way to Loki or Elasticsearch, asked for at the end of a run and by the watchdog."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _ledger_place, _push
from ansible_collections.lossless.restart.plugins.plugin_utils._settings import given, told

Result = dict[str, Any]


def check(fleet: Mapping[str, Any]) -> None:
    """Raises Invalid. A file that it names is on another host, and first read there."""
    to = fleet["fleet_journal_push"]
    if to:
        told("fleet_journal_push", _push.taker, {**to, "headers_file": None, "ca_file": None})


def push(fleet: Mapping[str, Any], ask: Callable[[Result], Result]) -> str:
    """Hand over what is left; why it was not taken, or nothing."""
    if not fleet["fleet_journal_push"]:
        return ""
    to = given(fleet["fleet_journal_push"])
    result = ask({"action": "push", "push": to, "cursor": _cursor(fleet, str(to["url"]))})
    return str(result["msg"] if result.get("failed") else result["trouble"] and result["msg"])


def _cursor(fleet: Mapping[str, Any], url: str) -> str:
    """The file beside the journal; where that is in ZooKeeper, on the host that asks it. Each taker has its own."""
    ledger = str(fleet["fleet_ledger"])
    name = hashlib.sha256(f"{ledger} {url}".encode()).hexdigest()[:16]
    folder = fleet["fleet_state_dir"] if _ledger_place.is_ensemble(ledger) else f"{ledger.rstrip('/')}/journal"
    return f"{str(folder).rstrip('/')}/pushed-{name}.json"
