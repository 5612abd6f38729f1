# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dubbo's QoS port on an instance's own host, over HTTP: what the process says of itself, and what it is told to do.

Elsewhere than on loopback it obeys only whom it was told to trust. A command without a service is for all of them.
"""

from __future__ import annotations

import re
import time
import urllib.parse
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from . import _dubbo_pattern, _dubbo_url, _http
from ._dubbo_pattern import Pattern
from ._dubbo_url import Service

HOST = "127.0.0.1"
DEADLINE = 5.0

_ROW = re.compile(r"\|(?P<name>[^|]*)\|(?P<published>[^|]*)\|\Z")
_PUBLISHED = re.compile(r"(?P<registry>.+)-(?P<level>[AI])\((?P<yes>[YN])\)\Z")
_VERSION = re.compile(r'dubbo version "(?P<version>[^"]*)"')
_LEVELS = {"A": "application", "I": "interface"}
_HEAD = "Provider Service Name"
_INTERNAL = "DubboInternal - "


class QosError(Exception):
    """The port did not do what it was asked; the message says what it did instead, and what to do."""


class NoCommand(QosError):
    """This version of Dubbo has no such command."""


@dataclass(frozen=True)
class Published:
    """Whether a service is registered, as its process believes. Before 3.0 it says neither where nor how."""

    registry: str
    level: str
    yes: bool


class Qos:
    """The QoS port of one process. Raises QosError.

    deadline: seconds for an answer. patience: for that to a command, which comes when the registries have done it.
    """

    def __init__(self, port: int, deadline: float = DEADLINE, host: str = HOST, patience: float | None = None) -> None:
        self._port = port
        self._deadline = deadline
        self._host = host
        self._patience = deadline if patience is None else patience

    def services(self) -> dict[str, list[Published]]:
        """What the process offers: by the service's key where it is registered."""
        text = self._ok("ls")
        try:
            return listed(text)
        except ValueError as error:
            raise self._wrong("ls", f"answers with {text[:80]!r}: {error}. {self._look()}") from error

    def version(self) -> str | None:
        """Dubbo's version; None where it has no such command, before 2.7.7."""
        try:
            text = self._ok("version")
        except NoCommand:
            return None
        found = _VERSION.search(text)
        if found is None:
            raise self._wrong("version", f"answers with {text[:80]!r}, which names none. {self._look()}")
        return found["version"]

    def ready(self) -> bool | None:
        """Whether it says to be ready for calls; None where it has no such command, before 2.7.7."""
        try:
            # 2.7 fails where it is given no argument at all.
            text = self._ask("ready", "", (200, 503)).strip()
        except NoCommand:
            return None
        if text not in ("true", "false"):
            raise self._wrong("ready", f"answers with {text[:80]!r}, and not with true or false. {self._look()}")
        return text == "true"

    def offline(self, services: Collection[Service]) -> None:
        """Take these services from every registry, and no other: what would take others with it is refused."""
        self._each("offline", services)

    def online(self, services: Collection[Service]) -> None:
        """Register them again, and no other."""
        self._each("online", services)

    def graceful_shutdown(self) -> None:
        """Tell all consumers to call elsewhere, and take every service offline, never one alone. Since 3.2.1."""
        self._told("gracefulShutdown", None)

    def _each(self, command: str, services: Collection[Service]) -> None:
        there = {_dubbo_url.service(key) for key in self.services()}
        modern = not (self.version() or "2").startswith("2")
        for service in sorted(services, key=str):
            if service not in there:
                names = ", ".join(sorted(map(str, there))) or "nothing"
                raise self._wrong(command, f"knows no service {service}; it has {names}")
            self._narrowest(command, service, _dubbo_pattern.patterns(service, there, modern), frozenset(services))

    def _narrowest(
        self, command: str, service: Service, patterns: Sequence[Pattern], services: frozenset[Service]
    ) -> None:
        """Give the command with the first pattern that is understood."""
        for pattern in patterns:
            others = pattern.takes - services
            if others:
                names = ", ".join(sorted(map(str, others)))
                raise self._wrong(command, f"cannot tell {service} from {names}. Name them all")
            if self._told(command, pattern.text):
                return
        raise self._wrong(command, f"knows {service}, but by no name that is understood: nothing was done")

    def _told(self, command: str, argument: str | None) -> bool:
        """Whether something matched."""
        late = "Whether it was done is not known: a process that does not reach its registries answers late"
        text = self._ask(command, argument, (200,), self._patience, late).strip()
        if text not in ("OK", "service not found"):
            raise self._wrong(command, f"answers with {text[:80]!r} instead of OK. {self._look()}")
        return text == "OK"

    def _ok(self, command: str) -> str:
        return self._ask(command, None, (200,))

    def _ask(
        self, command: str, argument: str | None, good: Sequence[int], deadline: float | None = None, advice: str = ""
    ) -> str:
        query = "" if argument is None else f"?service={urllib.parse.quote(argument, safe='')}"
        url = f"http://{self._host}:{self._port}/{command}{query}"
        try:
            answer = _http.ask(url, "GET", {}, None, time.monotonic() + (deadline or self._deadline))
        except _http.Unreachable as error:
            raise self._wrong(command, f"gives no answer: {error}. {advice or self._look()}") from error
        text = answer.body.decode("utf-8", "replace")
        if answer.status in good and not answer.cut:
            return text
        if answer.cut:
            raise self._wrong(command, "answers with more than 64 KiB, which is more than is read")
        if answer.status == 404:
            raise NoCommand(str(self._wrong(command, f"does not know it (404). {self._look()}")))
        if answer.status == 403:
            advice = "Run this on the instance's own host, or add it to qos.accept.foreign.ip.whitelist"
            raise self._wrong(command, f"does not allow it (403). {advice}")
        raise self._wrong(command, f"answers {answer.status} {text[:80]!r}. {self._look()}")

    def _wrong(self, command: str, what: str) -> QosError:
        return QosError(f"qos port {self._port}: asked for {command!r} it {what}")

    def _look(self) -> str:
        return "See that qos.port names this port in the instance, and that qos.enable is not false"


def listed(text: str) -> dict[str, list[Published]]:
    """The providers in the answer to `ls`. Raises ValueError."""
    head, _mark, _consumers = text.partition("As Consumer side:")
    if not head.startswith("As Provider side:"):
        raise ValueError("that is not Dubbo's list of services")
    found: dict[str, list[Published]] = {}
    for line in head.splitlines():
        if not line.startswith("|"):
            continue
        row = _ROW.match(line.rstrip())
        if row is None:
            raise ValueError(f"its row {line!r} has not two columns")
        name = row["name"].strip()
        if name == _HEAD:
            continue
        if not name.startswith(_INTERNAL):
            found[name] = [_published(word, name) for word in row["published"].strip().split("/") if word]
    return found


def _published(word: str, name: str) -> Published:
    if word in ("Y", "N"):
        return Published("", "", word == "Y")
    found = _PUBLISHED.match(word)
    if found is None:
        raise ValueError(f"of {name} it says {word!r}, which is neither Y nor N")
    return Published(found["registry"], _LEVELS[found["level"]], found["yes"] == "Y")
