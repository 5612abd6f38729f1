# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A session with ZooKeeper: each answer is the server's own, and what gets none is asked again on a new session.

It stands on kazoo, which nothing else here needs: a host without it can do everything else.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, TypeVar

try:
    from kazoo import exceptions
    from kazoo.client import KazooClient
    from kazoo.handlers.threading import KazooTimeoutError
    from kazoo.protocol.states import KazooState

    # Before 2.11 it has no such error, and does not compare a server's name with its certificate.
    HAS_KAZOO = hasattr(exceptions, "QuotaExceededError")
except ImportError:
    HAS_KAZOO = False

T = TypeVar("T")

# Seconds. Servers of the usual settings give no shorter session; a paused one is left after two thirds of it.
SESSION = 4.0
DEADLINE = 10.0


class Unreachable(Exception):
    """No answer came until the deadline. Whether the last write was done is not known."""


class Denied(Exception):
    """The server understood, and does not allow it."""


class Conflict(Exception):
    """Somebody else was first: the write was not done."""


class Missing(Exception):
    """A node that must be there is not."""


class _Lost(Exception):
    """The answer, if there was one."""


@dataclass(frozen=True)
class Identity:
    """Who asks. scheme: digest or sasl."""

    scheme: str
    user: str
    password: str

    def options(self) -> dict[str, Any]:
        """As kazoo takes it."""
        if self.scheme == "digest":
            return {"auth_data": [("digest", f"{self.user}:{self.password}")]}
        return {"sasl_options": {"mechanism": "DIGEST-MD5", "username": self.user, "password": self.password}}


class _Heard(logging.Handler):
    """Keeps kazoo's last warning for the error's reader, and shows nothing."""

    last = "no server answered"

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


class _Together:
    """Requests of which the server is asked at once. A list of answers would be taken for those of one transaction."""

    def __init__(self, requests: Sequence[Any]) -> None:
        self._requests = requests

    def get(self, timeout: float) -> tuple[Any, ...]:
        end = time.monotonic() + timeout
        return tuple(self._one(request, end) for request in self._requests)

    @staticmethod
    def _one(request: Any, end: float) -> Any:
        try:
            return request.get(timeout=max(0.1, end - time.monotonic()))
        except exceptions.NoNodeError:
            return None


class Session:
    """It is opened when it is needed, and opened anew when it was lost. Ask it inside `again`."""

    def __init__(self, hosts: Sequence[str], identity: Identity | None, tls: Mapping[str, str]) -> None:
        self._heard = _Heard(logging.WARNING)
        # A logger that nobody else knows, at a level at which kazoo does not write what it sends.
        logger = logging.Logger("kazoo", logging.WARNING)
        logger.addHandler(self._heard)
        self._options = {
            "hosts": ",".join(hosts),
            "timeout": SESSION,
            "connection_retry": {"max_tries": -1, "delay": 0.05, "max_delay": 0.5},
            "logger": logger,
            **(identity.options() if identity else {}),
        }
        if tls:
            files = {"ca": tls["ca"], "certfile": tls.get("cert"), "keyfile": tls.get("key")}
            self._options.update(use_ssl=True, verify_certs=True, check_hostname=True, **files)
        self._client: KazooClient | None = None
        self._suspended = threading.Event()
        self._end: float | None = None

    def again(self, work: Callable[[], T]) -> T:
        """What `work` gives. After a lost answer or a conflict it is done anew, until the deadline: Unreachable."""
        if self._end is not None:
            return work()
        self._end = time.monotonic() + DEADLINE
        try:
            while True:
                try:
                    return work()
                except Conflict as conflict:
                    why = str(conflict)
                except _Lost as lost:
                    why = str(lost)
                    self._drop()
                if time.monotonic() >= self._end:
                    raise Unreachable(why)
                time.sleep(random.uniform(0.005, 0.03))
        finally:
            self._end = None

    def close(self) -> None:
        """End the session, and wait a moment until it is."""
        self._drop(1.0)

    def ask(self, question: Callable[[KazooClient], Any]) -> Any:
        """The answer to one request, or what became of it."""
        try:
            answer = question(self._opened()).get(timeout=self._left())
            for one in answer if isinstance(answer, list) else ():
                if isinstance(one, Exception) and not isinstance(one, exceptions.RolledBackError):
                    raise one
        except exceptions.NoNodeError as error:
            raise Missing("a node is not there") from error
        except (exceptions.BadVersionError, exceptions.NodeExistsError, exceptions.NotEmptyError) as error:
            raise Conflict("others wrote to it all the time") from error
        except (exceptions.NoAuthError, exceptions.AuthFailedError, exceptions.InvalidACLError) as error:
            raise Denied("this identity has no right to it") from error
        except exceptions.QuotaExceededError as error:
            raise Denied("its quota is used up") from error
        except (exceptions.KazooException, KazooTimeoutError, OSError) as error:
            raise _Lost(f"{type(error).__name__}: {error or self._heard.last}") from error
        return answer

    def ask_all(self, question: Callable[[KazooClient, str], Any], paths: Sequence[str]) -> list[Any]:
        """The answers of many nodes, all asked at once; None for one that is not there."""
        return list(self.ask(lambda client: _Together([question(client, path) for path in paths])))

    def _opened(self) -> KazooClient:
        """A client whose connection was never lost: kazoo would go on by itself, in another session if need be, and
        what was read before would be written over in it, however long ago that was."""
        if self._client is None:
            self._suspended = suspended = threading.Event()
            self._client = KazooClient(**self._options)
            self._client.add_listener(lambda state: None if state == KazooState.CONNECTED else suspended.set())
            if not self._client.start_async().wait(self._left()):
                raise _Lost(self._heard.last)
        if self._suspended.is_set():
            raise _Lost(f"the connection was lost: {self._heard.last}")
        return self._client

    def _left(self) -> float:
        return max(0.1, (self._end or 0.0) - time.monotonic())

    def _drop(self, patience: float = 0.0) -> None:
        """Leave the session. kazoo may wait for its server for seconds: not here."""
        client, self._client = self._client, None
        if client is not None:
            thread = threading.Thread(target=_end, args=(client,), daemon=True)
            thread.start()
            thread.join(patience)


def _end(client: KazooClient) -> None:
    # What cannot be ended is forgotten by the server when the session's time is over.
    with contextlib.suppress(Exception):
        client.stop()
        client.close()
