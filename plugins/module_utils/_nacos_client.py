# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the servers of Nacos by HTTP, in the words of their version: v1 and v2 of 1.x and 2.x, v3 of 3.x."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import _nacos, _password_file, _web, _zookeeper_place
from ._nacos import Away, Instance, Missing, NacosError, Place

V1, V2, V3 = "v1", "v2", "v3"
APIS = (V1, V2, V3)
# Paths of each: who takes a token, everybody who is registered, whom consumers see, and a change of one.
_LOGIN = {V1: "v1/auth/login", V2: "v1/auth/login", V3: "v3/auth/user/login"}
_ALL = {V1: "v1/ns/catalog/instances", V2: "v2/ns/catalog/instances", V3: "v3/admin/ns/instance/list"}
_SEEN = {V1: "v1/ns/instance/list", V2: "v2/ns/instance/list", V3: "v3/client/ns/instance/list"}
_CHANGE = {
    V1: ("PATCH", "v1/ns/instance"),
    # Its PATCH refuses every name that has a group (2.3.2), and a whole update wants all that is there.
    V2: ("PUT", "v2/ns/instance"),
    V3: ("PUT", "v3/admin/ns/instance/partial"),
}
# A whole update needs nobody to be registered.
_WHOLE = {V1: ("PUT", "v1/ns/instance"), V2: _CHANGE[V2], V3: ("PUT", "v3/admin/ns/instance")}
_ALIVE = "v3/admin/core/state/liveness"
_PAGE = 500
# What a server says whose web server is there before its own paths are.
_STARTING = (501, 502, 503, 504)


