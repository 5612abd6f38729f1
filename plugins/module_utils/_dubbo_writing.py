# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes to a Dubbo registry: nodes over the version that was read, all of one registry as one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, TypeVar

from . import _dubbo_rule, _dubbo_url, _zookeeper
from ._dubbo_registry import Registry, RegistryError
from ._zookeeper import Conflict, Missing, Node

T = TypeVar("T")
# What a folder holds that was made here; Dubbo leaves them empty.
_OURS = _dubbo_rule.MARK.encode()
# By path the bytes that there are; None for a node that is not there, or shall not be.
Bytes = Mapping[str, "bytes | None"]
Plan = Callable[[Bytes], Bytes]


@dataclass(frozen=True)
class Written:
    """A node that is changed: its bytes, None where it was not there or is no more."""

    registry: str
    path: str
    before: bytes | None
    after: bytes | None

    def facts(self) -> dict[str, str]:
        done = "made" if self.before is None else "deleted" if self.after is None else "changed"
        return {"registry": self.registry, "path": _dubbo_url.shown(self.path), "done": done}


class WritableRegistry(Registry):
    """Raises RegistryError where it cannot be read or written."""

    def rule_path(self, service: _dubbo_url.Service) -> str:
        """Of the rule that consumers of the service listen to."""
        return f"{self._rules}/{service.rule_key}{_dubbo_rule.SUFFIX}"

    def rule_paths(self) -> list[str]:
        """Of every rule there is."""
        names = self._asked(lambda: self._below(self._rules))
        return [f"{self._rules}/{name}" for name in names if name.endswith(_dubbo_rule.SUFFIX)]

    def change(self, paths: Sequence[str], plan: Plan, write: bool) -> list[Written]:
        """Make of these nodes what `plan` says, or say only what would be. What `plan` raises comes through."""
        found: dict[str, Written] = {}
        self._asked(lambda: self._change(paths, plan, found, write))
        return list(found.values())

    @property
    def _rules(self) -> str:
        return f"{self._root}/config/dubbo"

    def _change(self, paths: Sequence[str], plan: Plan, found: dict[str, Written], write: bool) -> None:
        self._zookeeper.catch_up(self._chroot or "/")
        there = {node.path: node for node in self._nodes(paths)}
        nodes = []
        for path, data in plan({path: there.get(path, Node(path)).data for path in paths}).items():
            node = there.get(path, Node(path))
            if data != node.data:
                # After a lost answer it may be as it shall be, and was not before.
                found.setdefault(path, Written(self.name, path, node.data, data))
                nodes.append(Node(path, data, node.version))
        if nodes and write:
            self._write(nodes)

    def _write(self, nodes: Sequence[Node]) -> None:
        made = [node.path.rpartition("/")[0] for node in nodes if node.version < 0]
        missing = [Node(path, _OURS) for path in self._missing(made[0])] if made else []
        emptied = self._emptied([node.path for node in nodes if node.data is None])
        rights = self._rights(made[0]) if made else ()
        self._at = nodes[0].path
        try:
            self._zookeeper.write([*missing, *nodes, *emptied], rights)
        except Missing as error:
            raise Conflict("others deleted it meanwhile") from error

    def _missing(self, folder: str) -> list[str]:
        """The folder and those above it that are not there, from the top."""
        if not folder or self._is_there(folder):
            return []
        return [*self._missing(folder.rpartition("/")[0]), folder]

    def _emptied(self, deleted: Sequence[str]) -> list[Node]:
        """The folders of our own that nothing is left in then, from below."""
        found = []
        for folder in sorted({path.rpartition("/")[0] for path in deleted} - {""}):
            names = {f"{folder}/{name}" for name in self._below(folder)}
            node = self._zookeeper.read(folder) if names <= set(deleted) else Node(folder)
            if node.data == _OURS:
                found += [Node(folder, None, node.version), *self._emptied([folder])]
        return found

    def _rights(self, folder: str) -> Sequence[object]:
        """Those of what is above it: who may read and write the registry may do so here."""
        self._at = folder
        return self._zookeeper.acl(folder) or self._rights(folder.rpartition("/")[0] or "/")

    def _asked(self, work: Callable[[], T]) -> T:
        try:
            return self._zookeeper.again(work)
        except _zookeeper.Unreachable as error:
            raise RegistryError(f"{self.name} is unreachable: {error}") from error
        except _zookeeper.Denied as error:
            raise RegistryError(
                f"{self.name}: {_dubbo_url.shown(self._at)} cannot be written by {self._who}: {error}. "
                "Give an identity that may, by auth"
            ) from error
