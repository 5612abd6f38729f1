# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The nodes of a ZooKeeper ledger: asked with a deadline, trusted by their ACL, made once; failures told to people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Callable, TypeVar

from . import _ledger_identity, _zookeeper
from ._ledger import Away
from ._ledger_place import Ensemble
from ._zookeeper import Node

T = TypeVar("T")
READ, WRITTEN = "cannot be read", "cannot be written"


class Nodes:
    """The ledger at `place`, by the identity that its settings name. dry: nothing is touched."""

    def __init__(self, place: Ensemble, dry: bool) -> None:
        self._place = place
        self._dry = dry
        self._access = _ledger_identity.Access(place)
        self._session = _zookeeper.ZooKeeper(place.servers, self._access.identity, place.tls)
        self._trusted = False
        self.read = self._session.read
        self.children = self._session.children
        self.exists = self._session.exists
        self.close = self._session.close

    def path(self, *names: str) -> str:
        return "/".join([self._place.path, *names])

    def write(self, nodes: Sequence[Node]) -> None:
        """All of them as one step, over their versions. Raises Conflict."""
        size = sum(len(node.data or b"") + len(node.path) for node in nodes)
        if size > _zookeeper.LIMIT:
            raise self.refused(
                f"it would have to take {size:,} bytes at once, and ZooKeeper takes {_zookeeper.LIMIT:,}. Let runs "
                "finish, or use a directory for this ledger"
            )
        self._session.write(nodes, self._access.acl)

    def time(self, needed: bool) -> float | None:
        """By the server's clock, which only a write shows; None for who may only read. What is read then is new."""
        if not self._dry:
            try:
                return self._session.touch(self.path("clock"))
            except (_zookeeper.Missing, _zookeeper.Denied):
                if needed:
                    raise
        self._session.catch_up(self.path())
        return None

    def trust(self) -> None:
        """Refuse nodes that others may change. Once is enough for one question."""
        if self._trusted:
            return
        for path in (self.path(), self.path("state")):
            others = self._access.others(self._session.acl(path))
            if others:
                raise self.refused(f"{path} is open to {', '.join(others)}. Look who used it, then set its ACL right")
        self._trusted = True

    def closed(self, path: str) -> None:
        """Refuse a node that anybody may change, or a whole host."""
        anybody = [one for one in self._session.acl(path) if one.id.scheme in ("world", "ip")]
        if any(one.perms != _zookeeper.READ for one in anybody):
            raise self.refused(f"{path} may be changed by anybody. Look who did, then set its ACL right")

    def make(self) -> None:
        """What is missing of the ledger; its parent must be there."""
        paths = [self.path(), *map(self.path, ("clock", "past", "events"))]
        missing = [Node(path, b"") for path in paths if not self._session.exists(path)]
        parent = self._place.path.rpartition("/")[0]
        if missing and parent and not self._session.exists(parent):
            raise self.refused(f"its parent {parent} is not there, and only {paths[0]} itself is made. Make it first")
        if missing:
            self.write(missing)

    def asked(self, what: str, work: Callable[[], T]) -> T:
        """`work` on a session that lives; `what`, READ or WRITTEN, if that fails."""
        try:
            return self._session.again(work)
        except _zookeeper.Unreachable as error:
            unknown = "Whether its last change was written is not known: the next command reads it. "
            raise Away(
                f"the ledger {self._place} is unreachable: {error}. {unknown if what == WRITTEN else ''}"
                "Nothing more is granted.",
                ledger=str(self._place),
            ) from error
        except _zookeeper.Denied as error:
            user = f"{self._access.identity.scheme} user {self._access.identity.user!r}"
            raise self.refused(
                f"{what} by {user}: {error}. See that user and password are right, and the ACL of {self.path()}"
            ) from error
        except _zookeeper.Missing as error:
            raise self.refused(
                f"{what}: {self.path()} is not there, or not all of it. A run makes it when it begins: since then "
                "somebody removed it. See that no run is live, and look at the balancers for what is out"
            ) from error

    def parsed(self, node: Node, decode: Callable[[Any], T]) -> T:
        try:
            return decode(json.loads(node.data or b""))
        except (ValueError, TypeError) as error:
            raise self.refused(
                f"{node.path} is damaged or of another version: {error}. Nothing is guessed. Put a good copy back; or "
                f"see that no run is live, look at the balancers for what is out, and remove {self.path()}: the next "
                "run begins an empty one and measures anew"
            ) from error

    def refused(self, why: str) -> Away:
        return Away(f"the ledger {self._place}: {why}. Nothing was changed.", ledger=str(self._place))


def packed(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
