# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client and the observer as processes of their own, each with a folder of its own inside the fleet's."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import processes

PROGRAMS = Path(__file__).parent


class Failed(Exception):
    """Something of the fleet does not start or answer; the message says what its log says."""


def wait_for(what: str, holds: Callable[[], bool], seconds: float = 20.0, interval: float = 0.05) -> None:
    """Until it holds. Raises Failed after so many seconds."""
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            raise Failed(f"{what}: not after {seconds:g} s")
        time.sleep(interval)


def spawn(argv: Sequence[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """A process that outlives us, without our terminal."""
    with log.open("ab") as output:
        return subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def own_program(name: str, arguments: Sequence[str]) -> list[str]:
    """The command of one of our programs; they need nothing but the standard library."""
    return [sys.executable, "-I", "-S", str(PROGRAMS / name), *arguments]


class Session:
    """A client or an observer. As a context manager it runs inside the block; `result` is there afterwards."""

    program = ""
    live_file = ""
    result_file = ""

    def __init__(self, folder: Path, arguments: Sequence[str] = ()) -> None:
        self.folder = folder
        self.arguments = [*arguments, "--out", str(folder)]

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (self.live_file, self.result_file):
            (self.folder / name).unlink(missing_ok=True)
        log = self.folder / "output"
        process = spawn(own_program(self.program, self.arguments), self.folder, log)
        wait_for(f"{self.program} in {self.folder}", lambda: bool(self.live()) or process.poll() is not None)
        if process.poll() not in (None, 0):
            raise Failed(f"{self.program} ended with {process.returncode}: {log.read_text()[-500:]}")

    def running(self) -> list[processes.Process]:
        return [one for one in processes.of_fleet(self.folder) if one.folder == str(self.folder)]

    def live(self) -> dict[str, Any]:
        """The newest figures; empty where there are none yet."""
        return self._read(self.live_file)

    def finish(self) -> dict[str, Any]:
        """Let it end what it is doing. The final figures; empty where it could not write them."""
        processes.end(self.running, grace=45.0)
        return self.result

    @property
    def result(self) -> dict[str, Any]:
        return self._read(self.result_file)

    def _read(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            document: dict[str, Any] = json.loads((self.folder / name).read_text())
            return document
        return {}

    def __enter__(self) -> Session:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()


class Client(Session):
    """See client.py for what it counts."""

    program, live_file, result_file = "client.py", "live.json", "result.json"

    @property
    def losses(self) -> list[dict[str, Any]]:
        """Each lost request: time, id, balancer, request, reason, after (seconds)."""
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.folder / "losses.jsonl").read_text().splitlines()]
        return []

    def wait(self, answered: int, seconds: float = 30.0) -> None:
        """Until so many more requests were answered."""
        goal = self.live().get("answered", 0) + answered
        wait_for(f"{answered} answers", lambda: bool(self.live().get("answered", 0) >= goal), seconds)

    def __enter__(self) -> Client:
        self.start()
        return self


class Observer(Session):
    """See observer.py for what it watches."""

    program, live_file, result_file = "observer.py", "observer.json", "observer.json"

    @property
    def lowest(self) -> dict[str, int]:
        """The fewest in traffic in each pool so far."""
        return {name: pool["lowest"] for name, pool in self.live().get("pools", {}).items()}

    @property
    def events(self) -> list[dict[str, Any]]:
        """Each change of an instance: time, instance, state."""
        return [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]

    def __enter__(self) -> Observer:
        self.start()
        return self


def receipt(result: Mapping[str, Any]) -> str:
    """The line that counts, and what is counted apart."""
    line = f"{result['sent']} sent, {result['lost']} lost, {result['duplicated']} duplicated"
    apart = f"{result['posts']} of them POST; idle closes {result['idle_closes']}"
    if result["unprocessed"]:
        apart += f"; {result['unprocessed']} answered and never processed"
    return f"{line} ({apart})"


def clean(result: Mapping[str, Any]) -> bool:
    """Whether every request was answered and every POST processed once."""
    return bool(result) and not (result["lost"] or result["duplicated"] or result["unprocessed"])
