# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The instance's host as far as its firewall is concerned: which one there is, whom it may refuse, who is connected."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Mapping, Sequence

from . import _command, _grammar, _nginx_connection
from ._firewall_iptables import Iptables
from ._firewall_nft import Nftables
from ._firewall_rule import Address, Firewall, FirewallError, Rule

_TOOLS = ("nft", "iptables")
_SSH = 22
# As /proc/net/tcp writes them: established, and about to be.
_OPEN = ("01", "03")


def firewall(command: Sequence[str] | None) -> Firewall:
    """The client for `command`, or for what there is here. Raises FirewallError, or ValueError for another program."""
    words = list(command or [_found()])
    name = os.path.basename(words[-1])
    if name == "nft":
        return Nftables(words)
    if name.startswith("iptables"):
        return Iptables(words)
    raise ValueError(f"command {words!r} calls neither nft nor iptables: write it as in [sudo, -n, nft]")


def _found() -> str:
    for name in _TOOLS:
        if _command.which(name):
            return name
    raise FirewallError("neither nft nor iptables is here: install nftables, or say where it is with 'command'")


def addresses(member: str, known: Sequence[str]) -> frozenset[tuple[Address, int]]:
    """Where the member listens: as its balancers know it, or else as its name resolves here. Raises ValueError."""
    found: set[tuple[Address, int]] = set()
    for text in known or [member]:
        host, port = _grammar.address(text, "member")
        found |= {(address, port) for address in _resolved(host, "member")}
    return frozenset(found)


def sources(names: Iterable[str]) -> frozenset[Address]:
    """The addresses of those who are to be refused. Raises ValueError for a name that does not resolve."""
    return frozenset(address for name in names for address in _resolved(name, "from"))


def _resolved(name: str, what: str) -> set[Address]:
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{what}: {name!r} does not resolve on this host ({error}): write its address") from None
    return {ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers}


def refuse(rule: Rule, environment: Mapping[str, str]) -> None:
    """Raises ValueError where the rule would shut out more than balancers: whoever comes by SSH, or the host itself."""
    client, _port, _own, server = (environment.get("SSH_CONNECTION", "").split() + [""] * 4)[:4]
    for _address, port in rule.to:
        if port in (_SSH, int(server or _SSH)):
            raise ValueError(f"port {port} is that of SSH, which is never closed: name the instance's own port")
    for source in rule.sources:
        if client and source == ipaddress.ip_address(client.partition("%")[0]):
            raise ValueError(f"from: {source} is where this run comes from: name the balancers' addresses alone")
        if str(source) in ("127.0.0.1", "::1") or source.is_unspecified or source.is_multicast:
            raise ValueError(f"from: {source} is no balancer's address: this host's own checks would be refused")
    if not any(rule.pairs()):
        raise ValueError("from has no address of the same kind, IPv4 or IPv6, as the instance's")


def connected(rule: Rule) -> dict[str, int]:
    """How many connections each of `rule.sources` has to `rule.to` now, by source; only those that have any."""
    wanted = {(str(address), port) for address, port in rule.to}
    sources = {str(source) for source in rule.sources}
    found: dict[str, int] = {}
    for own, remote in _nginx_connection.pairs(_OPEN):
        if remote[0] in sources and own in wanted:
            found[remote[0]] = found.get(remote[0], 0) + 1
    return found
