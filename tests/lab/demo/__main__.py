# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.lab.demo up|down|status|run|compare`: what `make up`, `make down` and `make demo` call."""

from __future__ import annotations

import argparse
import fcntl
import math
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import addresses, processes
from . import compare as ways
from .fleet import Fleet
from .playbook import ROOT, Playbook
from .sessions import Client, Failed, Observer, clean, receipt

FLOOR = 0.3
UP_SECONDS = 7200
PLAYBOOK = ("rolling_restart.yml", "-l", "order-svc")


def demo() -> Fleet:
    """The fleet that inventories/demo describes."""
    inventory = ROOT / "inventories" / "demo" / "hosts.yml"
    network = re.findall(r"127\.\d+\.\d+", inventory.read_text())[0]
    return Fleet(ROOT / ".demo", network=network, start_seconds=0.5, inventory=inventory)


def up() -> int:
    fleet = demo()
    if processes.of_fleet(fleet.folder):
        if all(map(fleet.healthy, fleet.instances)) and fleet.client().running():
            print("The demo fleet is up already.")
            explain(fleet)
            return 0
        print("Ending what is left of an earlier demo in this checkout.")
    try:
        fleet.start()
        fleet.observer().start()
        client = fleet.client(seconds=UP_SECONDS)
        client.start()
        client.wait(100)
    except BaseException:
        fleet.stop()
        raise
    explain(fleet)
    return 0


def explain(fleet: Fleet) -> None:
    folder = fleet.folder.relative_to(ROOT)
    (first, first_at), *_unused, (last, last_at) = fleet.instances.items()
    balancers = ", ".join(f"{name} {address}" for name, address in fleet.balancers.items())
    print(f"""
  instances   {first} {first_at} to {last} {last_at}, under supervisor ({folder}/supervisord.conf)
  balancers   {balancers}, nginx ({folder}/lb-1/conf.d/)
  client      64 connections, 300 requests a second for two hours ({folder}/client/live.json, losses.jsonl)
  observer    20 looks a second ({folder}/observer/observer.json, events.jsonl)

Restart the fleet while it serves:
  . .venv/bin/activate
  cd playbooks && ansible-playbook rolling_restart.yml -l order-svc
Break something, and look:
  touch {folder}/switches/order-3.unhealthy     (other switches: tests/lab/demo/service.py)
Stop it, with the client's account:
  make down""")


def down() -> int:
    fleet = demo()
    if not processes.of_fleet(fleet.folder):
        print("The demo fleet is not up.")
        return 0
    client = fleet.client()
    result = client.finish()
    fleet.observer().finish()
    fleet.stop()
    if result:
        account(result, client)
    elif client.live():
        print(f"The client was ended by somebody else. Its last figures: {client.live()}")
    print("Stopped.")
    return 0


def status() -> int:
    fleet = demo()
    found = processes.of_fleet(fleet.folder)
    if not found:
        print("The demo fleet is not up.")
        return 0
    for process in found:
        print(process)
    live = fleet.client().live()
    if live:
        print(f"{live['sent']} sent, {live['answered']} answered, {live['lost']} lost, {live['in_flight']} in flight")
    levels(fleet, fleet.observer())
    return 0


def account(result: dict[str, Any], client: Client) -> None:
    """The receipt's line, alone on it; the rest below."""
    line, _unused, apart = receipt(result).partition(" (")
    print(f"\n{line}\n  {apart.removesuffix(')')}; answered in {result['latency_ms']} ms")
    for loss in client.losses[:5]:
        print(f"  lost: {loss}")


def levels(fleet: Fleet, observer: Observer) -> bool:
    """Each pool's lowest level against its floor. False where one was below, or where somebody is still out."""
    good = True
    for name, pool in observer.live().get("pools", {}).items():
        floor = math.ceil(pool["configured"] * FLOOR)
        kept = pool["lowest"] >= floor
        back = pool["now"] == pool["configured"]
        good = good and kept and back
        print(
            f"  {name}: never fewer than {pool['lowest']} of {pool['configured']} in traffic"
            f" (floor {FLOOR:.0%} = {floor}{'' if kept else ': NOT KEPT'}), {pool['now']} now"
        )
    return good


def run() -> int:
    fleet = demo()
    print("Starting 6 instances, 2 balancers, a client with 64 connections, and an observer.", flush=True)
    with fleet, fleet.client() as client, fleet.observer() as observer:
        client.wait(200)
        before = {name: fleet.pid(name) for name in fleet.instances}
        print(f"$ cd playbooks && ansible-playbook {' '.join(PLAYBOOK)}", flush=True)
        with Playbook(*PLAYBOOK) as playbook:
            code = playbook.wait()
        client.wait(200)
        same = [name for name, pid in before.items() if fleet.pid(name) in (0, pid)]
        result = client.finish()
        observer.finish()
        account(result, client)
        kept = levels(fleet, observer)
        if same:
            print(f"  not restarted, or gone: {', '.join(same)}")
    good = clean(result) and kept and not same
    return code or (0 if good else 1)


def compare() -> int:
    fleet = demo()
    done: list[ways.Way] = []

    def ours(_unused: Fleet) -> bool:
        return fleet.play(*PLAYBOOK[1:])[0] == 0

    with fleet:
        for name, way in (("one by one", ways.bare), ("line out first", ways.taken_out), ("ours", ours)):
            print(f"Restarting all 6: {name} ...", flush=True)
            done.append(ways.measure(fleet, name, way))
    print(f"\n{ways.table(done)}")
    wrong = ways.broken(done)
    if wrong:
        print(f"\n{wrong} Look into {fleet.folder}/playbook.log and {fleet.folder}/client-*/.")
    return 1 if wrong else 0


@contextmanager
def alone() -> Iterator[None]:
    """One of these commands at a time in a checkout."""
    path = ROOT / ".cache" / "demo.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise addresses.Unusable(f"Another demo command is at work in this checkout: pid {file.read()}.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def interrupted(*_: object) -> None:
    """The first signal ends the work; from then on nothing disturbs the tidying up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    commands = {"up": up, "down": down, "status": status, "run": run, "compare": compare}
    parser = argparse.ArgumentParser(prog="python -m tests.lab.demo")
    parser.add_argument("command", choices=commands)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        addresses.check([])
        if options.command == "status":
            return status()
        with alone():
            return commands[options.command]()
    except (addresses.Unusable, Failed) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
