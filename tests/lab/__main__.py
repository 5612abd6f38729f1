# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.lab`, which is `make lab`: real servers to look at and to try things on, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from kazoo.client import KazooClient

from .demo import Failed
from .demo.__main__ import interrupted
from .dubbo import LEVELS, Scene
from .dubbo.scene import dubbo
from .kafka.scene import kafka
from .mq.application import url
from .rabbitmq.scene import rabbitmq
from .rocketmq.scene import rocketmq

BROKERS: Mapping[str, Any] = {"rocketmq": rocketmq, "kafka": kafka, "rabbitmq": rabbitmq}
# Messages, more than anybody waits for, and how many of them a second.
MANY, RATE = 1_000_000, 5
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description="ZooKeeper with Dubbo's providers and consumers, and brokers with consumers of messages, on "
        "loopback and until Ctrl-C.",
    )
    parser.add_argument("--dubbo", nargs="*", choices=[*LEVELS], default=[*LEVELS], help="its versions; all of them")
    parser.add_argument("--brokers", nargs="*", choices=[*BROKERS], default=[*BROKERS], help="which; all of them")
    parser.add_argument("--tree", metavar="HOST:PORT", help="print what is in this ZooKeeper, and end")
    options = parser.parse_args()
    for number in SIGNALS:
        signal.signal(number, interrupted)
    try:
        if options.tree:
            return tree(options.tree)
        serve(options.dubbo, options.brokers)
    except (AssertionError, Failed) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def serve(versions: list[str], kinds: list[str]) -> None:
    with contextlib.ExitStack() as stack:
        scenes = []
        groups = []
        for kind in kinds:
            print(f"Starting {kind} (its jars are fetched the first time) ...", flush=True)
            groups.append(stack.enter_context(BROKERS[kind]()))
            groups[-1].produce(MANY, RATE)
        for version in versions:
            print(f"Starting Dubbo {version} (its jars are fetched the first time) ...", flush=True)
            scenes.append(stack.enter_context(dubbo(version=version)))
        for scene in scenes:
            explain(scene)
        for group in groups:
            explain_group(group)
        print("\nCtrl-C stops all.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
        for scene in scenes:
            account(scene)
    print("Stopped.")


def explain(scene: Scene) -> None:
    print(f"\nDubbo {scene.version}, all in {scene.folder}")
    print(f"  {'registry':24}{sys.executable} -m tests.lab --tree {scene.zookeeper.hosts}")
    for provider in scene.providers:
        serves = ", ".join(f"{protocol} {provider.address(protocol)}" for protocol in provider.ports)
        print(f"  {provider.name:24}{serves}, pid {provider.pid}")
        print(f"  {'':24}curl {provider.url('qos')}/ls  {provider.url('status')}/status")
    for consumer in scene.consumers:
        print(f"  {consumer.name:24}tail -f {consumer.account}")


def explain_group(group: Any) -> None:
    print(f"\n{group.kind}, {RATE} messages a second, all in {group.folder}")
    for consumer in group.consumers:
        entry = ", ".join(f"{name} {value}" for name, value in group.entry(consumer).items() if name != "kind")
        print(f"  {consumer.name:24}{entry}, pid {consumer.pid}")
        print(f"  {'':24}curl {url(consumer, 'status')}; curl -X POST {url(consumer, 'leave')}, or join")


def account(scene: Scene) -> None:
    for consumer in filter(lambda one: one.alive, scene.consumers):
        result = consumer.finish()
        print(f"Dubbo {scene.version}, {consumer.name}: ", end="")
        print(", ".join(f"{value} {name}" for name, value in result.items() if value))


def tree(hosts: str) -> int:
    client = KazooClient(hosts)
    try:
        client.start(10)
        branch(client, "/", 0)
    except client.handler.timeout_exception:
        raise Failed(f"No ZooKeeper answers at {hosts}") from None
    finally:
        client.stop()
        client.close()
    return 0


def branch(client: KazooClient, path: str, depth: int) -> None:
    for name in sorted(client.get_children(path)):
        print(f"{'  ' * depth}{unquote(name)}")
        branch(client, f"{path.rstrip('/')}/{name}", depth + 1)


if __name__ == "__main__":
    sys.exit(main())
