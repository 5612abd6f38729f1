# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Consumers and producers of the lab's RocketMQ, in the field's usual client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..java import Server, classes
from ..mq import JAVA
from ..mq.application import answers
from ..nginx import free_port
from .server import PROFILE

SOURCES = Path(__file__).parent / "java"
# How long a handler takes, in ms.
LEAST, MOST = 5, 400
THREADS = 20


class Consumer(Server):
    """One instance of the application. It keeps its name, port and journal when it is started again.

    await_ms: how long its consumer waits for its handlers when it is shut down; 0 is the library's default.
    quirk: what it does wrong when it is told to leave.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        group: str,
        topic: str,
        *,
        await_ms: int = 30000,
        quirk: str = "none",
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.http_port = free_port()
        self.journal = folder / "journal.jsonl"
        self.words = {
            **{"namesrv": ";".join(names), "group": group, "topic": topic, "name": folder.name, "quirk": quirk},
            **{"journal": str(self.journal), "http": str(self.http_port), "await": str(await_ms)},
            **{"least": str(LEAST), "most": str(MOST), "threads": str(THREADS), **(more or {})},
        }
        words = ["lab.Consumer", *(f"{name}={value}" for name, value in self.words.items())]
        super().__init__(folder.name, folder, PROFILE, words, lambda: answers(self), classes(PROFILE, SOURCES, JAVA))


class Producer(Server):
    """Sends so many messages, rate a second (0: as fast as it goes), and ends."""

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        topic: str,
        count: int,
        rate: int = 0,
        *,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._sent = folder / "sent.txt"
        words = ["lab.Producer", f"namesrv={';'.join(names)}", f"topic={topic}", f"prefix={folder.name}"]
        words += [f"count={count}", f"rate={rate}", f"sent={self._sent}"]
        words += [f"{name}={value}" for name, value in (more or {}).items()]
        super().__init__(folder.name, folder, PROFILE, words, lambda: True, classes(PROFILE, SOURCES, JAVA))

    def sent(self) -> list[str]:
        """The ids that the broker has taken."""
        return self._sent.read_text().splitlines() if self._sent.exists() else []
