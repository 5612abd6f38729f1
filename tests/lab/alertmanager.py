# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Alertmanager on loopback, and what it would do with the alerts of the instances."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .nginx import free_port
from .process import Process

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class Alertmanager(Process):
    """Alone, with a receiver that tells nobody."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "alertmanager.yml").write_text(CONFIG)
        self.url = f"http://127.0.0.1:{free_port()}"
        words = ("--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=")
        command = ["prometheus-alertmanager", *words, f"--web.listen-address={self.url[7:]}"]
        super().__init__("alertmanager", folder, command, self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("status") is not None
        return False

    def ask(self, path: str, body: Any = None) -> Any:
        """Of its API, version 2."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v2/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def fire(self, *alerts: dict[str, str]) -> None:
        """Alerts with these labels, which go on firing."""
        self.ask("alerts", [{"labels": {"alertname": "Down", **labels}} for labels in alerts])

    def quiet(self, label: str) -> set[str]:
        """The values of the label whose alerts are silenced now."""
        found = self.ask("alerts?silenced=true&active=true")
        return {one["labels"][label] for one in found if one["status"]["state"] == "suppressed"}

    def silences(self) -> list[dict[str, Any]]:
        """Those that have not ended."""
        return [one for one in self.ask("silences") if one["status"]["state"] != "expired"]


@contextlib.contextmanager
def alertmanager(folder: Path) -> Iterator[Alertmanager]:
    """Started, and stopped at the end."""
    server = Alertmanager(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
