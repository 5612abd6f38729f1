# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who a ZooKeeper ledger belongs to: the identity in a file, and the rights that its nodes have."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from . import _zookeeper, _zookeeper_access
from ._ledger import Away
from ._ledger_place import Ensemble


class Access:
    """identity: who asks. acl: the rights of what it makes: all for itself, reading for the readers."""

    def __init__(self, place: Ensemble) -> None:
        try:
            _zookeeper_access.check(f"the ledger {place}", place.scheme, place.tls)
            self.identity = _zookeeper_access.identity(place.scheme, place.credentials)
        except ValueError as error:
            raise Away(f"{error}. Nothing was changed.") from error
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
