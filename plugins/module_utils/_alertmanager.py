# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Silences of Alertmanager: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

A silence is known by its matchers and its author: ours are those of one author with exactly these matchers.
"""

from __future__ import annotations

import datetime
import json
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._api import Api, Unanswered, moment

Matchers = Mapping[str, str]
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
# Seconds that a silence may end earlier than it is wanted to, before it is made longer.
_SLACK = 5.0


@dataclass(frozen=True)
class Wanted:
    """A silence: whom it is for, by whom and why."""

    matchers: Matchers
    by: str
    comment: str


def matchers(given: Any, what: str) -> dict[str, str]:
    """Labels with the one value that each must have. Raises ValueError."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"{what} {given!r} is no mapping of labels to values, as in {{instance: '10.0.0.3:9100'}}")
    for label, value in given.items():
        if not isinstance(label, str) or not _LABEL.match(label):
            raise ValueError(f"{what}: {label!r} is no name of a label")
        if not isinstance(value, str) or not value:
            raise ValueError(f"{what}: {label} {value!r} is no text: an empty value would silence others too")
    return dict(given)


def silence(api: Api, wanted: Wanted, now: float, seconds: float, dry: bool) -> bool:
    """See that it is there for so many seconds from now on; whether that was a change. Raises Unanswered."""
    end = now + seconds
    mine = _mine(api, wanted)
    if any(_moment(one["endsAt"]) >= end - _SLACK for one in mine):
        return False
    if not dry:
        fields = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in wanted.matchers.items()
            ],
            "startsAt": mine[0]["startsAt"] if mine else moment(now),
            "endsAt": moment(end),
            "createdBy": wanted.by,
            "comment": wanted.comment,
        }
        known = {"id": mine[0]["id"]} if mine else {}
        _good(api, *api.call("POST", "/api/v2/silences", json.dumps({**fields, **known}).encode()))
    return True


def end(api: Api, wanted: Wanted, dry: bool) -> bool:
    """See that there is none; whether that was a change. Raises Unanswered."""
    mine = _mine(api, wanted)
    for one in [] if dry else mine:
        _good(api, *api.call("DELETE", f"/api/v2/silence/{urllib.parse.quote(str(one['id']), safe='')}"))
    return bool(mine)


def _mine(api: Api, wanted: Wanted) -> Sequence[Mapping[str, Any]]:
    """Those that have not ended."""
    asked = urllib.parse.urlencode(
        [("filter", f"{name}={json.dumps(value)}") for name, value in wanted.matchers.items()]
    )
    found = _good(api, *api.call("GET", f"/api/v2/silences?{asked}"))
    if not isinstance(found, list):
        raise Unanswered(f"{api.place} answered with no list of silences")
    return [
        one
        for one in found
        if one["createdBy"] == wanted.by and one["status"]["state"] != "expired" and _exactly(one, wanted.matchers)
    ]


def _exactly(one: Mapping[str, Any], wanted: Matchers) -> bool:
    plain = all(not matcher["isRegex"] and matcher.get("isEqual", True) for matcher in one["matchers"])
    return plain and {matcher["name"]: matcher["value"] for matcher in one["matchers"]} == dict(wanted)


def _good(api: Api, status: int, said: Any) -> Any:
    if status != 200:
        raise api.unlike(status, said)
    return said


def _moment(text: str) -> float:
    """Alertmanager writes as many digits of a second as there are, and more than Python reads."""
    whole = re.sub(r"(\.[0-9]{1,6})[0-9]*", r"\1", text).replace("Z", "+00:00")
    form = "%Y-%m-%dT%H:%M:%S.%f%z" if "." in whole else "%Y-%m-%dT%H:%M:%S%z"
    return datetime.datetime.strptime(whole, form).timestamp()
