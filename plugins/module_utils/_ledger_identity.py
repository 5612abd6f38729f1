# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who a ZooKeeper ledger belongs to: the identity in a file, and the rights that its nodes have."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
from collections.abc import Iterable
from typing import Any

from . import _ledger_trust, _zookeeper
from ._ledger import Refused
from ._ledger_place import Ensemble


class Access:
    """identity: who asks. acl: the rights of what it makes: all for itself, reading for the readers."""

    def __init__(self, place: Ensemble) -> None:
        sasl = place.scheme == "sasl" and importlib.util.find_spec("puresasl") is None
        for library, missing in (("kazoo", not _zookeeper.HAS_KAZOO), ("pure-sasl", sasl)):
            if missing:
                raise Refused(
                    f"the ledger {place} needs the Python library {library} on {os.uname().nodename}, and it is not "
                    f"there or too old: pip install --upgrade {library}. Nothing was changed."
                )
        for name, path in place.tls.items():
            if not os.access(path, os.R_OK):
                raise Refused(f"tls: {name} {path} cannot be read. Nothing was changed.")
        self.identity = _zookeeper.Identity(place.scheme, *_credentials(place.credentials))
        self._own = (place.scheme, self._name())
        self.acl = _zookeeper.rights(self._own, [("digest", reader) for reader in place.readers])

    def _name(self) -> str:
        """As ACLs have it."""
        one = self.identity
        if one.scheme != "digest":
            return one.user
        digest = hashlib.sha1(f"{one.user}:{one.password}".encode()).digest()
        return f"{one.user}:{base64.b64encode(digest).decode()}"

    def others(self, acl: Iterable[Any]) -> list[str]:
        """Who must have no right to a node: anybody at all; and for its owner, who else may do more than read."""
        writers = [one for one in acl if one.perms != _zookeeper.READ]
        strange = [one for one in acl if one.id.scheme in ("world", "ip")]
        if any(tuple(one.id) == self._own for one in writers):
            strange = [one for one in acl if one in strange or (one in writers and tuple(one.id) != self._own)]
        return [f"{one.id.scheme}:{one.id.id.partition(':')[0]}" for one in strange]


def _credentials(path: str) -> tuple[str, str]:
    """User and password from a file that only this account reads. No error shows them."""
    try:
        data = _ledger_trust.private(path, None)
        text = (data or b"").decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"auth: file {path} cannot be read: {error}. Nothing was changed.") from error
    user, colon, password = text.partition(":")
    if data is None:
        raise Refused(f"auth: file {path} is not there. Nothing was changed.")
    if not user or not colon or not password or not text.isprintable():
        raise Refused(f"auth: file {path} is not one line user:password. Nothing was changed.")
    return user, password
