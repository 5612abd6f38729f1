# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is read from ZooKeeper, and written to it: nodes, over the version that was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ._zookeeper_session import HAS_KAZOO, Conflict, Denied, Identity, Missing, Session, Unreachable

if HAS_KAZOO:
    from kazoo.security import ACL, Id

# Bytes of one request that every server takes: its default limit (jute.maxbuffer), less what is put around them.
LIMIT = 1_000_000
# Rights, as ACLs have them.
READ, ALL = 1, 31

__all__ = [
    "ALL",
    "HAS_KAZOO",
    "LIMIT",
    "READ",
    "Conflict",
    "Denied",
    "Identity",
    "Missing",
    "Node",
    "Unreachable",
    "ZooKeeper",
]


@dataclass(frozen=True)
class Node:
    """data: None where it is not there, at version -1. changed, created: when, by the server's clock.

    session: whose it is that ends with it, or 0. order: of two nodes the one with the greater was made later.
    """

    path: str
    data: bytes | None = None
    version: int = -1
    changed: float = 0.0
    created: float = 0.0
    session: int = 0
    order: int = 0


class ZooKeeper(Session):
    """Everything here is asked inside `again`."""

    def read(self, path: str) -> Node:
        try:
            data, stat = self.ask(lambda client: client.get_async(path))
        except Missing:
            return Node(path)
        return _node(path, data, stat)

    def read_all(self, paths: Sequence[str]) -> list[Node]:
        """All at once; less those that are not there."""
        found = self.ask_all(lambda client, path: client.get_async(path), paths)
        return [_node(path, *answer) for path, answer in zip(paths, found) if answer is not None]

    def children_all(self, paths: Sequence[str]) -> dict[str, list[str]]:
        """By path the names of what is below, sorted, all at once; less the paths that are not there."""
        found = self.ask_all(lambda client, path: client.get_children_async(path), paths)
        return {path: sorted(names) for path, names in zip(paths, found) if names is not None}

    def exists(self, path: str) -> bool:
        """Needs no right to the node."""
        return self.ask(lambda client: client.exists_async(path)) is not None

    def children(self, path: str) -> list[str]:
        """Their names, sorted; none where the node is not there."""
        try:
            return sorted(self.ask(lambda client: client.get_children_async(path)))
        except Missing:
            return []

    def acl(self, path: str) -> list[Any]:
        try:
            return list(self.ask(lambda client: client.get_acls_async(path))[0])
        except Missing:
            return []

    def catch_up(self, path: str) -> None:
        """What is read from now on is not older than now."""
        self.ask(lambda client: client.sync_async(path))

    def touch(self, path: str) -> float:
        """The server's clock, which only a write shows. What is read from then on is not older."""
        return float(self.ask(lambda client: client.set_async(path, b"")).mtime) / 1000

    def write(self, nodes: Iterable[Node], acl: Sequence[Any]) -> None:
        """All of it as one step, each node over the version that it has. Raises Conflict.

        Version -1 makes it; one without data is deleted.
        """

        def sent(client: Any) -> Any:
            step = client.transaction()
            for node in nodes:
                if node.data is None:
                    step.delete(node.path, node.version)
                elif node.version < 0:
                    step.create(node.path, node.data, acl=list(acl))
                else:
                    step.set_data(node.path, node.data, node.version)
            return step.commit_async()

        self.ask(sent)


def _node(path: str, data: bytes, stat: Any) -> Node:
    owner = stat.ephemeralOwner
    return Node(path, data, stat.version, stat.mtime / 1000, stat.ctime / 1000, owner, stat.czxid)


def rights(owner: tuple[str, str], readers: Iterable[tuple[str, str]]) -> list[Any]:
    """An ACL: all for one (scheme, id), reading for others."""
    return [ACL(ALL, Id(*owner)), *(ACL(READ, Id(*reader)) for reader in readers)]