class Client:
    """urls: of the servers, each up to its context path, as in http://nacos1:8848/nacos. Raises NacosError."""

    def __init__(
        self,
        urls: Sequence[str],
        place: Place,
        account: tuple[str, str] | None,
        tls: Mapping[str, str],
        api: str | None,
        patience: float = _web.PATIENCE,
    ) -> None:
        missing = _web.missing("Nacos")
        if missing:
            raise NacosError(missing)
        self.urls = [url.rstrip("/") for url in urls]
        self._place = place
        self._account = account
        self._patience = patience
        self._session = _web.session(None, tls)
        self._api = api
        self._versions: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self.silent: dict[str, str] = {}

    def close(self) -> None:
        self._session.close()

    def answering(self) -> list[str]:
        """The servers that answer, more than half of all: else nobody knows who is registered."""
        self.silent = {}
        found = [url for url in self.urls if self._answers(url)]
        if 2 * len(found) <= len(self.urls):
            why = "; ".join(f"{url}: {text}" for url, text in self.silent.items())
            raise Away(f"{len(found)} of {len(self.urls)} servers answer, and more than half have to: {why}")
        return found

    def registered(self, url: str, service: str) -> list[Instance]:
        """Everybody in the service and the cluster that are meant, disabled ones too."""
        found: list[Instance] = []
        for page in range(1, 1000):
            # Each version shows one cluster at a time.
            words = {**self._words(service), "clusterName": self._place.cluster}
            if self._of(url) != V3:
                words |= {"pageNo": page, "pageSize": _PAGE}
            data = self._get(url, _ALL, words)
            if isinstance(data, dict):
                data = data.get("list") or data.get("instances") or []
            found += [_instance(one) for one in data]
            if self._of(url) == V3 or len(data) < _PAGE:
                break
        return found

    def seen(self, url: str, service: str) -> set[str]:
        """Whom consumers get, by C(ip:port)."""
        words = {**self._words(service), "healthyOnly": "true"}
        if self._of(url) == V3:
            words["clusterName"] = self._place.cluster
        data = self._get(url, _SEEN, words)
        hosts = data.get("hosts") or [] if isinstance(data, dict) else data
        found = [_instance(one) for one in hosts]
        return {one.member for one in found if one.enabled and one.healthy and one.weight > 0}

    def put(self, url: str, service: str, one: Instance, enabled: bool, weight: float) -> None:
        """Say of an instance whether it is to be called, and how often; all else stays."""
        method, path = _CHANGE[self._of(url)]
        words = self._said(service, one, enabled, weight)
        if self._of(url) == V2:
            words["metadata"] = json.dumps(dict(one.metadata))
        self._asked(url, method, path, words)

    def put_away(self, url: str, service: str, one: Instance, enabled: bool, weight: float) -> None:
        """Say the same of one that is not registered, for when it is again. Its metadata go over those it has then."""
        method, path = _WHOLE[self._of(url)]
        words = self._said(service, one, enabled, weight)
        self._asked(url, method, path, {**words, "metadata": json.dumps(dict(one.metadata))})

    def _said(self, service: str, one: Instance, enabled: bool, weight: float) -> dict[str, Any]:
        return {
            **self._words(service),
            "clusterName": one.cluster,
            "ip": one.ip,
            "port": one.port,
            "ephemeral": str(one.ephemeral).lower(),
            "enabled": str(enabled).lower(),
            # Left out it is taken for 1.
            "weight": f"{weight:g}",
        }

    def _words(self, service: str) -> dict[str, Any]:
        place = self._place
        return {"namespaceId": place.namespace, "groupName": place.group, "serviceName": service}

    def _answers(self, url: str) -> bool:
        try:
            self._of(url)
        except _web.Silent as error:
            self.silent[url] = str(error)
            return False
        return True

    def _of(self, url: str) -> str:
        """Which API it has. Raises Silent."""
        if url not in self._versions:
            status, _body = self._ask(url, "GET", _ALIVE, {})
            if status in _STARTING:
                raise _web.Silent(f"it answers {status}")
            # Only 3.x has such a path.
            self._versions[url] = self._api or (V1 if status == 404 else V3)
        return self._versions[url]

    def _get(self, url: str, paths: Mapping[str, str], words: Mapping[str, Any]) -> Any:
        body = self._asked(url, "GET", paths[self._of(url)], words)
        try:
            found = json.loads(body)
            return found if self._of(url) == V1 else found["data"]
        except (ValueError, KeyError, TypeError):
            raise NacosError(f"{url} answers {_shown(body)}, and not as Nacos does") from None

    def _asked(self, url: str, method: str, path: str, words: Mapping[str, Any]) -> bytes:
        try:
            status, body = self._ask(url, method, path, {**words, **self._token(url)})
            if status in (401, 403) and self._tokens.pop(url, ""):
                # A token lives for some hours.
                status, body = self._ask(url, method, path, {**words, **self._token(url)})
        except _web.Silent as error:
            raise self._away(f"{url}: {error}", url) from error
        if status in (401, 403):
            who = f"the user {self._account[0]!r}" if self._account else "who does not say who asks"
            raise Away(f"{url} refuses {who} ({status}): look at auth: file, and at its rights to the namespace")
        if status == 410:
            raise self._away(f"{url} has this API no more ({path}): leave out api, or set it to {V3}", url)
        if status in _STARTING:
            raise self._away(f"{url} answers {status} to {method} {path}: {_shown(body)}", url)
        if b"is not found" in body or b"not found" in body and status in (404, 500):
            raise Missing(f"{url} has no {words['serviceName']} in group {words['groupName']}, {self._place.text}")
        if status != 200:
            raise NacosError(f"{url} answers {status} to {method} {path}: {_shown(body)}")
        return body

    def _away(self, text: str, url: str) -> Away:
        """It is asked for its version again before it counts as one that answers."""
        self._versions.pop(url, None)
        return Away(text)

    def _token(self, url: str) -> dict[str, str]:
        if self._account is None:
            return {}
        if url not in self._tokens:
            user, password = self._account
            words = {"username": user, "password": password}
            status, body = _web.fetch(
                self._session, "POST", f"{url}/{_LOGIN[self._of(url)]}", data=words, patience=self._patience
            )
            try:
                self._tokens[url] = str(json.loads(body)["accessToken"])
            except (ValueError, KeyError, TypeError):
                raise Away(f"{url} gives the user {user!r} no token ({status}): look at auth: file") from None
        return {"accessToken": self._tokens[url]}

    def _ask(self, url: str, method: str, path: str, words: Mapping[str, Any]) -> tuple[int, bytes]:
        return _web.fetch(self._session, method, f"{url}/{path}", params=words, patience=self._patience)


def of(params: Mapping[str, Any]) -> Client:
    """By a module's options, as _nacos.OPTIONS has them. Raises ValueError and NacosError."""
    _nacos.check(params)
    account = _password_file.read(params["auth"]["file"]) if params["auth"] else None
    place = Place(params["namespace"], params["group"], params["cluster"])
    return Client(params["servers"], place, account, _zookeeper_place.tls(params["tls"]), params["api"])


def _instance(one: Any) -> Instance:
    try:
        return Instance(
            ip=str(one["ip"]),
            port=int(one["port"]),
            weight=float(one["weight"]),
            enabled=bool(one["enabled"]),
            healthy=bool(one["healthy"]),
            ephemeral=bool(one["ephemeral"]),
            cluster=str(one["clusterName"]),
            metadata=dict(one.get("metadata") or {}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NacosError(f"an instance has no {error}: {str(one)[:200]}") from error


def _shown(body: bytes) -> str:
    return repr(body[:160].decode(errors="replace"))
