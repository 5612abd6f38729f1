# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may go into a configuration or a command: each name matches its grammar first.

Every function returns the value in its typed form, or raises ValueError that names the value
and says what would be right.
"""

from __future__ import annotations

import ipaddress
import math
import re
import urllib.parse
from typing import Any

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\Z")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,127}\Z")
_NUMERIC = re.compile(r"(\A|\.)[0-9]+\Z")
_PROGRAM = re.compile(r"(/[^\0]+|[A-Za-z0-9_][A-Za-z0-9_.+-]*)\Z")
_RUN = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}\Z")
_IDENTITY = re.compile(r"[^:\s]{1,64}:[A-Za-z0-9+/]{27}=\Z")
_GROUP = re.compile(r"[A-Za-z0-9_%|.:@/+#-]{1,255}\Z")
_PATH = re.compile(r"/[A-Za-z0-9_./@+:-]{1,1023}\Z")


def word(value: Any, what: str) -> str:
    """A name of an upstream, unit, program or service: letters, digits and `_ . : @ -`, at most 128."""
    if isinstance(value, str) and _WORD.match(value):
        return value
    raise ValueError(f"{what} {value!r} is no name: use letters, digits and _ . : @ - (at most 128), as in 'order_svc'")


def group(value: Any, what: str) -> str:
    """A consumer group, topic or queue: letters, digits and `_ % | . : @ / + # -`, at most 255."""
    if isinstance(value, str) and _GROUP.match(value):
        return value
    raise ValueError(
        f"{what} {value!r} is no name: use letters, digits and _ % | . : @ / + # - (at most 255), as in 'order-queue'"
    )


def seconds(value: Any, what: str) -> float:
    """A finite number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{what} {value!r} is no number of seconds")
    return float(value)


def address(value: Any, what: str) -> tuple[str, int]:
    """`host:port` or `[IPv6]:port`, as (host, port); the host without brackets."""
    text = value if isinstance(value, str) else ""
    host, colon, port = text.rpartition(":")
    if not colon or not host or text.endswith("]") or (":" in host and not host.startswith("[")):
        raise ValueError(f"{what} {value!r} has no port: write host:port, as in '10.0.0.3:8080' or '[fd00::3]:8080'")
    if not re.match(r"[1-9][0-9]{0,4}\Z", port) or int(port) > 65535:
        raise ValueError(f"{what} {value!r}: port {port!r} is not a number from 1 to 65535")
    return _host(host, value, what), int(port)


def _host(host: str, value: Any, what: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            found = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            found = None
        # A scope (fe80::1%eth0) may hold anything at all.
        if found is None or "%" in host:
            raise ValueError(f"{what} {value!r}: {host!r} is no IPv6 address, as in '[fd00::3]:8080'")
        return str(found)
    if _HOST_NAME.match(host) and (not _NUMERIC.search(host) or _is_ipv4(host)):
        return host
    raise ValueError(f"{what} {value!r}: {host!r} is neither an address nor a host name")


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def member(value: Any, what: str) -> str:
    """A load balancer's member as it is listed there: `host:port`, `[IPv6]:port`, `host`, or `unix:/path`."""
    if isinstance(value, str):
        if value.startswith("unix:"):
            path(value[len("unix:") :], what)
            return value
        if _HOST_NAME.match(value):
            return _host(value, value, what)
    address(value, what)
    return str(value)


def path(value: Any, what: str) -> str:
    """An absolute path without `..`, spaces or shell characters."""
    if isinstance(value, str) and _PATH.match(value) and ".." not in value.split("/"):
        return value
    raise ValueError(f"{what} {value!r} is not an absolute path of letters, digits and _ . / @ + : - without '..'")


def run(value: Any, what: str) -> str:
    """The id of a run."""
    if isinstance(value, str) and _RUN.match(value):
        return value
    raise ValueError(f"{what} {str(value)[:200]!r} is no id of a run, as in '20261123T120301-7f3a2c'")


def command(value: Any, what: str) -> list[str]:
    """A command as a list of words, never a shell line; the first is a program's name or absolute path."""
    words = isinstance(value, list) and value and all(isinstance(part, str) and part for part in value)
    if words and not any(char in part for part in value for char in "\0\n\r") and _PROGRAM.match(value[0]):
        return list(value)
    raise ValueError(f"{what} {value!r} is no command: write a list of words, as in ['systemctl', 'reload', 'nginx']")


def url(value: Any, what: str) -> str:
    """An http or https URL without user and password, which no error shows."""
    text = value if isinstance(value, str) else ""
    shown = re.sub(r"(?s)//.*@", "//...@", text) if text else value
    if not text.isprintable() or " " in text:
        raise ValueError(f"{what} {shown!r} has a space or a control character in it")
    try:
        parts = urllib.parse.urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError(f"{what} {shown!r} is no URL: its host or port cannot be read") from None
    if not host or port == 0 or parts.scheme not in ("http", "https"):
        raise ValueError(f"{what} {shown!r} is no http or https URL, as in 'http://127.0.0.1:8080/health'")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{what} {shown!r} has a user or password in it: give them by 'headers_file'")
    return text


def ensemble(value: Any, what: str) -> tuple[list[str], str]:
    """`zookeeper://host:port,.../path`, as (servers, path); a password in it is refused, and shown by no error."""
    wrong = "is no ensemble with a path, as in 'zookeeper://zk1:2181,zk2:2181/restart'"
    servers, node = _ensemble(value, what, wrong)
    if not node:
        raise ValueError(f"{what} {value!r} {wrong}")
    return servers, node


def registry(value: Any, what: str) -> tuple[list[str], str]:
    """`zookeeper://host:port,...[/chroot]`, as (servers, chroot); the chroot is empty where there is none."""
    wrong = "is no ZooKeeper, as in 'zookeeper://zk1:2181,zk2:2181'"
    if "?" in str(value) and "@" not in str(value):
        raise ValueError(f"{what} {value!r} {wrong}: name all servers that way, without parameters")
    return _ensemble(value, what, wrong)


def _ensemble(value: Any, what: str, wrong: str) -> tuple[list[str], str]:
    text = value if isinstance(value, str) else ""
    if "@" in text:
        raise ValueError(f"{what} 'zookeeper://...@...' has a user or password in it: give them by a file")
    if not text.startswith("zookeeper://"):
        raise ValueError(f"{what} {value!r} {wrong}")
    hosts, mark, rest = text.partition("://")[2].partition("/")
    servers = hosts.split(",")
    for server in servers:
        address(server, what)
    if len(set(servers)) != len(servers):
        raise ValueError(f"{what} {value!r} names a server twice")
    return servers, _node(f"/{rest}", value, what) if mark else ""


def _node(text: str, value: Any, what: str) -> str:
    node = path(text, what)
    if {"", ".", "zookeeper"} & set(node.split("/")[1:]):
        raise ValueError(
            f"{what} {value!r}: {node!r} is no path of a node: write it as in '/restart' or '/team/restart'"
        )
    return node


def identity(value: Any, what: str) -> str:
    """Who may read a ZooKeeper ledger: `user:digest`, as ZooKeeper's ACLs of the scheme digest have it."""
    if isinstance(value, str) and _IDENTITY.match(value):
        return value
    # What stands behind the colon may be the password itself.
    user = str(value).partition(":")[0]
    raise ValueError(f"{what} '{user}:...' is no 'user:digest' with the SHA-1 of 'user:password' in base64")
