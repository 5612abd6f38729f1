# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo's client counts what a server does to it: each server here misbehaves on purpose, request by request."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.demo import Client, wait_for

HALF = "closed in the middle of the answer"
COUNTS = ("sent", "answered", "lost", "duplicated", "unprocessed", "idle_closes", "connects")


class Script:
    """A server that deals with its nth request by its nth word, then closes what is still open where a word says so."""

    def __init__(self, words: list[str], log: Path) -> None:
        self.words = iter(words)
        self.log = log.open("a", buffering=1)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.listener.getsockname())
        self.kept: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _unused = self.listener.accept()
            except OSError:
                return
            self.kept.append(connection)
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        while data := connection.recv(65536):
            found = re.match(rb"POST /work\?id=(\S+) HTTP/1.1\r\n", data)
            assert found
            if not self.deal(connection, next(self.words), found[1].decode()):
                connection.close()
                return

    def deal(self, connection: socket.socket, word: str, request: str) -> bool:
        """Whether the connection stays open."""
        body = f'{{"id": "{request}", "instance": "test"}}'
        for _unused in range({"twice": 2, "never": 0, "dropped": 0}.get(word, 1)):
            self.log.write(f"{request}\n")
        head = f"HTTP/1.1 {word if word.isdigit() else 200} X\r\nContent-Length: {len(body)}\r\n"
        if word == "told":
            connection.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())
        elif word == "half":
            connection.sendall(f"{head}\r\n{body[:9]}".encode())
        elif word == "half-head":
            connection.sendall(head.encode())
        elif word == "other":
            connection.sendall(f"{head}\r\n{body.replace(request, 'x' * len(request))}".encode())
        elif word == "endless":
            connection.sendall(f"HTTP/1.1 200 X\r\n\r\n{body}".encode())
        elif word == "more":
            connection.sendall(f"{head}\r\n{body}{body}".encode())
        elif word == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif word not in ("dropped", "silent"):
            connection.sendall(f"{head}\r\n{body}".encode())
        return word in ("ok", "twice", "never", "silent", "500", "502", "404")

    def close(self) -> None:
        self.listener.close()
        for connection in self.kept:
            connection.close()


@contextmanager
def running(folder: Path, words: list[str], *more: str) -> Iterator[Client]:
    """A client with one connection that sends as many requests as there are words, and has ended."""
    logs = folder / "logs"
    logs.mkdir()
    server = Script(words, logs / "order-1.log")
    arguments = [f"--to={server.address}", f"--logs={logs}", f"--requests={len(words)}", "--connections=1"]
    client = Client(folder / "client", [*arguments, "--rate=50", "--posts=1", "--settle=0", *more])
    try:
        with client:
            wait_for("the client's end", lambda: bool(client.result))
            yield client
    finally:
        server.close()


def counted(result: dict[str, Any]) -> dict[str, int]:
    """What was counted, without zeros."""
    return {name: result[name] for name in COUNTS if result[name]}


