# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A network of one's own: what a test starts within it has its own loopback, ports and firewall, and no way out.

It needs root, and the Debian package iproute2.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import subprocess
from collections.abc import Iterator

_NEWNET = 0x40000000
_COUNTED = re.compile(r" \[\d+:\d+\]")


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """This thread, and every process and thread that it starts meanwhile, is in a network namespace of its own.

    It ends with the last process in it. Raises OSError where that is not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as before:
        _done(libc.unshare(_NEWNET), "unshare")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            _done(libc.setns(before.fileno(), _NEWNET), "setns")


def rules() -> str:
    """Every rule in this network, nftables' and both iptables', as they tell it themselves, without counters."""
    commands = (["nft", "-s", "list", "ruleset"], ["iptables-legacy-save"], ["ip6tables-legacy-save"])
    texts = [subprocess.run(one, check=True, capture_output=True, text=True).stdout for one in commands]
    told = "".join(line for text in texts for line in text.splitlines(keepends=True) if not line.startswith("#"))
    return _COUNTED.sub("", told)


def _done(code: int, what: str) -> None:
    if code:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
