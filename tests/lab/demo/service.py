# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One instance of the demo's service. A program of its own: `service.py NAME HOST:PORT --log FILE --switches DIR`.

It is honest: SIGTERM ends it at once, with whatever is in flight. What is not lost was not lost by others.

Files named NAME.SWITCH in the folder of switches make it misbehave:
fail_start   it exits with 1 instead of starting
slow_start   it listens only as many seconds later as the file says (1 where it is empty)
dies         it is gone as many seconds after it began to listen
unhealthy    /health-extended answers 503 and {"status": "unhealthy"}
errors       /work answers 500
slow         /work takes as many seconds more
hangs        it accepts connections and answers nothing
busy         /internal/status says that as many more are in flight
The first three are read at the start, the others at each request.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import threading
import time

POOL = 64
TEXT = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}
Answer = tuple[int, dict[str, object]]


class Gone(Exception):
    """The other side closed the connection, or sent what is no request."""


class Service:
    def __init__(self, name: str, log: str, switches: str) -> None:
        self.name = name
        self.switches = switches
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.lock = threading.Lock()
        self.pool = threading.Semaphore(POOL)
        self.in_flight = self.busy = 0
        self.preparing = False

    def switch(self, name: str) -> float | None:
        """The number in a switch's file, 1 where it holds none; None where there is no such file."""
        try:
            with open(os.path.join(self.switches, f"{self.name}.{name}"), encoding="ascii") as file:
                return float(file.read().strip() or 1)
        except FileNotFoundError:
            return None

    def answer(self, method: str, target: str) -> Answer:
        path, _unused, query = target.partition("?")
        if path == "/work" and method in ("GET", "POST"):
            return self.work(method, query)
        if path == "/health":
            return 200, {"status": "UP"}
        if path == "/health-extended":
            return (200, {"status": "healthy"}) if self.switch("unhealthy") is None else (503, {"status": "unhealthy"})
        if path == "/internal/status":
            return 200, self.status()
        if path == "/internal/prepare-shutdown" and method == "POST":
            self.preparing = True
            return 200, {"preparing": True}
        return 404, {"error": f"no {method} {path} here"}

    def status(self) -> dict[str, object]:
        more = int(self.switch("busy") or 0)
        with self.lock:
            return {
                "in_flight": self.in_flight + more,
                "pool": {"size": POOL, "busy": self.busy + more},
                "queue": self.in_flight - self.busy,
                "preparing": self.preparing,
            }

    def work(self, method: str, query: str) -> Answer:
        """5 to 400 ms of it, mostly short. A POST's id is in the log before its answer is sent."""
        name, _unused, request_id = query.partition("=")
        if name != "id" or not request_id:
            return 400, {"error": "which id?"}
        with self.pool:
            with self.lock:
                self.busy += 1
            try:
                time.sleep(0.005 + 0.395 * random.random() ** 6 + (self.switch("slow") or 0))
                if self.switch("errors") is not None:
                    return 500, {"error": "as the switch says"}
                if method == "POST":
                    os.write(self.log, f"{request_id}\n".encode())
            finally:
                with self.lock:
                    self.busy -= 1
        return 200, {"id": request_id, "instance": self.name}

    def serve(self, connection: socket.socket) -> None:
        """One connection, one request after the other. In flight: from its last byte read to its answer sent."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rest = b""
        with connection:
            while True:
                try:
                    method, target, close, rest = read_request(connection, rest)
                    working = target.startswith("/work")
                    with self.lock:
                        self.in_flight += working
                    try:
                        while self.switch("hangs") is not None:
                            time.sleep(0.1)
                        send(connection, *self.answer(method, target), close)
                    finally:
                        with self.lock:
                            self.in_flight -= working
                except (Gone, OSError):
                    return
                if close:
                    return


def read_request(connection: socket.socket, data: bytes) -> tuple[str, str, bool, bytes]:
    """Method, target, whether the connection ends after the answer, and what came beyond the request."""
    while b"\r\n\r\n" not in data:
        data += received(connection)
    head, _unused, data = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise Gone(first)
    headers = {name.lower(): value.strip() for name, _unused, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(data) < length:
        data += received(connection)
    asked = headers.get("connection", "").lower()
    close = asked == "close" or (words[2] == "HTTP/1.0" and asked != "keep-alive")
    return words[0], words[1], close, data[length:]


def received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise Gone("closed")
    return data


def send(connection: socket.socket, status: int, document: dict[str, object], close: bool) -> None:
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status} {TEXT[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("address")
    parser.add_argument("--log", required=True)
    parser.add_argument("--switches", required=True)
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="until it listens")
    options = parser.parse_args()
    service = Service(options.name, options.log, options.switches)
    if service.switch("fail_start") is not None:
        sys.exit(f"{options.name}: cannot start, as the switch says")
    time.sleep(options.start + (service.switch("slow_start") or 0))
    host, _unused, port = options.address.rpartition(":")
    threading.stack_size(256 * 1024)
    with socket.create_server((host, int(port)), backlog=511) as listener:
        lifetime = service.switch("dies")
        if lifetime is not None:
            threading.Timer(lifetime, os._exit, [1]).start()
        while True:
            connection, _unused = listener.accept()
            threading.Thread(target=service.serve, args=[connection], daemon=True).start()


if __name__ == "__main__":
    main()
