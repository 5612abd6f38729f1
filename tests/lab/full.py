# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.lab.full`, that is `make demo FULL=1`: the demo with ZooKeeper as ledger and as Dubbo's registry.

Six instances behind nginx; three of them offer two Dubbo services as well, by a JVM of their own, to consumers on both
levels that never retry.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

from . import dubbo_consumer, zookeeper
from .demo import Failed, Unusable, clean
from .demo.__main__ import PLAYBOOK, account, levels
from .demo.layout import UPSTREAMS
from .dubbo import LEVELS, Consumer, address
from .stage import Both
from .zookeeper import ZooKeeper

NEEDED = ("java", "javac", "mvn")
PROVIDERS = 3


def fleet(folder: Path, servers: ZooKeeper) -> Both:
    """With its ledger in ZooKeeper."""
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text("restart:demo\n")
    ledger = {
        "fleet_ledger": f"zookeeper://{servers.hosts}/restart",
        "fleet_ledger_host": None,
        "fleet_ledger_auth": {"scheme": "digest", "file": str(secret)},
    }
    return Both(
        folder / "fleet",
        servers,
        providers=PROVIDERS,
        instances=6,
        upstreams=UPSTREAMS,
        variables={"fleet_pace": [1, 2, 3], **ledger},
    )


def callers(stack: contextlib.ExitStack, folder: Path, servers: ZooKeeper) -> list[Consumer]:
    found = []
    for level in LEVELS["3.3"]:
        (folder / level).mkdir()
        consumer = dubbo_consumer([address(servers)], folder / level, name=f"{level}-caller", level=level)
        found.append(stack.enter_context(consumer))
    return found


def told(consumers: list[Consumer]) -> bool:
    """What became of every Dubbo call; whether all were answered."""
    for one in consumers:
        result = one.finish()
        print(f"  Dubbo calls of {one.name}: {result['sent']} sent, {result['failed']} failed")
    return all(call.ok for one in consumers for call in one.calls())


def run(folder: Path) -> int:
    with contextlib.ExitStack() as stack:
        print("Starting ZooKeeper, 6 instances, 3 of them with Dubbo, 2 balancers, and their clients.", flush=True)
        servers = stack.enter_context(zookeeper(folder / "zookeeper"))
        here = fleet(folder, servers)
        stack.enter_context(here)
        consumers = callers(stack, folder, servers)
        for consumer in consumers:
            for name in here.providers:
                consumer.wait_calls(1, name, 120)
        before = here.pids()
        with here.client() as client, here.observer() as observer:
            client.wait(200)
            print(f"$ cd playbooks && ansible-playbook {' '.join(PLAYBOOK)}", flush=True)
            ended = here.roll()
            print(ended.text, flush=True)
            for consumer in consumers:
                for name in here.providers:
                    consumer.wait_calls(1, name, 120)
            result = client.finish()
            observer.finish()
        account(result, client)
        answered, kept = told(consumers), levels(here, observer)
        restarted = all(pid != before[name] for name, pid in here.pids().items())
        return 0 if ended.code == 0 and clean(result) and answered and kept and restarted else 1


def main() -> int:
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        print(
            f"make demo FULL=1 needs {', '.join(missing)}, for ZooKeeper and Dubbo: install a JDK (11 or newer) and "
            "Maven, on Debian with apt-get install default-jdk-headless maven. Without them there is make demo.",
            file=sys.stderr,
        )
        return 2
    folder = Path(tempfile.mkdtemp(prefix="demo-full-"))
    try:
        code = run(folder)
    except (Unusable, Failed, AssertionError) as error:
        print(error, file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        code = 130
    if code == 1:
        print(f"What is left of it: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
