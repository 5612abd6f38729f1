# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a member's name leads, and which other lines of the configuration lead there as well."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ._nginx_conf import Config, Directive
from ._nginx_upstream import Server, Upstream

_PASS = re.compile(r"(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached|tunnel)_pass\Z")
_SCHEME = re.compile(r"(?P<scheme>[a-z]+)://(?P<rest>.*)\Z", re.DOTALL)
_SCHEME_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_VALUES = ("set", "map", "split_clients")


@dataclass
class Resolver:
    """Addresses of members, each name asked for once. failed: name -> why it could not be resolved."""

    failed: dict[str, str] = field(default_factory=dict)
    known: dict[str, frozenset[str]] = field(default_factory=dict)

    def addresses(self, member: str, port: int = 80) -> frozenset[str]:
        """`10.0.0.3:8080`, `[fd00::3]:8080` or `unix:/path`, all that the name has; empty where it does not resolve."""
        if member.startswith("unix:"):
            return frozenset([member])
        host, port = split(member, port)
        if literal := _literal(host):
            return frozenset([f"{literal}:{port}"])
        if host not in self.known:
            self.known[host] = self._ask(host)
        return frozenset(f"{address}:{port}" for address in self.known[host])

    def _ask(self, host: str) -> frozenset[str]:
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self.failed[host] = str(error)
            return frozenset()
        return frozenset(found for answer in answers if (found := _literal(str(answer[4][0]))))


def split(member: str, port: int) -> tuple[str, int]:
    """(host, port) of `host:port`, `[IPv6]:port` or `host`; `port` where none is written. IPv6 loses its brackets."""
    match = re.match(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>\d+))?\Z", member)
    if match is None:
        return member, port
    return match["six"] or match["host"], int(match["port"] or port)


def _literal(host: str) -> str:
    """The canonical text of an IP address, IPv6 in brackets; empty for a name."""
    for family, form in ((socket.AF_INET, "{}"), (socket.AF_INET6, "[{}]")):
        try:
            return form.format(socket.inet_ntop(family, socket.inet_pton(family, host)))
        except (OSError, UnicodeError, ValueError):
            continue
    return ""


def also_sending(
    found: list[Upstream], resolver: Resolver, addresses: Iterable[str], port: int
) -> list[tuple[Upstream, Server]]:
    """The lines, not down, of any upstream that lead to one of `addresses`; names are resolved where the port fits."""
    wanted = frozenset(addresses)
    return [
        (upstream, server)
        for upstream in found
        for server in upstream.servers
        if server.state != "down" and _fits(server.member, wanted, port) and resolver.addresses(server.member) & wanted
    ]


def _fits(member: str, wanted: frozenset[str], port: int, default: int = 80) -> bool:
    return member in wanted or (not member.startswith("unix:") and split(member, default)[1] == port)


def literals(config: Config, found: list[Upstream]) -> list[tuple[str, int, Directive]]:
    """Addresses that requests are passed to outside any upstream: (member, port where none is written, directive).

    `proxy_pass http://10.0.0.3:8080`, its likes, and, where one has a variable, what `set`, `map` and
    `split_clients` may put there.
    """
    names = {upstream.name for upstream in found}
    passes: list[tuple[str, int, Directive]] = []
    values: list[tuple[str, int, Directive]] = []
    variable = False
    for directive, parents in config.walk():
        if directive.block is None and len(directive.args) == 1 and _PASS.match(directive.name):
            variable |= "$" in directive.args[0]
            passes += _destination(directive.args[0], directive, names)
        elif directive.name == "set" or any(parent.name in _VALUES for parent in parents[-1:]):
            values += _destination(directive.args[-1], directive, names) if directive.args else []
    return passes + [value for value in values if variable and re.search(r":\d+\Z", value[0])]


def _destination(text: str, directive: Directive, names: set[str]) -> Iterator[tuple[str, int, Directive]]:
    match = _SCHEME.match(text)
    scheme, rest = (match["scheme"], match["rest"]) if match else ("", text)
    socket_path = re.match(r"unix:[^:]*", rest)
    host = socket_path.group() if socket_path else re.split(r"[/?#]", rest)[0]
    if host and "$" not in host and host not in names:
        yield host, _SCHEME_PORTS.get(scheme, 80), directive


def literal_lines(
    passes: list[tuple[str, int, Directive]], resolver: Resolver, member: str, addresses: Iterable[str]
) -> list[Directive]:
    """The directives of `passes` that lead to `member`, by its name or one of its `addresses`."""
    wanted = frozenset(addresses)
    port = split(member, 80)[1]
    return [
        line
        for host, default, line in passes
        if host == member or (_fits(host, wanted, port, default) and resolver.addresses(host, default) & wanted)
    ]
