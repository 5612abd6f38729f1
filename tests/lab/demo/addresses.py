# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which addresses can be listened on, and who holds the others."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import random
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import processes

LISTEN = "0A"
MAPPED = "0000000000000000FFFF0000"


class Unusable(Exception):
    """The machine, or an address on it, cannot be used; the message says why and what to do."""


def check(addresses: Iterable[str]) -> None:
    """Raise Unusable unless every `host:port` can be listened on. Nothing is left open."""
    if not sys.platform.startswith("linux"):
        raise Unusable(f"The demo needs Linux: it uses 127.0.0.2 and other loopback addresses; this is {sys.platform}.")
    taken = []
    for address in addresses:
        reason = refusal(address)
        if reason:
            taken.append(f"  {address}: {reason}")
    if taken:
        raise Unusable("These addresses cannot be used, and nothing was touched:\n" + "\n".join(taken))


def refusal(address: str) -> str:
    """Why `host:port` cannot be listened on, with its holder; empty where it can."""
    host, port = address.split(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"held by {' and '.join(holders(host, int(port))) or 'a socket that is being closed; try again'}"
            return str(error)
    return ""


def holders(host: str, port: int) -> list[str]:
    """Who listens there: process, command and folder; or the user, where the process is not ours to look into."""
    inodes = dict(_listening(host, port))
    found = []
    for process in processes.running():
        for inode in _sockets(process.pid) & inodes.keys():
            found.append(str(process))
            inodes.pop(inode)
    return found + [f"a process of user {_user(uid)}" for uid in inodes.values()]


def free_network() -> str:
    """`127.x.y`, a network in which there is no socket, and which is not the demo's own."""
    held = {columns[1].partition(":")[0] for columns in _table("/proc/net/tcp")}
    for _unused in range(1000):
        second, third = random.randint(16, 250), random.randint(1, 250)
        if not any(word.endswith(f"{third:02X}{second:02X}7F") for word in held):
            return f"127.{second}.{third}"
    raise Unusable("no free network under 127.0.0.0/8")


def _table(name: str) -> Iterator[list[str]]:
    """The columns of each socket: 1 is the local address, 3 the state, 7 the user, 9 the inode."""
    with contextlib.suppress(FileNotFoundError):
        for line in Path(name).read_text().splitlines()[1:]:
            yield line.split()


def _listening(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Inode and uid of each socket that listens at the address, or at all addresses."""
    exact = socket.inet_aton(host)[::-1].hex().upper()
    wanted = {exact, MAPPED + exact, "0" * 8, "0" * 32}
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        for columns in _table(name):
            where, _unused, number = columns[1].partition(":")
            if columns[3] == LISTEN and where in wanted and int(number, 16) == port:
                yield columns[9], int(columns[7])


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
