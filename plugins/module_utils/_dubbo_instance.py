# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Dubbo application's instance says of itself on the application level, in Curator's JSON. Pure.

It tells where the instance is, and of its services only a revision: what they are stands in the metadata of that
revision, and that is in the registry only where the application stores it there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _dubbo_url
from ._dubbo_url import Service


@dataclass(frozen=True)
class Instance:
    """endpoints: by protocol its port. registered, timestamp: milliseconds of its own host's clock, or None.

    revision: of its metadata; "0" where it offers nothing.
    """

    application: str
    host: str
    port: int
    endpoints: Mapping[str, int]
    registered: int | None
    timestamp: int | None
    revision: str
    release: str


def parse(data: bytes) -> Instance:
    """From the bytes of its node. Raises ValueError that says what is wrong with them."""
    given = _mapping(data, "it")
    payload = given.get("payload")
    metadata = payload.get("metadata") if isinstance(payload, dict) else None
    host, port = given.get("address"), given.get("port")
    if not isinstance(metadata, dict) or not isinstance(host, str) or not isinstance(port, int):
        raise ValueError("it has no address, port and payload with metadata")
    parameters = metadata.get("dubbo.metadata-service.url-params")
    return Instance(
        str(given.get("name", "")),
        _dubbo_url.plain_host(host),
        port,
        _endpoints(metadata.get("dubbo.endpoints"), port),
        _whole(given.get("registrationTimeUTC")),
        _whole(metadata.get("timestamp")),
        str(metadata.get("dubbo.metadata.revision", "")),
        str(_mapping(parameters, "url-params").get("release", "")) if parameters else "",
    )


def services(data: bytes) -> dict[Service, frozenset[str]]:
    """What the metadata of a revision offer: by service its protocols. Raises ValueError."""
    found: dict[Service, frozenset[str]] = {}
    offered = _mapping(data, "it").get("services")
    if not isinstance(offered, dict) or not all(isinstance(one, dict) for one in offered.values()):
        raise ValueError("it has no services")
    for one in offered.values():
        name = one.get("name") or one.get("path")
        if not name:
            raise ValueError("it has a service without a name")
        service = Service(str(name), str(one.get("group") or ""), str(one.get("version") or ""))
        found[service] = found.get(service, frozenset()) | {str(one.get("protocol", ""))}
    return found


def release(data: bytes) -> str:
    """Dubbo's version, from the metadata: their instance does not name it. Empty where they do not either."""
    found = [one.get("params") or {} for one in _mapping(data, "it").get("services", {}).values()]
    return next((str(params["release"]) for params in found if params.get("release")), "")


def applications(data: bytes) -> frozenset[str]:
    """Which applications offer an interface, from its mapping."""
    return frozenset(name.strip() for name in data.decode(errors="replace").split(",") if name.strip())


def _endpoints(text: Any, port: int) -> dict[str, int]:
    """An instance that names none has the one that its address says; before 3.0 nobody asks by which protocol."""
    if not text:
        return {"dubbo": port}
    try:
        return {str(one["protocol"]): int(one["port"]) for one in json.loads(text)}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"its dubbo.endpoints {str(text)[:100]!r} are no list of protocols and ports") from error


def _mapping(data: Any, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{what} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{what} is no JSON object")
    return found


def _whole(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None
