# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A double of Dubbo's QoS port: it answers as each version does, and obeys patterns as Java's String.matches does."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def table(*rows: tuple[str, str]) -> str:
    """As Dubbo's TTable draws it, in every version."""
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    rule = f"+{'-' * widths[0]}+{'-' * widths[1]}+\n"
    lines = [f"|{'|'.join(_middle(cell, width) for cell, width in zip(row, widths, strict=True))}|\n" for row in rows]
    return rule + rule.join(lines) + rule


def _middle(cell: str, width: int) -> str:
    left = (width - len(cell)) // 2
    return " " * (width - len(cell) - left) + cell + " " * left


def ls(providers: Sequence[tuple[str, str]], *consumers: tuple[str, str]) -> str:
    """The answer to `ls`."""
    offered = table(("Provider Service Name", "PUB"), *providers)
    return f"As Provider side:\n{offered}As Consumer side:\n{table(('Consumer Service Name', 'NUM'), *consumers)}"


# 2.6 and 2.7 alike.
LS_2 = ls([("lab.Echo", "Y"), ("g1/lab.Echo2:1.0.0", "N")], ("lab.Pay", "3"))
LS_3 = ls(
    [
        ("DubboInternal - order-svc/org.apache.dubbo.metadata.MetadataService:1.0.0", ""),
        ("g1/lab.Echo2:1.0.0", "zookeeper-A(Y)/zookeeper-I(N)"),
        ("lab.Echo", "zookeeper-A(Y)/zookeeper-I(Y)"),
    ],
    ("lab.Pay", "zookeeper-AF(I-10,A-0)"),
)
NONE = ls([])
# By path (status, text); what is not there is 404 without a text, as of an unknown command.
Answers = dict[str, tuple[int, str]]


class Double:
    """port: where it listens. asked: every request's target. names: by service those that a pattern may match.

    taken: the services that offline and online matched.
    """

    def __init__(self, answers: Answers, names: Mapping[str, Sequence[str]], delay: float = 0.0) -> None:
        self.asked: list[str] = []
        self.taken: list[str] = []
        self._answers = answers
        self._names = names
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                double.asked.append(self.path)
                status, text = double.answer(self.path)
                time.sleep(delay)
                with contextlib.suppress(ConnectionError):
                    self._answer(status, text.encode())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "text/plain")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])

    def answer(self, target: str) -> tuple[int, str]:
        path, _mark, query = target.partition("?")
        if path not in ("/offline", "/online"):
            return self._answers.get(target, self._answers.get(path, (404, "")))
        words = [value for values in urllib.parse.parse_qs(query).values() for value in values]
        pattern = words[0] if words else ".*"
        hit = [one for one in self._names if any(re.fullmatch(pattern, name) for name in self._names[one])]
        self.taken += hit
        return 200, "OK" if hit else "service not found"

    def __enter__(self) -> Double:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def qos_double(
    answers: Answers, names: Mapping[str, Sequence[str]] | None = None, delay: float = 0.0
) -> Iterator[Double]:
    with Double(answers, names or {}, delay) as found:
        yield found


class Living(Double):
    """A process that obeys: what it offers is registered or not. slow: for how many looks it does not say so yet."""

    def __init__(self, version: str, services: Mapping[str, bool], slow: int = 0) -> None:
        super().__init__({"/version": (200, f'dubbo version "{version}"')}, {key: [key] for key in services})
        self._modern = not version.startswith("2.")
        self._slow, self._wait = slow, 0
        self._shown = self.registered = dict(services)

    def __enter__(self) -> Living:
        super().__enter__()
        return self

    def answer(self, target: str) -> tuple[int, str]:
        path = target.partition("?")[0]
        if path == "/ls":
            self._wait -= 1
            self._shown = self._shown if self._wait >= 0 else self.registered
            return 200, ls([(key, self._cell(there)) for key, there in self._shown.items()])
        if path == "/gracefulShutdown" and self._modern:
            self._become(dict.fromkeys(self.registered, False))
            return 200, "OK"
        since = len(self.taken)
        status, text = super().answer(target)
        if self.taken[since:]:
            self._become({**self.registered, **dict.fromkeys(self.taken[since:], path == "/online")})
        return status, text

    def _become(self, registered: dict[str, bool]) -> None:
        self.registered, self._wait = registered, self._slow

    def _cell(self, there: bool) -> str:
        yes = "Y" if there else "N"
        return f"zookeeper-A({yes})/zookeeper-I({yes})" if self._modern else yes

    @property
    def told(self) -> list[str]:
        """The commands that change something."""
        return [one for one in self.asked if one.partition("?")[0] not in ("/ls", "/version")]
