# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard through Ansible, on real members of the loopback. The ledger's file is read here without the module."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _sweep

from tests.lab import adhoc

OWNER = {"name": "alice", "machine": "ctl-1", "boot": "b1", "pid": 100, "start": 5}


@pytest.fixture
def members() -> Iterator[dict[str, socket.socket]]:
    """Five instances that listen."""
    with contextlib.ExitStack() as stack:
        yield {f"order-{number}": stack.enter_context(socket.create_server(("127.0.0.1", 0))) for number in range(1, 6)}


def described(members: dict[str, socket.socket]) -> dict[str, Any]:
    hosts = list(members)
    addresses = {host: f"127.0.0.1:{member.getsockname()[1]}" for host, member in members.items()}
    return {
        "service": "order-svc",
        "owner": OWNER,
        "floor": "30%",
        "pools": [
            {"id": "service/order-svc", "kind": "service", "name": "order-svc", "hosts": hosts},
            {"id": "nginx/order_svc", "kind": "nginx", "name": "order_svc", "hosts": hosts},
        ],
        "instances": {
            host: {
                "address": address,
                "probe": {"tcp": address},
                "points": [{"kind": "nginx", "pool": "nginx/order_svc", "source": "lb-1", "member": address}],
            }
            for host, address in addresses.items()
        },
        "readings": [
            {
                "kind": "nginx",
                "pool": "nginx/order_svc",
                "source": "lb-1",
                "members": [
                    {"member": one, "state": "up", "weight": 1, "addresses": [one]} for one in addresses.values()
                ],
            }
        ],
    }


def test_a_run_through_ansible(members: dict[str, socket.socket], tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    fleet = described(members)
    down = members["order-5"].getsockname()[1]
    members["order-5"].close()

    def ask(action: str, *options: str, **params: Any) -> dict[str, Any]:
        return adhoc.call(
            "availability_guard", {"action": action, "ledger": str(folder), **fleet, **params}, adhoc.HERE, *options
        )

    def state() -> dict[str, Any]:
        found: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
        return found

    assert ask("begin", "--check", planned=list(members))["changed"]
    assert not folder.exists()

    run = ask("begin", planned=list(members), reason="new heap size")["run"]
    assert list(state()["runs"]) == [run]
    ticket = ask("ticket")["ticket"]
    granted = ask("acquire", run=run, wanted=list(members), fit="shrink", ticket=ticket, held=60)
    assert list(granted["granted"]) == ["order-1", "order-2", "order-5"]
    assert f"127.0.0.1:{down}" in json.dumps(state()["leases"]["order-5"]["before"])
    assert {host: lease["token"] for host, lease in state()["leases"].items()} == {
        host: lease["token"] for host, lease in granted["granted"].items()
    }

    assert ask("release", run=run, wanted=["order-1", "order-2"], done=True)["released"] == ["order-1", "order-2"]
    ended = ask("finish", run=run)
    assert (ended["complete"], list(ended["out"])) == (False, ["order-5"])
    assert list(state()["leases"]) == ["order-5"]


def test_bad_input_through_ansible(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir(mode=0o755)
    result = adhoc.call("availability_guard", {"action": "status", "ledger": str(tmp_path / "ledger")})
    assert result["failed"]
    assert "is open to others (mode 0755)" in result["msg"]
    result = adhoc.call("availability_guard", {"action": "grant", "ledger": str(tmp_path / "ledger")})
    assert result["failed"]
    assert "value of action must be one of: status, plan, ask, begin" in result["msg"]


def test_500_members_are_seen_within_five_seconds() -> None:
    """Most answer, some refuse, and 100 never answer: their server's queue is full."""
    with contextlib.ExitStack() as stack:
        answering = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128)) for _unused in range(20)]
        gone = socket.create_server(("127.0.0.1", 0))
        refusing = gone.getsockname()
        gone.close()
        hanging = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1))
        for _unused in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hanging.getsockname())
        addresses = (
            [server.getsockname() for server in answering] * 19 + [refusing] * 20 + [hanging.getsockname()] * 100
        )
        probes = {f"h{number}": {"tcp": f"{host}:{port}"} for number, (host, port) in enumerate(addresses)}
        began = time.monotonic()
        seen = _sweep.sweep(probes, 2.0)
        took = time.monotonic() - began
    assert len(seen) == 500
    assert [one.ok for one in seen.values()] == [True] * 380 + [False] * 120
    assert took < 5
