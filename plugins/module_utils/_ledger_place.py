# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the ledger is: a directory, or nodes of a ZooKeeper ensemble. Which of them the settings mean."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from . import _grammar, _ledger_directory, _zookeeper_place
from ._ledger import Ledger

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
    if not auth:
        raise ValueError("ledger needs auth in ZooKeeper, or anybody could change it: {scheme: digest, file: /PATH}")
    scheme, credentials = _zookeeper_place.auth(auth)
    allowed = [_grammar.identity(one, "readers") for one in readers or []]
    return Ensemble(servers, node, scheme, credentials, _zookeeper_place.tls(tls), allowed)


def opened(
    place: str | Ensemble, clock: Callable[[], float], *, dry: bool = False, found: bool = True, reads: bool = False
) -> contextlib.AbstractContextManager[Ledger]:
    """The ledger, for as long as the block. dry, found, reads: see Directory."""
    if isinstance(place, Ensemble):
        # Where the ledger is a directory, nobody waits for this import.
        from . import _ledger_zookeeper

        return _ledger_zookeeper.ZooKeeper(place, clock=clock, dry=dry, found=found)
    return contextlib.nullcontext(_ledger_directory.Directory(place, clock=clock, dry=dry, found=found, reads=reads))
