# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo's client. A program of its own: `client.py --to HOST:PORT ... --out DIR --logs DIR`.

It keeps its connections open, never sends a request twice, and accounts for each one by its id:
sent      a byte of it was sent, or its connection was refused
lost      sent, and no complete answer below 500 that carries its id came
idle      apart from these: a kept connection was found closed before a byte of the next request was sent
After SIGTERM it finishes what is in flight and looks into the instances' logs:
duplicated    POSTs that were processed more than once
unprocessed   POSTs that were answered and never processed
It writes live.json (twice a second), losses.jsonl (each loss as it happens) and at the end result.json.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

BODY = b"what the order says, some bytes of it"


class Lost(Exception):
    """A request without a complete answer below 500; the message says why."""


class Closed(Exception):
    """The connection was closed before a byte of the request was sent."""


@dataclass
class Tally:
    """What happened so far. latency: answers by milliseconds, rounded down."""

    session: str
    sent: int = 0
    answered: int = 0
    lost: int = 0
    idle_closes: int = 0
    connects: int = 0
    posts: int = 0
    in_flight: int = 0
    latency: collections.Counter[int] = field(default_factory=collections.Counter)
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)
    instances: collections.Counter[str] = field(default_factory=collections.Counter)
    balancers: collections.Counter[str] = field(default_factory=collections.Counter)
    posted: set[str] = field(default_factory=set)

    def document(self) -> dict[str, object]:
        numbers = {name: getattr(self, name) for name in self.__dict__ if name not in ("latency", "posted")}
        return {"time": time.time(), **numbers, "latency_ms": percentiles(self.latency)}


def percentiles(latency: collections.Counter[int]) -> dict[str, int]:
    """Milliseconds below which 50, 95 and 99% of the answers came, and the longest."""
    total, seen, found = sum(latency.values()), 0, {}
    for value in sorted(latency):
        seen += latency[value]
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
            if name not in found and seen >= share * total:
                found[name] = value
    return found


