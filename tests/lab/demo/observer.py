# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo's observer. A program of its own: `observer.py --balancer NAME=DIR ... --instance NAME=HOST:PORT ...`.

Twenty times a second it reads the balancers' files and asks each instance for /health, over a connection of its
own each time. It shares no code with what it watches. An instance is in traffic in a pool when every balancer
lists it without `down`, `drain` or `backup`, and it answered 200.
It writes observer.json (twice a second and at the end: the lowest number in traffic of each pool, and when) and
events.jsonl (each change of an instance, with its time).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import selectors
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = re.compile(r"\bupstream\s+([^\s{]+)\s*\{([^}]*)\}")
COMMENT = re.compile(r"#.*")
REQUEST = b"GET /health HTTP/1.1\r\nHost: observer\r\nConnection: close\r\n\r\n"
PATIENCE = 1.0
Members = dict[str, bool]


def pools_of(folder: Path) -> dict[str, Members]:
    """Each upstream's members, and whether new work may come to them, as a balancer's files say."""
    found: dict[str, Members] = {}
    for path in [folder / "nginx.conf", *sorted((folder / "conf.d").glob("*.conf"))]:
        text = ""
        with contextlib.suppress(FileNotFoundError):  # between the listing and the reading
            text = path.read_text()
        for name, block in BLOCK.findall(COMMENT.sub("", text)):
            members = found.setdefault(name, {})
            for words in map(str.split, block.split(";")):
                if words[:1] == ["server"]:
                    members[words[1]] = not {"down", "drain", "backup"} & set(words)
    return found


@dataclass
class Probe:
    """One instance's health, asked again and again, one question at a time."""

    name: str
    address: str
    healthy: bool = False
    socket: socket.socket | None = None
    asked: float = 0.0

    def ask(self, selector: selectors.BaseSelector, now: float) -> None:
        host, _unused, port = self.address.rpartition(":")
        self.socket, self.asked = socket.socket(), now
        self.socket.setblocking(False)
        self.socket.connect_ex((host, int(port)))
        selector.register(self.socket, selectors.EVENT_WRITE, self)

    def go_on(self, selector: selectors.BaseSelector) -> None:
        """Connected, or answered, or neither."""
        assert self.socket
        try:
            if selector.get_key(self.socket).events == selectors.EVENT_WRITE:
                self.socket.send(REQUEST)
                selector.modify(self.socket, selectors.EVENT_READ, self)
            else:
                self.end(selector, self.socket.recv(4096).startswith(b"HTTP/1.1 200 "))
        except OSError:
            self.end(selector, False)

    def end(self, selector: selectors.BaseSelector, healthy: bool) -> None:
        assert self.socket
        selector.unregister(self.socket)
        self.socket.close()
        self.socket, self.healthy = None, healthy


@dataclass
class Level:
    """A pool's members in traffic: how many are configured and in now, the fewest seen, when, and who was out."""

    configured: int = 0
    now: int = 0
    lowest: int | None = None
    lowest_at: float = 0.0
    out_then: list[str] = field(default_factory=list)


class Observer:
    def __init__(self, balancers: dict[str, Path], instances: dict[str, str], out: Path) -> None:
        self.balancers, self.out = balancers, out
        self.probes = [Probe(name, address) for name, address in instances.items()]
        self.selector = selectors.DefaultSelector()
        self.levels: dict[str, Level] = {}
        self.states: dict[str, str] = {}
        self.samples = 0
        self.began = time.time()
        self.stopping = False
        self.events = (out / "events.jsonl").open("w", buffering=1, encoding="utf-8")

    def stop(self, *_: object) -> None:
        self.stopping = True

    def run(self, interval: float) -> None:
        """Until told to stop. The first samples, before every instance was asked once, do not count."""
        self.turn(time.monotonic() + PATIENCE / 2)
        due, written = time.monotonic(), 0.0
        while not self.stopping:
            due = max(due + interval, time.monotonic())
            self.turn(due)
            self.sample()
            if due - written >= 0.5:
                self.write()
                written = due
        self.write()

    def turn(self, until: float) -> None:
        """Ask everybody who is not being asked, and take answers until then."""
        for probe in self.probes:
            if probe.socket is None:
                probe.ask(self.selector, time.monotonic())
        while (left := until - time.monotonic()) > 0:
            for key, _unused in self.selector.select(left):
                key.data.go_on(self.selector)
        for probe in self.probes:
            if probe.socket and time.monotonic() - probe.asked > PATIENCE:
                probe.end(self.selector, False)

    def sample(self) -> None:
        self.samples += 1
        names = {probe.address: probe.name for probe in self.probes}
        healthy = {probe.address: probe.healthy for probe in self.probes}
        listed = {name: pools_of(folder) for name, folder in self.balancers.items()}
        states = {names[address]: [] if up else ["unhealthy"] for address, up in healthy.items()}
        for pool in {pool for pools in listed.values() for pool in pools}:
            members = {member for pools in listed.values() for member in pools.get(pool, {})}
            out = []
            for member in sorted(members):
                missing = [name for name, pools in listed.items() if not pools.get(pool, {}).get(member)]
                states.setdefault(names.get(member, member), []).extend(f"out of {pool} at {name}" for name in missing)
                if missing or not healthy.get(member, True):
                    out.append(names.get(member, member))
            self.count(pool, len(members), out)
        self.note(states)

    def count(self, pool: str, configured: int, out: list[str]) -> None:
        level = self.levels.setdefault(pool, Level())
        level.configured = max(level.configured, configured)
        level.now = level.configured - len(out)
        if level.lowest is None or level.now < level.lowest:
            level.lowest, level.lowest_at, level.out_then = level.now, round(time.time(), 3), out

    def note(self, states: dict[str, list[str]]) -> None:
        for name, reasons in states.items():
            state = ", ".join(sorted(reasons)) or "in traffic"
            if self.states.get(name) != state:
                self.states[name] = state
                self.events.write(json.dumps({"time": round(time.time(), 3), "instance": name, "state": state}) + "\n")

    def write(self) -> None:
        pools = {name: level.__dict__ for name, level in sorted(self.levels.items())}
        seconds = round(time.time() - self.began, 3)
        document = {"began": self.began, "seconds": seconds, "samples": self.samples, "pools": pools}
        new = self.out / "observer.new"
        new.write_text(json.dumps({**document, "instances": self.states}, indent=1) + "\n")
        new.replace(self.out / "observer.json")


def pairs(words: list[str]) -> dict[str, str]:
    return {name: value for name, _unused, value in (word.partition("=") for word in words)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--balancer", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--instance", action="append", required=True, metavar="NAME=HOST:PORT")
    parser.add_argument("--out", required=True)
    parser.add_argument("--interval", type=float, default=0.05, help="seconds between two looks")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    balancers = {name: Path(folder) for name, folder in pairs(options.balancer).items()}
    observer = Observer(balancers, pairs(options.instance), Path(options.out))
    signal.signal(signal.SIGTERM, observer.stop)
    signal.signal(signal.SIGINT, observer.stop)
    observer.run(options.interval)


if __name__ == "__main__":
    main()
