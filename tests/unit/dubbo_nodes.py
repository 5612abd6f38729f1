# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nodes as Dubbo writes them to ZooKeeper, in the shapes of its releases; what tests vary is an argument."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

ECHO = "lab.Echo"
BORN = 1_700_000_000_000


def encoded(url: str) -> str:
    """As Java's URLEncoder does it."""
    return urllib.parse.quote_plus(url, safe="*").replace("~", "%7E")


def url33(
    at: str = "10.0.0.3:20880",
    interface: str = ECHO,
    application: str = "order-svc",
    scheme: str = "dubbo",
    **more: Any,
) -> str:
    """The URL of a provider of Dubbo 3.3.6 that registers on both levels. It names no pid, and its host alone."""
    given = {
        "application": application, "deprecated": "false", "dubbo": "2.0.2", "dynamic": "true", "generic": "false",
        "interface": interface, "methods": "echo", "prefer.serialization": "hessian2,fastjson2", "release": "3.3.6",
        "service-name-mapping": "true", "side": "provider", "timestamp": BORN, **more,
    }  # fmt: skip
    return _url(scheme, at, interface, given)


def url27(at: str = "10.0.0.3:20880", interface: str = ECHO, application: str = "order-svc", **more: Any) -> str:
    """The URL of a provider of Dubbo 2.7.23."""
    given = {
        "anyhost": "true", "application": application, "deprecated": "false", "dubbo": "2.0.2", "dynamic": "true",
        "generic": "false", "interface": interface, "metadata-type": "remote", "methods": "echo", "pid": "4711",
        "release": "2.7.23", "service.name": f"ServiceBean:/{interface}", "side": "provider", "timestamp": BORN, **more,
    }  # fmt: skip
    return _url("dubbo", at, interface, given)


def _url(scheme: str, at: str, path: str, given: Mapping[str, Any]) -> str:
    pairs = (f"{name}={value}" for name, value in sorted(given.items()) if value is not None)
    return f"{scheme}://{at}/{path}?{'&'.join(pairs)}"


def instance33(
    host: str = "10.0.0.3",
    port: int = 20880,
    application: str = "order-svc",
    endpoints: Mapping[str, int] | None = None,
    registered: int = BORN + 800,
    revision: str = "b7f3d2c1a0e94d5f8a6b7c8d9e0f1a2b",
    storage: str = "local",
    timestamp: int = BORN,
) -> bytes:
    """An instance of Dubbo 3.3.6 on the application level, as Curator 5 writes it."""
    params = {"prefer.serialization": "hessian2,fastjson2", "version": "2.0.0", "dubbo": "2.0.2", "release": "3.3.6",
              "side": "provider", "port": str(port), "protocol": "dubbo"}  # fmt: skip
    offered = [{"port": number, "protocol": name} for name, number in (endpoints or {"dubbo": port}).items()]
    metadata = {
        "dubbo.endpoints": json.dumps(offered, separators=(",", ":")),
        "dubbo.metadata-service.url-params": json.dumps(params, separators=(",", ":")),
        "dubbo.metadata.revision": revision,
        "dubbo.metadata.storage-type": storage,
        "meta-v": "2.0.0",
        "timestamp": str(timestamp),
    }
    if storage == "remote":
        del metadata["dubbo.metadata-service.url-params"]
    payload = {
        "@class": "org.apache.dubbo.registry.zookeeper.ZookeeperInstance",
        "id": f"{host}:{port}",
        "name": application,
        "metadata": metadata,
    }
    node = {
        "name": application, "id": f"{host}:{port}", "address": host, "port": port, "sslPort": None,
        "payload": payload, "registrationTimeUTC": registered, "serviceType": "DYNAMIC", "uriSpec": None,
    }  # fmt: skip
    return json.dumps(node, separators=(",", ":")).encode()


def metadata33(*services: tuple[str, str, str, str], application: str = "order-svc", revision: str = "b7f3") -> bytes:
    """The metadata of a revision; each service is (interface, group, version, protocol)."""
    found = {}
    for interface, group, version, protocol in services:
        key = f"{f'{group}/' if group else ''}{interface}{f':{version}' if version else ''}:{protocol}"
        one = {"name": interface, "group": group or None, "version": version or None, "protocol": protocol,
               "path": interface, "port": 20880, "params": {"side": "provider", "release": "3.3.6"}}  # fmt: skip
        found[key] = {name: value for name, value in one.items() if value is not None}
    return json.dumps({"app": application, "revision": revision, "services": found}).encode()


def rule30(key: str = ECHO, providers: tuple[str, ...] = ("10.0.0.3:20880",), **more: Any) -> bytes:
    """A rule of the configuration centre that disables providers for all consumers of a service."""
    item = {
        "side": "consumer",
        "addresses": ["0.0.0.0"],
        "providerAddresses": list(providers),
        "parameters": {"disabled": True},
        **more,
    }
    return f"configVersion: v3.0\nscope: service\nkey: {key}\nenabled: true\nconfigs: [{json.dumps(item)}]\n".encode()
