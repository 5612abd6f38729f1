# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which process listens at an address: from /proc/net/tcp{,6} and the open files of all processes."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
from collections.abc import Collection

from ._process_host import Host, Identity, ProcessError

_LISTEN = "0A"
_ORDER = -1 if sys.byteorder == "little" else 1


def listener(host: Host, address: str, port: int) -> Identity | None:
    """The process that listens at address:port (an IP or a name); None where nobody does.

    Where several hold the socket (a server and its workers), it is the one that started first.
    Raises ProcessError where the name means nothing or where this account may not see who it is.
    """
    where = _addresses(address)
    inodes = _inodes(host.proc, where, port)
    holders = _holders(host.proc, inodes) if inodes else []
    # systemd holds the sockets that it starts a service by: it is not the service.
    found = [process for process in (host.process(pid) for pid in holders if pid != 1) if process]
    if found:
        return min(found, key=lambda process: (process.start, process.pid))
    hidden = _inodes(host.proc, where, port).keys() & inodes.keys() if 1 not in holders else set()
    if hidden:
        raise ProcessError(
            f"{address}:{port}: uid {os.geteuid()} may not see which process listens there "
            f"(a socket of uid {inodes[hidden.pop()]}): become root or that user, or name a 'pid_file'"
        )
    return None


def _addresses(address: str) -> set[str]:
    try:
        return {str(ipaddress.ip_address(address))}
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ProcessError(f"{address}: this host cannot resolve the name ({error})") from None
    return {str(info[4][0]).partition("%")[0] for info in found}


def _inodes(proc: str, addresses: set[str], port: int) -> dict[str, str]:
    """The listening sockets at one of the addresses, else at any address: {inode: uid}."""
    exact: dict[str, str] = {}
    anywhere: dict[str, str] = {}
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError), open(f"{proc}/net/{name}", encoding="ascii") as stream:
            for line in stream.readlines()[1:]:
                fields = line.split()
                where, _colon, number = fields[1].partition(":")
                if fields[3] != _LISTEN or int(number, 16) != port:
                    continue
                found = _decode(where)
                if str(found) in addresses:
                    exact[fields[9]] = fields[7]
                elif found.is_unspecified:
                    anywhere[fields[9]] = fields[7]
    return exact or anywhere


def _decode(words: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as /proc writes it: words of 32 bits in the host's own order; a mapped IPv4 address as IPv4."""
    raw = b"".join(bytes.fromhex(words[at : at + 8])[::_ORDER] for at in range(0, len(words), 8))
    if len(raw) == 4:
        return ipaddress.IPv4Address(raw)
    found = ipaddress.IPv6Address(raw)
    return found.ipv4_mapped or found


def _holders(proc: str, inodes: Collection[str]) -> list[int]:
    """The pids that have one of the sockets open, as far as we may see."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    return [int(name) for name in os.listdir(proc) if name.isdigit() and _holds(f"{proc}/{name}/fd", wanted)]


def _holds(folder: str, wanted: Collection[str]) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            # Files of a busy server close while we look.
            with contextlib.suppress(OSError):
                if os.readlink(entry.path) in wanted:
                    return True
    return False
