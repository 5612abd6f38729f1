# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server's HTTP API, asked by the library requests: no proxy, a whole answer in time, and not too long a one."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

try:
    import requests

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

# Seconds for one answer, and the most bytes that it may have.
PATIENCE = 10.0
LIMIT = 32 * 1024 * 1024


class Silent(Exception):
    """No whole answer came; the message says why."""


def missing(what: str) -> str:
    """Why it cannot be asked here, where the library is missing; else nothing."""
    if HAS_REQUESTS:
        return ""
    here = os.uname().nodename
    return f"{what} is asked by the Python library requests, which is not on {here}: pip install requests"


def session(account: tuple[str, str] | None, tls: Mapping[str, str]) -> requests.Session:
    """With no proxy, and no password from a file of the account's. tls: {ca, cert, key}, those that are there."""
    made = requests.Session()
    made.trust_env = False
    made.auth = account
    made.verify = tls.get("ca", True)
    if "cert" in tls:
        made.cert = (tls["cert"], tls["key"])
    return made


def fetch(
    made: requests.Session,
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    patience: float = PATIENCE,
) -> tuple[int, bytes]:
    """The answer's status and body. Raises Silent."""
    try:
        return _fetched(made, method, url, params, data, patience)
    except (requests.RequestException, OSError) as error:
        raise Silent(_reason(error)) from error


def _fetched(
    made: requests.Session, method: str, url: str, params: Any, data: Any, patience: float
) -> tuple[int, bytes]:
    limit = time.monotonic() + patience
    with made.request(
        method, url, params=params, data=data, timeout=patience, stream=True, allow_redirects=False
    ) as answer:
        body = bytearray()
        for part in answer.iter_content(65536):
            body += part
            if len(body) > LIMIT:
                raise Silent(f"it answers with more than {LIMIT} bytes")
            if time.monotonic() > limit:
                raise requests.Timeout
        return answer.status_code, bytes(body)


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
