# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A ledger in ZooKeeper as tests see it: with a client and an identity of their own, never through the backend."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _ledger_place
from ansible_collections.lossless.restart.plugins.module_utils._ledger_zookeeper import ZooKeeper
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from kazoo.retry import KazooRetry
from kazoo.security import ACL, make_acl, make_digest_acl, make_digest_acl_credential

OWNER, READER = ("restart", "hunter2"), ("audit", "eyes0nly")
# The servers' own administrator is not needed: the tests know the owner's password.
Tree = dict[str, tuple[bytes, int, int, list[ACL]]]


def secret(folder: Path, user: str, password: str) -> str:
    """A file with user and password, for this account alone."""
    path = folder / f"{user}.secret"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(f"{user}:{password}\n")
    return str(path)


class Place:
    """A ledger's place at `hosts`, a new node each, with the settings that a user would write."""

    def __init__(self, hosts: str, folder: Path, path: str | None = None, **settings: Any) -> None:
        self.path = path or f"/restart-{os.getpid()}-{time.monotonic_ns()}"
        self.hosts = hosts
        self.settings: dict[str, Any] = {
            "ledger": f"zookeeper://{hosts}{self.path}",
            "auth": {"scheme": "digest", "file": secret(folder, *OWNER)},
            "readers": [make_digest_acl_credential(*READER)],
            **settings,
        }

    @property
    def variables(self) -> dict[str, Any]:
        """The settings as an inventory has them."""
        named = {f"fleet_ledger_{name}": value for name, value in self.settings.items()}
        return {"fleet_ledger": named.pop("fleet_ledger_ledger"), "fleet_ledger_host": None, **named}

    def opened(self, *, found: bool = True, dry: bool = False, clock: Callable[[], float] = time.time) -> ZooKeeper:
        return opened(self.settings, found=found, dry=dry, clock=clock)


def opened(
    settings: Mapping[str, Any], *, found: bool = True, dry: bool = False, clock: Callable[[], float] = time.time
) -> ZooKeeper:
    """The backend, as the guard makes it."""
    place = _ledger_place.parse(settings["ledger"], *(settings.get(name) for name in _ledger_place.EXTRA))
    ledger = _ledger_place.opened(place, clock, dry=dry, found=found)
    assert isinstance(ledger, ZooKeeper)
    return ledger


class Truth:
    """The tests' own client; user and password as the owner's, unless said."""

    def __init__(self, hosts: str, who: tuple[str, str] = OWNER) -> None:
        self.client = KazooClient(hosts, timeout=4, auth_data=[("digest", ":".join(who))])
        self._again = KazooRetry(max_tries=-1, max_delay=0.5)

    def __enter__(self) -> Truth:
        self.client.start(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop()
        self.client.close()

    def tree(self, path: str) -> Tree:
        """Every node from there on: its data, its version, when it was changed, and its ACL."""
        try:
            data, stat = self.client.get(path)
        except NoNodeError:
            return {}
        found: Tree = {path: (data, stat.version, stat.mtime, self.client.get_acls(path)[0])}
        for name in self.client.get_children(path):
            found.update(self.tree(f"{path}/{name}"))
        return found

    def state(self, path: str) -> dict[str, Any]:
        """The ledger's state as JSON."""
        self._again(self.client.sync, path)
        found: dict[str, Any] = json.loads(self._again(self.client.get, f"{path}/state")[0])
        return found

    def events(self, path: str, run: str) -> list[dict[str, Any]]:
        folder = f"{path}/events/{run}"
        names = sorted(self._again(self.client.get_children, folder))
        text = b"".join(self.client.get(f"{folder}/{name}")[0] for name in names)
        return [json.loads(line) for line in text.splitlines()]

    def make(self, path: str, data: bytes = b"", acl: Sequence[ACL] | None = None) -> None:
        self.client.create(path, data, acl=list(acl or [mine()]))


def mine() -> ACL:
    return of(*OWNER, all=True)


def of(user: str, password: str, **rights: bool) -> ACL:
    found: ACL = make_digest_acl(user, password, **rights)
    return found


def anyone(**rights: bool) -> ACL:
    found: ACL = make_acl("world", "anyone", **rights)
    return found


def without_clock(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Less the node that is touched to learn the time."""
    return {path: node for path, node in tree.items() if not path.endswith("/clock")}
