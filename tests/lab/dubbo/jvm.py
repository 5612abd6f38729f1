# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What providers and consumers have in common: versions, options, registries, accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..java import classes
from ..zookeeper import ZooKeeper

SOURCES = Path(__file__).parent / "java"
ECHO, ECHO2 = "lab.Echo", "g1/lab.Echo2:1.0.0"
PROTOCOLS = {"3.3": ("dubbo", "tri"), "2.7": ("dubbo",)}
LEVELS = {"3.3": ("application", "interface"), "2.7": ("interface",)}
# Without an interface that it may look at, Dubbo registers 127.0.0.1.
PROPERTIES = {"dubbo.network.interface.ignored": ".*", "dubbo.application.register-mode": "all"}
# What makes a provider register nothing until QoS tells it to.
WAITS = {
    "3.3": {"dubbo.application.manual-register": "true", "dubbo.provider.delay": "-1"},
    "2.7": {"dubbo.provider.register": "false"},
}
LEVEL = "dubbo.application.service-discovery.migration"
OPTIONS = {
    "3.3": (),
    "2.7": tuple(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "math", "util")),
}


def address(zk: ZooKeeper, group: str = "") -> str:
    """An ensemble as Dubbo's users write it."""
    first, *others = zk.hosts.split(",")
    words = [*(["backup=" + ",".join(others)] if others else []), *([f"group={group}"] if group else [])]
    return f"zookeeper://{first}" + ("?" + "&".join(words) if words else "")


def command(
    version: str,
    main: str,
    properties: Mapping[str, str] | None,
    registries: Sequence[str],
    arguments: Sequence[str],
) -> list[str]:
    """The JVM's options, the main class and its arguments."""
    asked = [f"-D{name}={value}" for name, value in {**PROPERTIES, **(properties or {})}.items()]
    return [*OPTIONS[version], *asked, f"lab.{main}", *[f"registry={one}" for one in registries], *arguments]


def lines(account: Path) -> list[list[str]]:
    """The fields of every complete line."""
    text = account.read_text() if account.exists() else ""
    return [line.split("\t") for line in text[: text.rfind("\n") + 1].splitlines()]


def own(version: str) -> Path:
    """Our programs, compiled for the version."""
    return classes(f"dubbo-{version}", SOURCES)
