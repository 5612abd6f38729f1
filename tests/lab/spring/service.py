# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process of a service of Spring Boot: registered in ZooKeeper, with Actuator behind a password and TLS."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

from ..java import Server, classes
from ..nginx import free_port
from ..tls import Authority

PROFILE = "spring-web-3"
SOURCES = Path(__file__).parent / "web"
SERVICE = "order-svc"
USER, PASSWORD = "actuator", "s3cret-of-actuator"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Service(Server):
    """It keeps its ports when it is started again. address: of its host; headers: a file with its password."""

    def __init__(self, folder: Path, authority: Authority, address: str, zookeeper: str = "") -> None:
        self.address = address
        self.port, self.management = free_port(), free_port()
        self.ca = authority.ca
        self.headers = folder / "headers"
        secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.headers.write_text(f"Authorization: Basic {secret}\n")
        self.headers.chmod(0o600)
        certificate, key, _both = authority.issue(folder.name, address)
        discovery = "spring.cloud.zookeeper"
        settings = {
            "server.address": address,
            "server.port": self.port,
            "server.tomcat.mbeanregistry.enabled": "true",
            "management.server.address": address,
            "management.server.port": self.management,
            "management.server.ssl.certificate": f"file:{certificate}",
            "management.server.ssl.certificate-private-key": f"file:{key}",
            "management.endpoints.web.exposure.include": "health,metrics,serviceregistry,shutdown",
            "management.endpoint.health.probes.enabled": "true",
            "management.endpoint.shutdown.access": "unrestricted",
            "spring.application.name": SERVICE,
            "spring.security.user.name": USER,
            "spring.security.user.password": PASSWORD,
            f"{discovery}.enabled": str(bool(zookeeper)).lower(),
            f"{discovery}.connect-string": zookeeper,
            f"{discovery}.discovery.instance-host": address,
            f"{discovery}.discovery.instance-id": folder.name,
        }
        words = ["-Xmx128m", "lab.Web", *(f"--{name}={value}" for name, value in settings.items())]
        super().__init__(folder.name, folder, PROFILE, words, self.serves, classes(PROFILE, SOURCES))

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def actuator(self) -> str:
        return f"https://{self.address}:{self.management}/actuator"

    def serves(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.says("health/readiness")["status"] == "UP")
        return False

    def says(self, path: str) -> Any:
        """What Actuator answers, as JSON."""
        request = urllib.request.Request(f"{self.actuator}/{path}")
        name, _colon, value = self.headers.read_text().strip().partition(": ")
        request.add_header(name, value)
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.ca)))
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), trust).open(request, timeout=5) as answer:
            text = answer.read().decode()
            return json.loads(text) if text.startswith(("{", "[")) else text

    def post(self, path: str, timeout: float = 10.0) -> None:
        """A request of a user. Raises OSError where it fails."""
        with _OPENER.open(urllib.request.Request(f"{self.url}{path}", method="POST"), timeout=timeout) as answer:
            answer.read()
