# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the ledger is: a directory, or nodes of a ZooKeeper ensemble. Which of them the settings mean."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from . import _grammar, _ledger_directory
from ._ledger import Ledger

SCHEMES = ("digest", "sasl")
# The settings that only ZooKeeper has.
EXTRA = ("auth", "tls", "readers")


@dataclass(frozen=True)
class Ensemble:
    """servers: `host:port` each. path: the ledger's node. credentials: the file with `user:password`.

    tls: {ca, cert, key}, files too; empty without TLS. readers: digest identities that may read.
    """

    servers: Sequence[str]
    path: str
    scheme: str
    credentials: str
    tls: Mapping[str, str]
    readers: Sequence[str]

    def __str__(self) -> str:
        return f"zookeeper://{','.join(self.servers)}{self.path}"


def is_ensemble(ledger: Any) -> bool:
    return isinstance(ledger, str) and ledger.startswith("zookeeper:")


def parse(ledger: Any, auth: Any = None, tls: Any = None, readers: Any = None) -> str | Ensemble:
    """The directory's path, or the ensemble. Raises ValueError naming what is wrong."""
    if not is_ensemble(ledger):
        path = _grammar.path(ledger, "ledger")
        for name, value in zip(EXTRA, (auth, tls, readers)):
            if value:
                raise ValueError(f"ledger {path!r} is a directory, and {name} is for ZooKeeper: remove one of them")
        return path.rstrip("/")
    servers, node = _grammar.ensemble(ledger, "ledger")
    scheme, credentials = _auth(auth)
    return Ensemble(
        servers, node, scheme, credentials, _tls(tls), [_grammar.identity(one, "readers") for one in readers or []]
    )


def _auth(auth: Any) -> tuple[str, str]:
    if not auth:
        raise ValueError("ledger needs auth in ZooKeeper, or anybody could change it: {scheme: digest, file: /PATH}")
    given = _files(auth, "auth", ("file",), others=("scheme",))
    scheme = auth.get("scheme", SCHEMES[0])
    if scheme not in SCHEMES:
        raise ValueError(f"auth: scheme {scheme!r} is not one of {', '.join(SCHEMES)}")
    if "file" not in given:
        raise ValueError("auth has no file: it names one that holds user:password")
    return scheme, given["file"]


def _tls(tls: Any) -> dict[str, str]:
    given = _files(tls or {}, "tls", ("ca", "cert", "key"))
    if tls and "ca" not in given:
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


def opened(
    place: str | Ensemble, clock: Callable[[], float], *, dry: bool = False, found: bool = True, reads: bool = False
) -> contextlib.AbstractContextManager[Ledger]:
    """The ledger, for as long as the block. dry, found, reads: see Directory."""
    if isinstance(place, Ensemble):
        # Where the ledger is a directory, nobody waits for this import.
        from . import _ledger_zookeeper

        return _ledger_zookeeper.ZooKeeper(place, clock=clock, dry=dry, found=found)
    return contextlib.nullcontext(_ledger_directory.Directory(place, clock=clock, dry=dry, found=found, reads=reads))
