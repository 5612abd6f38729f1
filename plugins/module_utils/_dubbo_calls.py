# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watches a counter of calls at an instance: when it was last seen to grow."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from . import _expect, _grammar, _http, _poll, _target


class Uncounted(Exception):
    """The counter cannot be read; the message says why."""


def validate(calls: Any) -> None:
    """`{url, field}`; field is a dotted path into the JSON answer. Raises ValueError."""
    if not isinstance(calls, Mapping) or set(calls) != {"url", "field"}:
        raise ValueError(f"calls {str(calls)[:200]!r} is not {{url, field}}, as in {{url: http://..., field: served}}")
    _target.validate({"url": calls["url"]})
    _grammar.url(calls["url"], "calls: url")
    if not isinstance(calls["field"], str) or not all(calls["field"].split(".")):
        raise ValueError(f"calls: field {calls['field']!r} is no dotted path, as in 'served' or 'calls.total'")


class Calls:
    """The counter that `validate` has passed. last: seconds from `begin` until it was last seen to grow."""

    def __init__(self, calls: Mapping[str, Any], clock: _poll.Clock = time) -> None:
        self._url, self._field = calls["url"], calls["field"]
        self._clock = clock
        self._began = clock.monotonic()
        self._count: float | None = None
        self.last: float | None = None
        self.unread = ""

    def read(self) -> float:
        """The counter now. Raises Uncounted."""
        what = f"calls: {_target.name({'url': self._url})}"
        try:
            answer = _http.ask(self._url, "GET", {}, None, time.monotonic() + _target.TIMEOUT)
            if answer.status != 200 or answer.cut:
                raise Uncounted(f"{what}: answers {answer.status}, and not with a JSON document of at most 64 KiB")
            found = _expect.find(json.loads(answer.body), self._field)
        except (_http.Unreachable, _expect.Missing, ValueError, OSError) as error:
            raise Uncounted(f"{what}: {error}") from error
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise Uncounted(f"{what}: {self._field} is {str(found)[:80]!r}, which is no number")
        return found

    def begin(self) -> None:
        """From here on."""
        self._began, self._count, self.last = self._clock.monotonic(), None, None
        self.look()

    def look(self) -> bool:
        """Look once; whether it ever grew. One that is less than before is another process's, and begins anew."""
        try:
            count = self.read()
        except Uncounted as error:
            self.unread = str(error)
            return self.last is not None
        if self._count is not None and count > self._count:
            self.last = round(self._clock.monotonic() - self._began, 3)
        self._count = count
        return self.last is not None
