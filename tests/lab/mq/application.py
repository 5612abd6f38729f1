# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An application that consumes, as the tests see it from outside: its endpoints, whatever its broker and language."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Protocol

from ..zookeeper import HOST


class Application(Protocol):
    """A process with an HTTP port; see the consumers in tests/lab/rocketmq, kafka and rabbitmq."""

    @property
    def http_port(self) -> int: ...


def url(application: Application, path: str) -> str:
    return f"http://{HOST}:{application.http_port}/{path}"


def tell(application: Application, what: str, patience: float = 60.0) -> dict[str, Any]:
    """POST /leave or /join: what it answers when it has done it."""
    request = urllib.request.Request(url(application, what), data=b"", method="POST")
    with urllib.request.urlopen(request, timeout=patience) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def status(application: Application) -> dict[str, Any]:
    """{consuming, in_flight, processed, finished}."""
    with urllib.request.urlopen(url(application, "status"), timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def answers(application: Application) -> bool:
    try:
        status(application)
    except OSError:
        return False
    return True
