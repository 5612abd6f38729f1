# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is true of a scenario's hosts, looked at from outside, as JSON: `truth.py SHARED PREFIX UNITS`.

It shares no code with the collection, and asks none of its modules.

units      each instance: the invocation of its unit, as its systemd says it, or its container and since when it runs;
           empty where it does not run. UNITS says what runs each of them, as {"order-1": "order-1/order-svc"}
down       each balancer: the servers that its file marks down
takers     each balancer: who answers behind it, of 60 requests; empty where it is dead
leases     who is held out, at which step, as the ledger's file on the bastion says
client     what the client has counted: at the end, or so far
lowest     the fewest instances in traffic that were seen at any time
states     each instance: every state it was seen in, in order
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

LEDGER = "/var/lib/lossless_restart/ledger/state.json"
SERVER = re.compile(r"^\s*server ([^\s;]+)[^;]*\bdown\b", re.MULTILINE)
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60, check=False).stdout.strip()


def taker(address: str, number: int) -> str:
    try:
        with OPENER.open(f"http://{address}/work?id=truth-{number}", timeout=10) as answer:
            return str(json.load(answer)["instance"])
    except urllib.error.HTTPError as error:
        return f"status {error.code}"


def takers(address: str) -> list[str]:
    try:
        first = taker(address, 0)
    except OSError:
        return []
    with ThreadPoolExecutor(12) as pool:
        return sorted({first, *pool.map(partial(taker, address), range(1, 60))})


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document


def unit(prefix: str, place: str) -> str:
    container, _slash, name = place.partition("/")
    if name:
        shown = ask("exec", f"{prefix}-{container}", "systemctl", "show", "--property=ActiveState,InvocationID", name)
        said = dict(line.split("=", 1) for line in shown.splitlines())
        return said["InvocationID"] if said.get("ActiveState") == "active" else ""
    running = "{{if .State.Running}}{{.Id}} since {{.State.StartedAt}}{{end}}"
    return ask("inspect", f"--format={running}", f"{prefix}-{container}")


def states(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in map(json.loads, (folder / "events.jsonl").read_text().splitlines()):
        found.setdefault(event["instance"], []).append(event["state"])
    return found


def main(shared: Path, prefix: str, units: dict[str, str]) -> None:
    balancers = sorted(path.parents[1].name for path in shared.glob("lb-*/conf.d/order.conf"))
    address = f'--format={{{{(index .NetworkSettings.Networks "{prefix}").IPAddress}}}}'
    ledger = json.loads(ask("exec", f"{prefix}-bastion", "cat", LEDGER) or "{}")
    observer = shared / "observer"
    document = {
        "units": {instance: unit(prefix, place) for instance, place in units.items()},
        "down": {one: SERVER.findall((shared / one / "conf.d" / "order.conf").read_text()) for one in balancers},
        "takers": {one: takers(ask("inspect", address, f"{prefix}-{one}")) for one in balancers},
        "leases": {lease["host"]: lease["step"] for lease in ledger.get("leases", {}).values()},
        "client": read(shared / "client" / "result.json") or read(shared / "client" / "live.json"),
        "lowest": read(observer / "observer.json")["pools"]["order_svc"]["lowest"],
        "states": states(observer),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