@pytest.mark.parametrize(
    ("words", "counts", "reasons"),
    [
        ("ok ok ok", {"sent": 3, "answered": 3, "connects": 1}, {}),
        ("closing ok", {"sent": 2, "answered": 2, "idle_closes": 1, "connects": 2}, {}),
        ("told ok", {"sent": 2, "answered": 2, "connects": 2}, {}),
        ("more ok", {"sent": 2, "answered": 2, "connects": 2}, {}),
        ("ok 404 ok", {"sent": 3, "answered": 3, "connects": 1}, {}),
        ("ok 502 ok", {"sent": 3, "answered": 2, "lost": 1, "connects": 2}, {"status 502": 1}),
        ("500 500 ok", {"sent": 3, "answered": 1, "lost": 2, "connects": 3}, {"status 500": 2}),
        ("ok dropped ok", {"sent": 3, "answered": 2, "lost": 1, "connects": 2}, {"closed without an answer": 1}),
        ("half ok", {"sent": 2, "answered": 1, "lost": 1, "connects": 2}, {HALF: 1}),
        ("half-head ok", {"sent": 2, "answered": 1, "lost": 1, "connects": 2}, {HALF: 1}),
        ("ok reset", {"sent": 2, "answered": 1, "lost": 1, "connects": 1}, {"answer: Connection reset by peer": 1}),
        ("other ok", {"sent": 2, "answered": 1, "lost": 1, "connects": 2}, {"the answer of another request": 1}),
        ("endless ok", {"sent": 2, "answered": 1, "lost": 1, "connects": 2}, {"no HTTP, or of unknown length": 1}),
        ("silent ok", {"sent": 2, "answered": 1, "lost": 1, "connects": 2}, {"no complete answer in 0.5 s": 1}),
        ("ok twice twice", {"sent": 3, "answered": 3, "duplicated": 2, "connects": 1}, {}),
        ("ok never", {"sent": 2, "answered": 2, "unprocessed": 1, "connects": 1}, {}),
        (
            "closing closing twice 502 never dropped ok",
            {"sent": 7, "answered": 5, "lost": 2, "duplicated": 1, "unprocessed": 1, "idle_closes": 2, "connects": 5},
            {"status 502": 1, "closed without an answer": 1},
        ),
    ],
)
def test_counts(tmp_path: Path, words: str, counts: dict[str, int], reasons: dict[str, int]) -> None:
    with running(tmp_path, words.split(), "--timeout=0.5") as client:
        pass
    assert counted(client.result) == counts
    assert client.result["reasons"] == reasons
    assert {loss["reason"] for loss in client.losses} == set(reasons)
    assert len(client.losses) == counts.get("lost", 0)


def test_refused_connections_are_lost_requests(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*closed.getsockname())
        client = Client(
            tmp_path / "client",
            [f"--to={address}", f"--logs={tmp_path}", "--requests=3", "--connections=1", "--rate=50", "--settle=0"],
        )
        with client:
            wait_for("the client's end", lambda: bool(client.result))
    assert counted(client.result) == {"sent": 3, "lost": 3}
    assert client.result["reasons"] == {"connect: Connection refused": 3}


def test_a_new_connection_closed_at_once_is_a_lost_request(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "{}:{}".format(*listener.getsockname())

        def accept() -> None:
            for _unused in range(2):
                listener.accept()[0].close()

        threading.Thread(target=accept, daemon=True).start()
        client = Client(
            tmp_path / "client",
            [f"--to={address}", f"--logs={tmp_path}", "--requests=2", "--connections=1", "--rate=50", "--settle=0"],
        )
        with client:
            wait_for("the client's end", lambda: bool(client.result))
    assert counted(client.result) == {"sent": 2, "lost": 2, "connects": 2}


def test_told_to_stop_it_finishes_what_is_in_flight(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    server = Script(["silent"], logs / "order-1.log")
    client = Client(tmp_path / "client", [f"--to={server.address}", f"--logs={logs}", "--connections=1", "--posts=1"])
    client.start()
    try:
        wait_for("a request in flight", lambda: (logs / "order-1.log").read_text() != "")
        ending = threading.Thread(target=client.finish)
        ending.start()
        wait_for("the request still in flight", lambda: client.live().get("in_flight") == 1)
        request = (logs / "order-1.log").read_text().strip()
        server.deal(server.kept[0], "never", request)
        ending.join()
    finally:
        client.finish()
        server.close()
    assert counted(client.result) == {"sent": 1, "answered": 1, "connects": 1}


def test_told_to_stop_it_does_not_wait_for_its_next_request(tmp_path: Path) -> None:
    client = Client(tmp_path / "client", ["--to=127.0.0.1:1", f"--logs={tmp_path}", "--connections=1", "--rate=0.001"])
    with client:
        assert client.live()["sent"] == 0
    assert counted(client.result) == {}
