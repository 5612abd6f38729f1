# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What its users write of a ZooKeeper: who asks, and by which certificates. Files, never secrets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _grammar

SCHEMES = ("digest", "sasl")
# As a module's options.
OPTIONS: Mapping[str, Any] = {
    "auth": {
        "type": "dict",
        "options": {
            "scheme": {"type": "str", "choices": list(SCHEMES), "default": SCHEMES[0]},
            "file": {"type": "path", "required": True},
        },
    },
    "tls": {
        "type": "dict",
        "options": {
            "ca": {"type": "path", "required": True},
            "cert": {"type": "path"},
            "key": {"type": "path", "no_log": False},
        },
    },
}


def auth(value: Any) -> tuple[str, str]:
    """`{scheme, file}` as (scheme, file). Raises ValueError."""
    given = _files(value, "auth", ("file",), others=("scheme",))
    scheme = value.get("scheme", SCHEMES[0])
    if scheme not in SCHEMES:
        raise ValueError(f"auth: scheme {scheme!r} is not one of {', '.join(SCHEMES)}")
    if "file" not in given:
        raise ValueError("auth has no file: it names one that holds user:password")
    return scheme, given["file"]


def tls(value: Any) -> dict[str, str]:
    """`{ca, cert, key}`, those that are there; empty without TLS. Raises ValueError."""
    given = _files(value or {}, "tls", ("ca", "cert", "key"))
    if value and "ca" not in given:
        raise ValueError("tls has no ca: the file with the certificates that sign the servers'")
    if ("cert" in given) != ("key" in given):
        raise ValueError("tls has only one of cert and key: the client's certificate needs both files")
    return given


def _files(values: Any, what: str, names: Sequence[str], others: Sequence[str] = ()) -> dict[str, str]:
    if not isinstance(values, Mapping):
        raise ValueError(f"{what} is no mapping, as in {{{names[0]}: /PATH}}")
    unknown = [str(name) for name in values if name not in (*names, *others)]
    if unknown:
        raise ValueError(f"{what} has {', '.join(unknown)}, and knows only {', '.join((*others, *names))}")
    return {name: _grammar.path(values[name], f"{what}: {name}") for name in names if values.get(name) is not None}
