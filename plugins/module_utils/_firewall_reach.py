# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a balancer's host meets when it connects to a member, as nginx does: the proof from the other side."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _grammar, _sweep
from ._firewall_rule import Address, listed
from ._target import Seen

ACCEPTED, REFUSED = "accepted", "refused"
_REFUSALS = (errno.ECONNREFUSED, errno.ECONNRESET)


class NoSource(ValueError):
    """This host would come from an address that is not among those that are to be refused."""


def sources(wanted: Iterable[Address], targets: Iterable[str], bound: bool) -> list[Address]:
    """Those of `wanted` that are this host's own. Raises NoSource where there is none, or where it comes from another.

    bound: whether nginx binds its connections itself (proxy_bind), so that the route says nothing.
    """
    allowed = set(wanted)
    own = [one for one in allowed if _is_own(one)]
    if not own:
        raise NoSource(f"from has {listed(allowed)}, none of which is an address of this balancer: add the one it uses")
    if not bound:
        for target in targets:
            address = _route(*_grammar.address(target, "member"))
            if address is not None and address not in allowed:
                raise NoSource(f"this balancer comes to {target} from {address}, which from does not have: add it")
    return sorted(own, key=str)


def sweep(members: Mapping[str, Sequence[str]], own: Sequence[Address], timeout: float) -> dict[str, str]:
    """By member, ACCEPTED where all of its addresses take a connection from all of `own`, REFUSED where all answer with
    a reset, and else what they do. All at once; timeout in seconds for one."""
    probes: dict[str, dict[str, Any]] = {}
    for member, addresses in members.items():
        for address in addresses:
            host = ipaddress.ip_address(_grammar.address(address, "member")[0])
            for source in own:
                if source.version == host.version:
                    probes[f"{member} {address} {source}"] = {"to": address, "from": str(source)}
    seen = _sweep.sweep(probes, timeout, _connect)
    found: dict[str, set[str]] = {member: set() for member in members}
    for name, one in seen.items():
        found[name.split(" ")[0]].add(one.saw)
    return {member: " and ".join(sorted(saw)) or "has no address to connect to" for member, saw in found.items()}


def _connect(probe: Mapping[str, Any], timeout: float) -> Seen:
    host, port = _grammar.address(probe["to"], "member")
    try:
        socket.create_connection((host, port), timeout=timeout, source_address=(probe["from"], 0)).close()
    except OSError as error:
        refused = error.errno in _REFUSALS
        return Seen(False, REFUSED if refused else f"does not answer {probe['from']} ({error})")
    return Seen(True, ACCEPTED)


def _is_own(address: Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        try:
            trial.bind((str(address), 0))
        except OSError:
            return False
    return True


def _route(host: str, port: int) -> Address | None:
    """The address from which this host goes there; None where there is no way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect((host, port))
        except OSError:
            return None
        return ipaddress.ip_address(str(trial.getsockname()[0]).partition("%")[0])
