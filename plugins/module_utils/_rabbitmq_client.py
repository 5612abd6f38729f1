# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks RabbitMQ's management API, by GET alone. It stands on requests."""

from __future__ import annotations

import json
import os
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from ._mq_group import MqError

try:
    import requests

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

# Seconds for one answer, and the most bytes that it may have.
PATIENCE = 10.0
LIMIT = 32 * 1024 * 1024
# Who has none of these sees only some of the connections.
_SEES_ALL = {"monitoring", "administrator"}


class Missing(Exception):
    """The API knows no such thing."""


class Client:
    """urls: of the API at several nodes, of which the first that answers is asked."""

    def __init__(
        self, urls: Sequence[str], account: tuple[str, str] | None, tls: Mapping[str, str], patience: float = PATIENCE
    ) -> None:
        if not HAS_REQUESTS:
            raise MqError(
                f"RabbitMQ is asked by the Python library requests, which is not on {os.uname().nodename}: "
                "pip install requests"
            )
        self._urls = list(urls)
        self._patience = patience
        self._user = account[0] if account else ""
        self._session = requests.Session()
        # No proxy, and no password from a file of the account's.
        self._session.trust_env = False
        self._session.auth = account
        self._session.verify = tls.get("ca", True)
        if "cert" in tls:
            self._session.cert = (tls["cert"], tls["key"])

    def close(self) -> None:
        self._session.close()

    def get(self, *path: str) -> Any:
        """What is at /api/PATH. Raises MqError, and Missing where there is no such thing."""
        silent = []
        for url in self._urls:
            try:
                return self._ask(url, "/".join(urllib.parse.quote(part, safe="") for part in path))
            except (requests.RequestException, OSError) as error:
                silent.append(f"{url}: {_reason(error)}")
        raise MqError("; ".join(silent))

    def check(self) -> None:
        """That it is RabbitMQ, and shows this user every connection. Raises MqError."""
        try:
            tags = self.get("whoami")["tags"]
        except Missing:
            raise MqError(f"{self._urls[0]} is not RabbitMQ's management API") from None
        except (KeyError, TypeError):
            raise MqError(f"{self._urls[0]} does not answer as RabbitMQ's management API does") from None
        if not _SEES_ALL & set(tags.split(",") if isinstance(tags, str) else tags):
            raise MqError(
                f"{self._urls[0]} shows the user {self._user!r} only a part of all: give it the tag monitoring"
            )

    def _ask(self, url: str, path: str) -> Any:
        limit = time.monotonic() + self._patience
        with self._session.get(
            f"{url.rstrip('/')}/api/{path}", timeout=self._patience, stream=True, allow_redirects=False
        ) as answer:
            data = bytearray()
            for part in answer.iter_content(65536):
                data += part
                if len(data) > LIMIT:
                    raise MqError(f"{url} answers with more than {LIMIT} bytes")
                if time.monotonic() > limit:
                    raise requests.Timeout
        if answer.status_code in (401, 403):
            who = f"the user {self._user!r}" if self._user else "who does not say who asks"
            raise MqError(f"{url} refuses {who} ({answer.status_code}): look at auth: file")
        if answer.status_code == 404:
            raise Missing(path)
        try:
            if answer.status_code != 200:
                raise ValueError
            return json.loads(data.decode())
        except ValueError:
            raise MqError(f"{url} answers {answer.status_code}, and not as RabbitMQ's management API does") from None


def _reason(error: Exception) -> str:
    """Of what a library raises on the way, in a few words and without an address of an object in memory."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS: {str(error).rpartition('(Caused by ')[2].rstrip(')')[-160:]}"
    if isinstance(error, (requests.Timeout, TimeoutError)):
        return "no whole answer in time"
    cause: Any = error
    while getattr(cause, "args", None) and isinstance(cause.args[0], Exception):
        cause = getattr(cause.args[0], "reason", None) or cause.args[0]
    text = str(cause).rpartition("> ")[2] or type(error).__name__
    return text.rpartition("] ")[2].rstrip(")").lower()[:160] or type(error).__name__