class Connection:
    """One keep-alive connection to one balancer."""

    def __init__(self, address: str, timeout: float) -> None:
        self.address = address
        self.timeout = timeout
        self.socket: socket.socket | None = None

    async def open(self) -> None:
        host, _unused, port = self.address.rpartition(":")
        opened = socket.socket()
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.timeout(self.timeout):
                await asyncio.get_running_loop().sock_connect(opened, (host, int(port)))
        except OSError as error:
            opened.close()
            raise Lost(f"connect: {os.strerror(error.errno) if error.errno else 'timed out'}") from None
        self.socket = opened

    def close(self) -> None:
        if self.socket:
            self.socket.close()
            self.socket = None

    def send(self, request: bytes) -> None:
        """All of it at once. Raises Closed where not a byte could be sent, since the other side had closed."""
        assert self.socket
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            raise Closed
        except BlockingIOError:
            pass
        except OSError:
            raise Closed from None
        try:
            sent = self.socket.send(request)
        except OSError:
            raise Closed from None
        if sent != len(request):
            raise Lost("only a part of the request could be sent")

    async def answer(self) -> tuple[int, bytes]:
        """Status and body, complete; the connection is closed where the answer says so."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._answer()
        except TimeoutError:
            raise Lost(f"no complete answer in {self.timeout:g} s") from None
        except OSError as error:
            raise Lost(f"answer: {error.strerror}") from None

    async def _answer(self) -> tuple[int, bytes]:
        data = await self._receive(b"")
        while b"\r\n\r\n" not in data:
            data = await self._receive(data)
        head, _unused, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").lower().split("\r\n")
        headers = {name: value.strip() for name, _unused, value in (line.partition(":") for line in lines)}
        if not first.startswith("http/1.") or not headers.get("content-length", "").isdigit():
            raise Lost("no HTTP, or of unknown length")
        length = int(headers["content-length"])
        while len(body) < length:
            body = await self._receive(body)
        if len(body) > length or headers.get("connection") == "close" or first.startswith("http/1.0"):
            self.close()
        return int(first.split()[1]), body[:length]

    async def _receive(self, before: bytes) -> bytes:
        assert self.socket
        data = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
        if not data:
            raise Lost("closed in the middle of the answer" if before else "closed without an answer")
        return before + data


class Client:
    """All connections, and the account of what they sent."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.tally = Tally(options.session or f"{os.getpid():x}{time.time_ns() // 1000000 & 0xFFFFFF:x}")
        self.out = Path(options.out)
        self.losses = (self.out / "losses.jsonl").open("w", buffering=1, encoding="utf-8")
        self.stopping = False
        self.resting: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        began = time.time()
        tasks = [asyncio.create_task(self.keep_sending(number)) for number in range(self.options.connections)]
        reporter = asyncio.create_task(self.report())
        if self.options.seconds:
            loop.call_later(self.options.seconds, self.stop)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        reporter.cancel()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome
        if self.tally.reasons:
            await asyncio.sleep(self.options.settle)
        account = processed(self.options.logs, self.tally)
        write(self.out / "live.json", self.tally.document())
        result = {"began": began, **self.tally.document(), **account, "seconds": round(time.time() - began, 3)}
        write(self.out / "result.json", result)

    def stop(self) -> None:
        self.stopping = True
        for task in self.resting:
            task.cancel()

    async def report(self) -> None:
        while True:
            write(self.out / "live.json", self.tally.document())
            await asyncio.sleep(0.5)

    async def keep_sending(self, number: int) -> None:
        """One connection's life: requests at its share of the rate, as evenly as its answers allow."""
        connection = Connection(self.options.to[number % len(self.options.to)], self.options.timeout)
        share = self.options.connections / self.options.rate
        loop = asyncio.get_running_loop()
        due = loop.time() + share * random.random()
        count = 0
        while not self.stopping and self.tally.sent < (self.options.requests or float("inf")):
            await self.rest(due - loop.time())
            if self.stopping:
                break
            count += 1
            await self.request(connection, f"{self.tally.session}-{number}-{count}")
            due = max(due + share * random.uniform(0.5, 1.5), loop.time() - share)
        connection.close()

    async def rest(self, seconds: float) -> None:
        """Sleep, unless the client is told to stop; nothing is in flight meanwhile."""
        task = asyncio.current_task()
        assert task
        self.resting.add(task)
        try:
            await asyncio.sleep(max(0.0, seconds))
        except asyncio.CancelledError:
            if not self.stopping:
                raise
        finally:
            self.resting.discard(task)

    async def request(self, connection: Connection, request_id: str) -> None:
        """One request, sent once, and accounted for."""
        tally, method = self.tally, "POST" if random.random() < self.options.posts else "GET"
        path = random.choice(self.options.path)
        body = BODY if method == "POST" else b""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path}?id={request_id} HTTP/1.1\r\nHost: {connection.address}\r\n{length}\r\n"
        began = time.monotonic()
        tally.sent += 1
        tally.in_flight += 1
        tally.posts += method == "POST"
        tally.balancers[connection.address] += 1
        try:
            await self.transmit(connection, head.encode() + body)
            status, document = await connection.answer()
            if status >= 500:
                raise Lost(f"status {status}")
            name = instance_of(document, request_id) if status == 200 else f"status {status}"
        except Lost as error:
            connection.close()
            self.note(str(error), connection, f"{method} {path}", request_id, time.monotonic() - began)
        else:
            tally.answered += 1
            tally.instances[name] += 1
            tally.latency[int(1000 * (time.monotonic() - began))] += 1
            if method == "POST" and status == 200:
                tally.posted.add(request_id)
        finally:
            tally.in_flight -= 1

    async def transmit(self, connection: Connection, request: bytes) -> None:
        """Over the connection that is there; over a new one where it was closed while nothing was in flight."""
        if connection.socket:
            try:
                return connection.send(request)
            except Closed:
                self.tally.idle_closes += 1
                connection.close()
        await connection.open()
        self.tally.connects += 1
        try:
            return connection.send(request)
        except Closed:
            raise Lost("a new connection was closed at once") from None

    def note(self, reason: str, connection: Connection, what: str, request_id: str, seconds: float) -> None:
        self.tally.lost += 1
        self.tally.reasons[reason] += 1
        loss = {"time": round(time.time(), 3), "id": request_id, "balancer": connection.address, "request": what}
        self.losses.write(json.dumps({**loss, "reason": reason, "after": round(seconds, 3)}) + "\n")


def instance_of(document: bytes, request_id: str) -> str:
    """The instance that answered this request. Raises Lost where the answer belongs to another one, or to none."""
    try:
        answer = json.loads(document)
        if answer["id"] == request_id:
            return str(answer["instance"])
    except (ValueError, KeyError, TypeError):
        pass
    raise Lost("the answer of another request")


def processed(folder: str, tally: Tally) -> dict[str, int]:
    """What the instances' logs say of this session's POSTs."""
    counts: collections.Counter[str] = collections.Counter()
    for log in Path(folder).glob("*.log"):
        counts.update(own(log.read_text().split("\n"), tally.session))
    return {
        "duplicated": sum(count > 1 for count in counts.values()),
        "unprocessed": len(tally.posted - counts.keys()),
        "processed": len(counts),
    }


def own(ids: Iterable[str], session: str) -> Iterable[str]:
    return (one for one in ids if one.startswith(f"{session}-"))


def write(path: Path, document: dict[str, object]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", action="append", required=True, metavar="HOST:PORT")
    parser.add_argument("--path", action="append", metavar="/PATH")
    parser.add_argument("--out", required=True)
    parser.add_argument("--logs", required=True, help="the folder of the instances' logs")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second, over all connections")
    parser.add_argument("--posts", type=float, default=0.3, help="share of POST")
    parser.add_argument("--requests", type=int, default=0, help="end after so many; 0: when told to")
    parser.add_argument("--seconds", type=float, default=0.0, help="end after so long; 0: when told to")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for a complete answer")
    parser.add_argument("--settle", type=float, default=1.0, help="seconds for what lost its client to be processed")
    parser.add_argument("--session", default="")
    options = parser.parse_args()
    options.path = options.path or ["/work"]
    os.makedirs(options.out, exist_ok=True)
    asyncio.run(Client(options).run())


if __name__ == "__main__":
    main()
