# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RabbitMQ's own server on loopback, as Debian packages it: a node of its own, with its management API."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ..nginx import free_port
from ..process import Process
from ..zookeeper import HOST

HOME = Path("/usr/lib/rabbitmq")
USER, PASSWORD = "lab", "lab-secret"
CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = {user}
default_pass = {password}
default_user_tags.administrator = true
disk_free_limit.absolute = 1MB
"""


class Broker(Process):
    """Its epmd, which would outlive it, is its own child and ends with it."""

    grace = 30.0

    def __init__(self, folder: Path, more: str = "") -> None:
        """more: lines of its configuration."""
        assert HOME.is_dir(), "these tests need rabbitmq: apt-get install -y rabbitmq-server"
        self.port, self.management = free_port(), free_port()
        (folder / "rabbitmq.conf").write_text(
            CONFIG.format(port=self.port, management=self.management, user=USER, password=PASSWORD) + more
        )
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        for name in ("home", "data", "log"):
            (folder / name).mkdir()
        self._environment = {
            "HOME": str(folder / "home"),
            "PATH": f"{HOME}/bin:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"{folder.name}@localhost",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": HOST,
        }
        pairs = [f"{name}={value}" for name, value in self._environment.items()]
        # epmd in the foreground is a child like any other.
        script = "epmd & exec rabbitmq-server"
        super().__init__(folder.name, folder, ["/usr/bin/env", "-i", *pairs, "/bin/sh", "-c", script], self.healthy)

    @property
    def api(self) -> str:
        return f"http://{HOST}:{self.management}"

    def healthy(self) -> bool:
        with contextlib.suppress(OSError, urllib.error.HTTPError):
            return bool(self.ask("health/checks/alarms")["status"] == "ok")
        return False

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """The management API, with a client of the tests' own."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/api/{path}", data=data, method=method)
        request.add_header("Authorization", f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def control(self, *words: str) -> str:
        """What RabbitMQ's own tool prints. Raises where it fails."""
        command = [str(HOME / "bin" / "rabbitmqctl"), "-q", *words]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
