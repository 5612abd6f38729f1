# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nftables: a table of its own for each member, made, renewed and removed in one transaction.

Its elements have a timeout, so that the kernel itself opens the port again.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _command
from ._firewall_rule import Address, FirewallError, Rule, failed

_SECONDS = 30.0
_TABLE = "lossless_restart_"
# Before the rules of others, which are at 0 and above: a verdict of theirs can no longer let it through.
_PRIORITY = -10
_FAMILIES = {4: "ip", 6: "ip6"}


class Nftables:
    """command: how nft is called, with all its rights, as in [sudo, -n, nft]."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)

    def read(self, key: str) -> Rule | None:
        ran = _command.run([*self._command, "-j", "list", "table", "inet", _TABLE + key], _SECONDS)
        if ran.code != 0 and "No such file or directory" in ran.output:
            return None
        self._refuse(ran)
        try:
            return _rule(json.loads(ran.output)["nftables"])
        except (ValueError, KeyError, TypeError) as error:
            said = _command.tail(ran.output)
            raise FirewallError(f"'{' '.join(self._command)} -j' gives no rule of ours ({error}): {said}") from error

    def write(self, key: str, rule: Rule, note: str) -> None:
        self._give(f"add table inet {_TABLE}{key}\ndelete table inet {_TABLE}{key}\n{_text(key, rule, note)}")

    def remove(self, key: str) -> None:
        self._give(f"delete table inet {_TABLE}{key}\n")

    def _give(self, text: str) -> None:
        self._refuse(_command.run([*self._command, "-f", "-"], _SECONDS, text.encode()))

    def _refuse(self, ran: _command.Ran) -> None:
        if ran.code != 0:
            raise failed(self._command, ran, "nft")


def _text(key: str, rule: Rule, note: str) -> str:
    timeout = "" if rule.left is None else f" timeout {math.ceil(rule.left)}s"
    sets, rules = [], []
    for version, family in _FAMILIES.items():
        sources = sorted(str(one) for one in rule.sources if one.version == version)
        elements = ", ".join(source + timeout for source in sources)
        if sources:
            sets.append(f"set from{version} {{ type ipv{version}_addr; flags timeout; elements = {{ {elements} }}; }}")
        for address, port in sorted(rule.to, key=str):
            if sources and address.version == version:
                rules.append(
                    f"{family} saddr @from{version} {family} daddr {address} tcp dport {port} "
                    f'tcp flags & (fin | syn | rst | ack) == syn counter reject with tcp reset comment "{note}"'
                )
    chain = [f"type filter hook input priority {_PRIORITY}; policy accept;", *rules]
    body = [*sets, "chain input {", *chain, "}"]
    return "\n".join([f"table inet {_TABLE}{key} {{", *body, "}", ""])


def _rule(items: Iterable[Mapping[str, Any]]) -> Rule:
    sources: set[Address] = set()
    left: list[float | None] = []
    to: set[tuple[Address, int]] = set()
    for item in items:
        for element in item.get("set", {}).get("elem", []):
            one = element["elem"] if isinstance(element, dict) else {"val": element}
            sources.add(ipaddress.ip_address(one["val"]))
            left.append(float(one["expires"]) if "timeout" in one else None)
        if "rule" in item:
            found = dict(filter(None, map(_match, item["rule"]["expr"])))
            to.add((ipaddress.ip_address(found["daddr"]), int(found["dport"])))
    known = [one for one in left if one is not None]
    return Rule(frozenset(to), frozenset(sources), min(known) if known else None)


def _match(expression: Mapping[str, Any]) -> tuple[str, Any] | None:
    """What an expression compares, and with what; None for one that compares no field."""
    match = expression.get("match", {})
    left = match.get("left", {})
    return (left["payload"]["field"], match["right"]) if "payload" in left else None
