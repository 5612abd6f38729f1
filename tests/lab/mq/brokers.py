# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the labs of the three brokers have in common, so that one test serves them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class Consumer(Protocol):
    """An instance of the application, in a process that somebody else starts by its command."""

    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def command(self) -> Sequence[str]: ...
    @property
    def log(self) -> Path: ...
    @property
    def journal(self) -> Path: ...
    @property
    def http_port(self) -> int: ...


class Producer(Protocol):
    """Sends messages with ids of its own, and ends."""

    @property
    def alive(self) -> bool: ...

    def sent(self) -> list[str]:
        """The ids that the broker has taken."""


class Brokers(Protocol):
    """One kind of brokers with a topic or queue."""

    kind: str

    def consumer(self, name: str, **settings: Any) -> Consumer: ...

    def entry(self, consumer: Consumer) -> Mapping[str, Any]:
        """The consumer's in instance_traffic."""

    def produce(self, count: int, rate: int = 0) -> Producer: ...

    def members(self) -> set[str]:
        """The consumers' names in the group, by the brokers' own tool."""
