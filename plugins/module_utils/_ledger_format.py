# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's records as JSON, format 3. A record that is not exactly as written here is refused, never guessed.

Format 2 knew no policy: what it lacks is what stood for nothing then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._ledger import OWNER, Lease, Request, Run, State, Waiting

FORMAT = 3
_BEFORE = 2


class Corrupt(ValueError):
    """A record is not as this version writes it."""


# A record's fields and their types, as they stand in the file.
_NUMBER = (int, float)
_RUN: Mapping[str, Any] = {
    **dict.fromkeys(("id", "service", "account", "reason", "change", "glass", "state", "why", "kind"), str),
    **dict.fromkeys(("planned", "asked", "done"), list),
    **dict.fromkeys(("since", "began", "heartbeat"), _NUMBER),
    **dict.fromkeys(("owner", "approved", "word"), dict),
    "ended": (*_NUMBER, type(None)),
}
_LEASE: Mapping[str, Any] = {
    **dict.fromkeys(("host", "run", "service", "step", "reason"), str),
    **dict.fromkeys(("since", "until"), _NUMBER),
    **dict.fromkeys(("pools", "before"), list),
    "token": int,
    "process": (dict, type(None)),
}
_WAITING: Mapping[str, Any] = {
    **dict.fromkeys(("run", "why"), str),
    **dict.fromkeys(("hosts", "pools"), list),
    **dict.fromkeys(("since", "seen"), _NUMBER),
    **dict.fromkeys(("place", "revision"), int),
}
_REQUEST: Mapping[str, Any] = {
    **dict.fromkeys(("id", "job"), str),
    **dict.fromkeys(("plan", "approved"), dict),
    **dict.fromkeys(("since", "until"), _NUMBER),
}
_STATE: Mapping[str, Any] = {
    **dict.fromkeys(("id", "policy"), str),
    **dict.fromkeys(("revision", "token"), int),
    "at": _NUMBER,
    **dict.fromkeys(("runs", "leases", "queue", "restarted", "requests"), dict),
}
_NEW_RUN: Mapping[str, Any] = {"kind": "rolling", "approved": {}}
# What records of the same format did not have at first.
_NEWER_RUN: Mapping[str, Any] = {"word": {}}
_NEWER_REQUEST: Mapping[str, Any] = {"job": ""}
_NEW_STATE: Mapping[str, Any] = {"policy": "", "restarted": {}, "requests": {}}


def encode(state: State) -> dict[str, Any]:
    """The state as JSON values."""
    return {
        "format": FORMAT,
        **vars(state),
        "runs": {name: vars(run) for name, run in state.runs.items()},
        "leases": {host: vars(lease) for host, lease in state.leases.items()},
        "queue": {name: vars(one) for name, one in state.queue.items()},
        "requests": {name: vars(one) for name, one in state.requests.items()},
    }


def decode(record: Any) -> State:
    """The state from JSON values. Raises Corrupt."""
    values = _checked(_of_now(record), _STATE, versioned=True)
    runs = {name: Run(**_checked(_with(_NEWER_RUN, run), _RUN)) for name, run in values["runs"].items()}
    leases = {host: Lease(**_checked(lease, _LEASE)) for host, lease in values["leases"].items()}
    queue = {name: Waiting(**_checked(one, _WAITING)) for name, one in values["queue"].items()}
    asked = {name: _checked(_with(_NEWER_REQUEST, one), _REQUEST) for name, one in values["requests"].items()}
    requests = {name: Request(**one) for name, one in asked.items()}
    if any(not isinstance(at, _NUMBER) or isinstance(at, bool) for at in values["restarted"].values()):
        raise Corrupt("restarted has something in it that is no time")
    if any(sorted(run.owner) != sorted(OWNER) for run in runs.values()):
        raise Corrupt(f"a run's owner must have {', '.join(OWNER)}")
    if any(name != run.id for name, run in runs.items()) or any(host != lease.host for host, lease in leases.items()):
        raise Corrupt("a record stands under another one's name")
    if any(name != one.run or name not in runs for name, one in queue.items()):
        raise Corrupt("somebody is in the queue who is no run")
    if any(lease.run not in runs or lease.token > values["token"] for lease in leases.values()):
        raise Corrupt("a lease belongs to no run, or has a token that was never given out")
    return State(**{**values, "runs": runs, "leases": leases, "queue": queue, "requests": requests})


def _of_now(record: Any) -> Any:
    """A state of the format before as one of this format."""
    if not isinstance(record, dict) or record.get("format") != _BEFORE or not isinstance(record.get("runs"), dict):
        return record
    runs = {name: _with(_NEW_RUN, run) for name, run in record["runs"].items()}
    return {**_NEW_STATE, **record, "format": FORMAT, "runs": runs}


def _with(new: Mapping[str, Any], record: Any) -> Any:
    """A record with the fields that it did not have when it was written."""
    return {**new, **record} if isinstance(record, dict) else record


def encode_past(run: Run) -> dict[str, Any]:
    """A run of the history as JSON values."""
    return {"format": FORMAT, **vars(run)}


def decode_past(record: Any) -> Run:
    """A run of the history from JSON values. Raises Corrupt."""
    if isinstance(record, dict) and record.get("format") == _BEFORE:
        record = {**_NEW_RUN, **record, "format": FORMAT}
    return Run(**_checked(_with(_NEWER_RUN, record), _RUN, versioned=True))


def _checked(record: Any, types: Mapping[str, Any], versioned: bool = False) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise Corrupt(f"{str(record)[:40]!r} is no record")
    values = dict(record)
    if versioned and values.pop("format", None) != FORMAT:
        raise Corrupt(f"its format is {record.get('format')!r} and this version of the collection knows {FORMAT}")
    for name, kind in types.items():
        if not isinstance(values.get(name, ...), kind) or isinstance(values[name], bool):
            raise Corrupt(f"its field {name!r} is {str(values.get(name, 'missing'))[:40]!r}")
    if len(values) > len(types):
        raise Corrupt(f"it has the unknown field {', '.join(map(repr, values.keys() - types.keys()))}")
    return values
