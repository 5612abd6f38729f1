# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a consumer's process in Python has in common whatever its broker: handlers, their journal, and its endpoints.

POST /leave stops its consumer when what it has in hand is done, and answers then; POST /join makes another one;
GET /status says {consuming, in_flight, processed, finished}.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

from .messages import BEGAN, ENDED, LEAVING

ROOT = Path(__file__).parents[3]
# How long a handler takes, in ms.
LEAST, MOST = 5, 400
# Seconds after which one whose quirk that is joins again by itself.
REJOINS = 2.0


class Link(Protocol):
    """A consumer at the broker, from join() on."""

    def leave(self) -> None:
        """Finish what is in hand, tell the broker so, and close."""

    def pause(self) -> None:
        """Take nothing more, and stay."""


class Worker:
    """name, journal (a file), http (a port), quirk (what it does wrong when it is told to leave), and the broker's."""

    def __init__(self, options: dict[str, str], join: Callable[[Worker], Link]) -> None:
        self.options = options
        self._journal = os.open(options["journal"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._join = join
        self._link: Link | None = None
        self._changing = threading.Lock()
        self._counting = threading.Lock()
        self._in_flight = self._processed = 0

    def handle(self, id_: str) -> None:
        """The work of one message."""
        with self._counting:
            self._in_flight += 1
        self._note(id_, BEGAN)
        time.sleep((LEAST + zlib.crc32(id_.encode()) % (MOST - LEAST + 1)) / 1000)
        self._note(id_, ENDED)
        with self._counting:
            self._in_flight -= 1
            self._processed += 1

    def join(self) -> None:
        with self._changing:
            self._link = self._link or self._join(self)

    def leave(self) -> None:
        self._note("", LEAVING)
        quirk = self.options.get("quirk", "none")
        if quirk == "nothing":
            return
        if quirk == "hang":
            threading.Event().wait()
        with self._changing:
            if self._link is None:
                return
            if quirk == "suspend":
                self._link.pause()
                return
            self._link.leave()
            self._link = None
        if quirk == "rejoin":
            threading.Timer(REJOINS, self.join).start()

    def status(self) -> dict[str, object]:
        consuming, in_flight = self._link is not None, self._in_flight
        done = {"processed": self._processed, "finished": not consuming and not in_flight}
        return {"consuming": consuming, "in_flight": in_flight, **done}

    def serve(self) -> None:
        """Until the process is ended."""
        self.join()
        worker = self

        class Endpoints(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                {"/leave": worker.leave, "/join": worker.join}[self.path]()
                self._answer()

            def _answer(self) -> None:
                body = json.dumps(worker.status()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        ThreadingHTTPServer(("127.0.0.1", int(self.options["http"])), Endpoints).serve_forever()

    def _note(self, id_: str, event: str) -> None:
        step = {"time": time.time(), "consumer": self.options["name"], "pid": os.getpid(), "id": id_, "event": event}
        os.write(self._journal, json.dumps(step).encode() + b"\n")


def options() -> dict[str, str]:
    """Arguments of the form name=value."""
    return {name: value for name, _mark, value in (word.partition("=") for word in sys.argv[1:])}


def command(module: str, values: dict[str, str]) -> list[str]:
    """What runs a program of the lab with these arguments, wherever it is started."""
    words = [f"{name}={value}" for name, value in values.items()]
    return ["/usr/bin/env", f"PYTHONPATH={ROOT}", sys.executable, "-m", f"tests.lab.{module}", *words]
