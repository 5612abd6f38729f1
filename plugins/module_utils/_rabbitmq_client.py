# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks RabbitMQ's management API, by GET alone. It stands on requests."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from . import _web
from ._mq_group import MqError

# Who has none of these sees only some of the connections.
_SEES_ALL = {"monitoring", "administrator"}


class Missing(Exception):
    """The API knows no such thing."""


class Client:
    """urls: of the API at several nodes, of which the first that answers is asked."""

    def __init__(
        self,
        urls: Sequence[str],
        account: tuple[str, str] | None,
        tls: Mapping[str, str],
        patience: float = _web.PATIENCE,
    ) -> None:
        missing = _web.missing("RabbitMQ")
        if missing:
            raise MqError(missing)
        self._urls = list(urls)
        self._patience = patience
        self._user = account[0] if account else ""
        self._session = _web.session(account, tls)

    def close(self) -> None:
        self._session.close()

    def get(self, *path: str) -> Any:
        """What is at /api/PATH. Raises MqError, and Missing where there is no such thing."""
        silent = []
        for url in self._urls:
            try:
                return self._ask(url, "/".join(urllib.parse.quote(part, safe="") for part in path))
            except _web.Silent as error:
                silent.append(f"{url}: {error}")
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
        status, data = _web.fetch(self._session, "GET", f"{url.rstrip('/')}/api/{path}", patience=self._patience)
        if status in (401, 403):
            who = f"the user {self._user!r}" if self._user else "who does not say who asks"
            raise MqError(f"{url} refuses {who} ({status}): look at auth: file")
        if status == 404:
            raise Missing(path)
        try:
            if status != 200:
                raise ValueError
            return json.loads(data.decode())
        except ValueError:
            raise MqError(f"{url} answers {status}, and not as RabbitMQ's management API does") from None
