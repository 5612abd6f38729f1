# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Dubbo provider's URL, as registries hold it: what is offered, where, and by which process. Pure.

The name of a provider's node is its whole URL, in which time and pid change with every start: two of them are compared
by what they say, never as they are written.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

# What of a URL is nobody's business, encoded or not: the values of these, and who is named before an @.
_SECRET = re.compile(r"((?:token|password|username|secret|accesskey\w*)(?:%3D|=))((?!%26|&).)+", re.IGNORECASE)
_USER = re.compile(r"(%3A%2F%2F|://)((?!%2F|/|%3F|\?).)*(%40|@)", re.IGNORECASE)

# Who is the same for consumers: protocol, host and port.
Place = tuple[str, str, int]


@dataclass(frozen=True)
class Service:
    """What consumers ask for; group and version are empty where there is none."""

    interface: str
    group: str = ""
    version: str = ""

    @property
    def key(self) -> str:
        """As QoS and metadata have it: `group/interface:version`."""
        group = f"{self.group}/" if self.group else ""
        return f"{group}{self.interface}{f':{self.version}' if self.version else ''}"

    @property
    def rule_key(self) -> str:
        """As rules have it: `interface:version:group`."""
        return f"{self.interface}:{self.version}:{self.group}"

    @property
    def pool(self) -> str:
        """Its name among pools, which has no slash in it."""
        return self.rule_key.rstrip(":")

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True)
class ProviderUrl:
    """host: without brackets. timestamp: of its export, in milliseconds of its own host's clock. disabled: by itself.

    pid, timestamp: None where it does not say. mapped: whether it is registered on the application level as well.
    """

    service: Service
    protocol: str
    host: str
    port: int
    application: str
    pid: int | None
    timestamp: int | None
    release: str
    dynamic: bool
    disabled: bool
    weight: int
    mapped: bool

    @property
    def place(self) -> Place:
        return self.protocol, self.host, self.port


def service(key: str) -> Service:
    """From `group/interface:version`."""
    group, _slash, rest = key.rpartition("/")
    interface, _colon, version = rest.partition(":")
    return Service(interface, group, version)


def address(host: str, port: int) -> str:
    """For people and pools: `10.0.0.3:20880`, `[fd00::3]:20880`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plain_host(text: str) -> str:
    """One spelling for each host: IPv6 short and without brackets or scope, names in lower case."""
    bare = text.strip("[]").partition("%")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare.lower()


def split(text: str) -> tuple[str, str, str, Mapping[str, str]]:
    """A decoded URL as (scheme, authority, path, parameters). Raises ValueError that says what is wrong with it."""
    scheme, mark, rest = text.partition("://")
    if not mark or not scheme:
        raise ValueError("it has no scheme, as in dubbo://")
    body, _mark, query = rest.partition("?")
    authority, _slash, path = body.partition("/")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return scheme, authority.rpartition("@")[2], path, {name: value for name, _equals, value in pairs}


def located(authority: str) -> tuple[str, int]:
    """`host:port` as (host, port); IPv6 with and without brackets, as Dubbo writes either. Raises ValueError."""
    host, _colon, port = authority.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or (host.startswith("[") != host.endswith("]")):
        raise ValueError(f"{authority!r} is no host:port")
    return plain_host(host), int(port)


def decoded(node: str) -> str:
    """A node's name as it was before Java's URLEncoder."""
    return urllib.parse.unquote_plus(node, errors="strict")


def shown(path: str) -> str:
    """A node's path for people: consumers' secrets may stand in it."""
    return _USER.sub(r"\1***\3", _SECRET.sub(r"\1***", path))


def parse(node: str) -> ProviderUrl:
    """The provider that a node's name stands for. Raises ValueError that says what is wrong with it."""
    scheme, authority, path, given = split(decoded(node))
    host, port = located(authority)

    def value(name: str, otherwise: str = "") -> str:
        # Up to 2.6 what a provider inherits stands there as a default.
        return given.get(name) or given.get(f"default.{name}") or otherwise

    if value("side", "provider") != "provider":
        raise ValueError(f"it is a {value('side')}, not a provider")
    interface = value("interface", path)
    if not interface:
        raise ValueError("it names no interface")
    return ProviderUrl(
        Service(interface, value("group"), value("version")),
        scheme,
        host,
        port,
        value("application"),
        _number(value("pid")),
        _number(value("timestamp")),
        # What is called dubbo is since 2.7 the version of the protocol.
        value("release") or value("dubbo"),
        value("dynamic", "true") != "false",
        _disabled(given),
        _number(value("weight", "100")) or 0,
        value("service-name-mapping") == "true",
    )


def _disabled(given: Mapping[str, str]) -> bool:
    """As consumers judge it: `enabled` counts only where there is no `disabled`."""
    if given.get("disabled"):
        return given["disabled"].lower() == "true"
    return (given.get("enabled") or "true").lower() != "true"


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
