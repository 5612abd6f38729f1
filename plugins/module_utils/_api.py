# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server with an HTTP API that answers in JSON, as the modules' options name it."""

from __future__ import annotations

import datetime
import json
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _grammar, _http

# As modules take it.
OPTIONS: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "headers_file": {"type": "str"},
    "ca_file": {"type": "str"},
    "timeout": {"type": "float", "default": 5.0},
}


class Unanswered(Exception):
    """No answer came, or none that can be read; why, with the server's host and port."""


@dataclass(frozen=True)
class Api:
    """Where it answers. timeout: seconds for one answer."""

    url: str
    headers: Mapping[str, str]
    ca_file: str | None
    timeout: float

    @property
    def place(self) -> str:
        """For people, without what may stand in the address besides."""
        return urllib.parse.urlsplit(self.url).netloc.rpartition("@")[2]

    def unlike(self, status: int, said: Any) -> Unanswered:
        """Of an answer that is not as it should be."""
        return Unanswered(f"{self.place} answered {status}: {json.dumps(said)[:200]}")

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, Any]:
        """The status, and the document; None where the answer has none. Raises Unanswered."""
        headers = {**self.headers, **({"Content-Type": kind} if body else {})}
        limit = time.monotonic() + self.timeout
        try:
            answer = _http.ask(self.url.rstrip("/") + path, method, headers, self.ca_file, limit, body)
        except _http.Unreachable as error:
            raise Unanswered(f"{self.place} does not answer: {error}") from error
        if answer.cut:
            raise Unanswered(f"the answer of {self.place} is longer than 64 KiB")
        try:
            return answer.status, json.loads(answer.body) if answer.body else None
        except ValueError:
            raise Unanswered(f"{self.place} answered {answer.status}, and not in JSON") from None


def moment(at: float) -> str:
    """Seconds since the epoch as RFC 3339 has it."""
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def api(params: Mapping[str, Any]) -> Api:
    """From a module's parameters. Raises ValueError."""
    url = _grammar.url(params["url"], "url")
    for name in ("headers_file", "ca_file"):
        if params[name]:
            _grammar.path(params[name], name)
    if not 0 < params["timeout"] <= 60:
        raise ValueError(f"timeout {params['timeout']!r} is not a number of seconds above 0 and at most 60")
    headers = _http.headers(params["headers_file"]) if params["headers_file"] else {}
    if url.startswith("https:"):
        _http.trust(params["ca_file"])
    return Api(url, headers, params["ca_file"], params["timeout"])
