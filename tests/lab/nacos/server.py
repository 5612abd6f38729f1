# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server of Nacos, alone, and those that its own client registers there."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from ..demo import wait_for
from ..java import START, Server, classes, jars
from ..nginx import free_port
from ..zookeeper import HOST

SERVICE, GROUP = "order-svc", "DEFAULT_GROUP"
USER, PASSWORD = "nacos", "s3cret-of-nacos"
CLIENT = "nacos-client-2"
FOLDER = Path(__file__).parent
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Seconds for which it remembers what was said of an instance that has gone; a minute where nobody sets it.
REMEMBERED = 10
# Beside its own it listens on these, counted from it: gRPC for clients and for servers, raft.
_BESIDE = (1000, 1001, -1000)


def ask(url: str, method: str = "GET", **words: str) -> Any:
    """The answer as JSON, or as text. Raises OSError where it fails."""
    query = f"?{urllib.parse.urlencode(words)}" if words else ""
    with OPENER.open(urllib.request.Request(f"{url}{query}", method=method), timeout=10) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith(("{", "[")) else text


class Nacos(Server):
    """version: 2, which wants to know nothing of who asks, or 3, whose administrator has a password. It keeps its
    data when it is started again, unless these are wiped."""

    grace = 20.0

    def __init__(self, folder: Path, version: int) -> None:
        self.version = version
        self.port = _port()
        self.home = folder / "home"
        (self.home / "conf").mkdir(parents=True)
        profile = f"nacos-{version}"
        settings = {"server.port": self.port, "server.servlet.context-path": "/nacos"}
        if version == 3:
            settings = {
                "nacos.server.main.port": self.port,
                "nacos.core.auth.enabled": "false",
                "nacos.core.auth.admin.enabled": "true",
                "nacos.core.auth.system.type": "nacos",
                "nacos.core.auth.server.identity.key": "lab",
                "nacos.core.auth.server.identity.value": "lab",
                "nacos.core.auth.plugin.nacos.token.secret.key": base64.b64encode(b"lab-" * 16).decode(),
            }
        settings["nacos.naming.clean.expired-metadata.expired-time"] = 1000 * REMEMBERED
        (self.home / "conf" / "application.properties").write_text(
            "".join(f"{name}={value}\n" for name, value in settings.items())
        )
        own = classes(profile, FOLDER / f"java{version}")
        libraries = jars(profile)
        # Both are there, and Nacos needs what only the newer one has.
        [newer] = libraries.glob("hessian-4*.jar")
        words = {
            "nacos.standalone": "true",
            "nacos.home": self.home,
            "nacos.server.ip": HOST,
            "nacos.inetutils.ip-address": HOST,
            "server.address": HOST,
            "spring.config.additional-location": f"file:{self.home}/conf/",
        }
        options = [f"-D{name}={value}" for name, value in words.items()]
        path = ["-cp", f"{own}:{newer}:{libraries}/*"]
        super().__init__(folder.name, folder, profile, ["-Xmx384m", *options, *path, "lab.Nacos"], self.serves)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/nacos"

    def serves(self) -> bool:
        path = "v3/admin/core/state/readiness" if self.version == 3 else "v1/ns/operator/metrics"
        with contextlib.suppress(OSError):
            answer = ask(f"{self.url}/{path}")
            return bool(answer.get("data") == "ok" or answer.get("status") == "UP")
        return False

    def start(self) -> None:
        super().start()
        if self.version == 3:
            # The first who asks gives the administrator a password. Nacos knows of it a little later.
            with contextlib.suppress(OSError):
                ask(f"{self.url}/v3/auth/user/admin", "POST", password=PASSWORD)
            wait_for("the administrator", self._lets_in, START, 0.5)

    def _lets_in(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.token())
        return False

    def token(self) -> dict[str, str]:
        if self.version == 2:
            return {}
        said = ask(f"{self.url}/v3/auth/user/login", "POST", username=USER, password=PASSWORD)
        return {"accessToken": said["accessToken"]}

    def wipe(self) -> None:
        """Lose all data."""
        shutil.rmtree(self.home / "data")

    def registered(
        self, service: str = SERVICE, group: str = GROUP, namespace: str = "public", cluster: str = "DEFAULT"
    ) -> dict[str, dict[str, Any]]:
        """By C(ip:port) what the server has of each instance, disabled or not."""
        words = {"serviceName": service, "groupName": group, "namespaceId": namespace, **self.token()}
        if self.version == 3:
            path, more = "v3/admin/ns/instance/list", {"clusterName": cluster}
        else:
            path, more = "v1/ns/catalog/instances", {"clusterName": cluster, "pageNo": "1", "pageSize": "100"}
        try:
            answer = ask(f"{self.url}/{path}", **words, **more)
        except urllib.error.HTTPError as error:
            # So it says where nobody is registered any more.
            assert "is not found" in error.read().decode(), error
            return {}
        found = answer["data"] if self.version == 3 else answer["list"]
        return {f"{one['ip']}:{one['port']}": one for one in found}

    def register(self, member: str, ephemeral: bool, **words: str) -> None:
        """An instance that somebody keeps there by HTTP. words: where, and what it has."""
        path = "v3/admin/ns/instance" if self.version == 3 else "v1/ns/instance"
        ip, _colon, port = member.partition(":")
        lasts = str(ephemeral).lower()
        ask(f"{self.url}/{path}", "POST", ip=ip, port=port, ephemeral=lasts, **words, **self.token())

    def set(self, member: str, enabled: bool, weight: float) -> None:
        """As a person does in the console; waits until it is so."""
        words = {"enabled": str(enabled).lower(), "weight": f"{weight:g}"}
        ip, _colon, port = member.partition(":")
        path = "v3/admin/ns/instance/partial" if self.version == 3 else "v1/ns/instance"
        place = {
            "serviceName": SERVICE,
            "groupName": GROUP,
            "namespaceId": "public",
            "ephemeral": "true",
            **self.token(),
        }
        method = "PUT" if self.version == 3 else "PATCH"
        ask(f"{self.url}/{path}", method, **place, ip=ip, port=port, **words)

        def done() -> bool:
            one = self.registered()[member]
            return bool((one["enabled"], one["weight"]) == (enabled, weight))

        wait_for(f"{member} to be {words}", done, 20, 0.1)


class Registered(Server):
    """An instance; with no weight, one that only sees who is registered."""

    def __init__(self, folder: Path, nacos: Nacos, address: str = HOST, weight: float = 1.0) -> None:
        self.address, self.port = address, free_port()
        where = [f"{HOST}:{nacos.port}", "", GROUP, SERVICE, address, str(self.port), f"{weight:g}"]
        words = ["-Xmx64m", f"-DJM.LOG.PATH={folder}", f"-DJM.SNAPSHOT.PATH={folder}", "lab.Registered", *where]
        super().__init__(folder.name, folder, CLIENT, words, self.serves, classes(CLIENT, FOLDER / "client"))

    @property
    def member(self) -> str:
        return f"{self.address}:{self.port}"

    def serves(self) -> bool:
        with contextlib.suppress(OSError):
            return isinstance(self.seen(), list)
        return False

    def seen(self) -> list[str]:
        """Whom it would call, as Nacos has told it."""
        found: list[str] = ask(f"http://{self.member}/seen")
        return found


def _port() -> int:
    """One with those beside it free."""
    while True:
        port = free_port()
        if all(_free(port + more) for more in _BESIDE):
            return port


def _free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("", port)):
        return True
    return False
