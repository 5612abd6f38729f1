# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections from nginx's processes to an address, and of a whole host, from /proc."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

_ESTABLISHED = "01"
_UNIX_CONNECTED = "03"
_MAPPED = b"\0" * 10 + b"\xff\xff"


@dataclass(frozen=True)
class Connections:
    """How many connections lead to each address. exact: False where they may belong to other programs too."""

    counts: dict[str, int]
    exact: bool


def established(pids: Iterable[int], addresses: Iterable[str]) -> Connections:
    """Count connections of the processes `pids` to `addresses` (`ip:port`, `[ip]:port`, `unix:/path`).

    Where the rights to see a process's own sockets are missing, every connection of its network namespace counts;
    those to a Unix socket always do, whoever made them. Raises OSError where the kernel's tables cannot be read.
    """
    running = list(pids)
    inodes, exact = _inodes(running)
    wanted = set(addresses)
    counts = dict.fromkeys(sorted(wanted), 0)
    for address, inode in _tcp(running[0]):
        if address in wanted and (not exact or inode in inodes):
            counts[address] += 1
    unix = {address[len("unix:") :]: address for address in wanted if address.startswith("unix:")}
    for path in _unix() if unix else ():
        if path in unix:
            counts[unix[path]] += 1
    return Connections(counts, exact)


def _inodes(pids: list[int]) -> tuple[set[str], bool]:
    """The inodes of all sockets of `pids`, and whether all could be seen."""
    found, exact = set(), True
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        try:
            handles = os.listdir(folder)
        except PermissionError:
            exact = False
            continue
        except OSError:
            continue
        for handle in handles:
            with contextlib.suppress(OSError):
                target = os.readlink(os.path.join(folder, handle))
                if target.startswith("socket:["):
                    found.add(target[len("socket:[") : -1])
    return found, exact


def _tcp(pid: int) -> Iterator[tuple[str, str]]:
    """(remote address, inode) of each established connection in the network namespace of `pid`."""
    for fields in _sockets(f"/proc/{pid}/net", (_ESTABLISHED,)):
        yield remote(fields[2]), fields[9]


def pairs(states: Collection[str]) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """((own address, port), (remote address, port)) of each connection of this network namespace in one of `states`."""
    for fields in _sockets("/proc/net", states):
        own, other = (remote(fields[number]).rpartition(":") for number in (1, 2))
        yield (own[0].strip("[]"), int(own[2])), (other[0].strip("[]"), int(other[2]))


def _sockets(folder: str, states: Collection[str]) -> Iterator[list[str]]:
    """The fields of each TCP socket in one of `states`: 1 own address, 2 remote address, 9 inode."""
    for table in ("tcp", "tcp6") if os.path.exists(f"{folder}/tcp6") else ("tcp",):
        for line in _lines(f"{folder}/{table}"):
            fields = line.split()
            if len(fields) > 9 and fields[3] in states:
                yield fields


def remote(text: str) -> str:
    """`0300000A:1F90`, as /proc/net/tcp and tcp6 write an address, as `10.0.0.3:8080`; a mapped IPv4 as IPv4."""
    host, port = text.split(":")
    words = [int(host[at : at + 8], 16) for at in range(0, len(host), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    if raw.startswith(_MAPPED):
        raw = raw[len(_MAPPED) :]
    if len(raw) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, raw)}:{int(port, 16)}"
    return f"[{socket.inet_ntop(socket.AF_INET6, raw)}]:{int(port, 16)}"


def _unix() -> Iterator[str]:
    for line in _lines("/proc/net/unix"):
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[5] == _UNIX_CONNECTED:
            yield fields[7]


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read().splitlines()[1:]
