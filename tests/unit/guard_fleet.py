# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet made of values for the guard's tests: its clock, its balancers' words, its members' health set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _guard, _target

ALICE = {"name": "alice", "machine": "ctl-1", "boot": "b1", "pid": 100, "start": 5}
BOB = {"name": "bob", "machine": "ctl-2", "boot": "b2", "pid": 200, "start": 7}
NOON = 1_800_000_000.0


class Fleet:
    """`order-1` .. `order-N` behind lb-1 and lb-2, all in the pool nginx/order_svc; `pools` adds others by host.

    settings: what the guard needs for its ledger besides the path.
    """

    def __init__(
        self,
        ledger: Path,
        size: int = 10,
        floor: str = "30%",
        pools: Mapping[str, Sequence[str]] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.hosts = [f"order-{number}" for number in range(1, size + 1)]
        self.pools: dict[str, list[str]] = {"order_svc": list(self.hosts)}
        self.pools |= {name: list(hosts) for name, hosts in (pools or {}).items()}
        self.ledger = ledger
        self.settings = dict(settings or {})
        self.floor = floor
        self.now = NOON
        self.sick: set[str] = set()
        self.states: dict[tuple[str, str], str] = {}
        self.probed = 0

    def address(self, host: str) -> str:
        return f"{host}.internal:8080"

    def drain(self, *hosts: str) -> None:
        """Take them out at both balancers."""
        self.states |= {(source, host): "down" for source in ("lb-1", "lb-2") for host in hosts}

    def check(self, target: Mapping[str, Any], timeout: float) -> _target.Seen:
        self.probed += 1
        host = target["tcp"].partition(".")[0]
        return _target.Seen(host not in self.sick, "refused" if host in self.sick else "connected")

    def described(self) -> dict[str, Any]:
        members = dict.fromkeys(host for hosts in self.pools.values() for host in hosts)
        instances = {
            host: {
                "address": self.address(host),
                "probe": {"tcp": self.address(host)},
                "points": [
                    {"kind": "nginx", "pool": f"nginx/{pool}", "source": source, "member": self.address(host)}
                    for pool, hosts in self.pools.items()
                    if host in hosts
                    for source in ("lb-1", "lb-2")
                ],
            }
            for host in members
        }
        pools = [
            {"id": "service/order-svc", "kind": "service", "name": "order-svc", "floor": None, "hosts": self.hosts}
        ]
        pools += [
            {"id": f"nginx/{name}", "kind": "nginx", "name": name, "floor": None, "hosts": hosts}
            for name, hosts in self.pools.items()
        ]
        return {"pools": pools, "instances": instances, "readings": self.readings(), "floor": self.floor}

    def readings(self) -> list[dict[str, Any]]:
        return [
            {
                "kind": "nginx",
                "pool": f"nginx/{pool}",
                "source": source,
                "members": [
                    {
                        "member": self.address(host),
                        "state": self.states.get((source, host), "up"),
                        "weight": 3,
                        "addresses": [],
                    }
                    for host in hosts
                ],
            }
            for pool, hosts in self.pools.items()
            for source in ("lb-1", "lb-2")
        ]

    def ask(self, action: str, **params: Any) -> dict[str, Any]:
        values = {"ledger": str(self.ledger), **self.settings, "service": "order-svc", "owner": ALICE}
        values |= {**self.described(), **params}
        return _guard.run(
            {**values, "action": action},
            clock=lambda: self.now,
            check=self.check,
            check_mode=bool(params.get("check_mode")),
        )

    def begin(self, planned: Sequence[str] | None = None, **params: Any) -> str:
        return str(self.ask("begin", planned=list(planned or self.hosts), **params)["run"])

    def acquire(self, run: str, wanted: Sequence[str], **params: Any) -> dict[str, Any]:
        """With a fresh ticket, held for a minute."""
        ticket = self.ask("ticket")["ticket"]
        return self.ask("acquire", **{"run": run, "wanted": list(wanted), "ticket": ticket, "held": 60, **params})

    def leases(self) -> dict[str, dict[str, Any]]:
        """The leases as they were granted, without what the status adds."""
        found = self.ask("status")["leases"]
        return {one["host"]: {k: v for k, v in one.items() if k not in ("age", "expired")} for one in found}
