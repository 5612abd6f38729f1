# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""iptables, where there is no nftables: a chain of its own for each member, and a jump to it at the top of INPUT.

Its rules match until a date, by which the kernel itself opens the port again.
"""

from __future__ import annotations

import calendar
import ipaddress
import shlex
import time
from collections.abc import Iterator, Sequence
from typing import Callable

from . import _command
from ._firewall_rule import Address, Rule, failed

_SECONDS = 30.0
_CHAIN = "LOSSLESS-"
_DATE = "%Y-%m-%dT%H:%M:%S"
# What it says of a chain that is not there, of one that is there already, and of a host without IPv6.
_MISSING = (
    "No chain/target/match by that name",
    "does not exist",
    "Chain already exists",
    "can't initialize ip6tables",
)


class Iptables:
    """command: how iptables is called, as in [sudo, -n, iptables]; ip6tables likewise. now: the clock, in seconds."""

    def __init__(self, command: Sequence[str], now: Callable[[], float] = time.time) -> None:
        program = command[-1].rpartition("iptables")
        self._commands = {4: list(command), 6: [*command[:-1], f"{program[0]}ip6tables{program[2]}"]}
        self._now = now

    def read(self, key: str) -> Rule | None:
        found = [(words, version) for version in self._commands for words in self._rules(version, key)]
        if not found:
            return None
        live = all(self._jumps(version, key) for _words, version in found)
        to: set[tuple[Address, int]] = set()
        sources: set[Address] = set()
        ends: list[float] = []
        for words, _version in found:
            to.add((_address(words["-d"]), int(words["--dport"])))
            sources.add(_address(words["-s"]))
            if "--datestop" in words:
                ends.append(calendar.timegm(time.strptime(words["--datestop"], _DATE)))
        left = min(ends) - self._now() if ends else None
        lapsed = not live or (left is not None and left <= 0)
        return Rule(frozenset(to), frozenset() if lapsed else frozenset(sources), left)

    def write(self, key: str, rule: Rule, note: str) -> None:
        """The new rules stand before the old ones go: there is no moment without."""
        end = [] if rule.left is None else ["-m", "time", "--datestop", _date(self._now() + rule.left)]
        for version in sorted({source.version for source, _address, _port in rule.pairs()}):
            chain, old = _CHAIN + key, len(list(self._rules(version, key)))
            if not old:
                self._run(version, "-N", chain, may_fail=True)
            for source, address, port in rule.pairs():
                if source.version == version:
                    match = ["-s", str(source), "-d", str(address), "-p", "tcp", "--syn", "--dport", str(port), *end]
                    tagged = ["-m", "comment", "--comment", note]
                    self._run(version, "-A", chain, *match, *tagged, "-j", "REJECT", "--reject-with", "tcp-reset")
            for _number in range(old):
                self._run(version, "-D", chain, "1")
            if not self._jumps(version, key):
                self._run(version, "-I", "INPUT", "1", "-j", chain)

    def remove(self, key: str) -> None:
        for version in self._commands:
            if list(self._rules(version, key)):
                while self._jumps(version, key):
                    self._run(version, "-D", "INPUT", "-j", _CHAIN + key)
                self._run(version, "-F", _CHAIN + key)
                self._run(version, "-X", _CHAIN + key)

    def _rules(self, version: int, key: str) -> Iterator[dict[str, str]]:
        """The words of each rule of the member's chain, by the option before them."""
        for line in self._run(version, "-S", _CHAIN + key, may_fail=True).splitlines():
            words = shlex.split(line)
            if words[:1] == ["-A"]:
                yield dict(zip(words, words[1:]))

    def _jumps(self, version: int, key: str) -> bool:
        return f"-A INPUT -j {_CHAIN}{key}" in self._run(version, "-S", "INPUT").splitlines()

    def _run(self, version: int, *words: str, may_fail: bool = False) -> str:
        """What it printed; empty where it may fail, since there is no such chain, or one already."""
        command = [*self._commands[version], "-w", "10", *words]
        ran = _command.run(command, _SECONDS)
        if ran.code == 0:
            return ran.output
        if may_fail and any(text in ran.output for text in _MISSING):
            return ""
        raise failed(command, ran, "iptables")


def _address(text: str) -> Address:
    return ipaddress.ip_interface(text).ip


def _date(at: float) -> str:
    return time.strftime(_DATE, time.gmtime(at))
