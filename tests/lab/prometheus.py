# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Prometheus on loopback, and the application whose numbers it collects."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .demo import wait_for
from .nginx import free_port
from .process import Process

CONFIG = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - {{job_name: order-svc, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""


class Prometheus(Process):
    """The server; what `numbers` has is what the application tells it: by name, as Prometheus writes it."""

    def __init__(self, folder: Path, numbers: dict[str, str], application: int) -> None:
        folder.mkdir(parents=True)
        (folder / "prometheus.yml").write_text(CONFIG.format(port=application))
        self.numbers = numbers
        self.url = f"http://127.0.0.1:{free_port()}"
        words = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={self.url[7:]}")
        super().__init__("prometheus", folder, ["prometheus", *words], self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def say(self, **numbers: str) -> None:
        """Until Prometheus itself has these numbers."""
        self.numbers.clear()
        self.numbers.update(numbers)
        wait_for(f"Prometheus to have {numbers}", lambda: all(self.value(name) == one for name, one in numbers.items()))

    def value(self, query: str) -> str:
        """What it says now; empty where that is nothing."""
        address = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(address, timeout=5) as answer:
            result: list[Any] = json.load(answer)["data"]["result"]
        return str(result[0]["value"][1]) if result else ""


@contextlib.contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """Started, and stopped at the end."""
    numbers: dict[str, str] = {}

    class Application(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            content = "".join(f"{name} {value}\n" for name, value in numbers.items()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as application:
        application.daemon_threads = True
        threading.Thread(target=application.serve_forever, daemon=True).start()
        server = Prometheus(folder, numbers, application.server_port)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            application.shutdown()
