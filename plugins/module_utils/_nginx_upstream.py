# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's upstreams and their members, as the configuration says them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property

from . import _nginx_conf
from ._nginx_conf import Config, Directive, Token

_WEIGHT = re.compile(r"weight=(\d+)\Z")


class MemberError(ValueError):
    """What was asked for does not fit the configuration; the text names the value and what is there instead."""


@dataclass(frozen=True)
class Server:
    """One `server` line of an upstream. file: the real path of the file it stands in, links followed."""

    line: Directive
    file: str

    @property
    def member(self) -> str:
        return self.line.args[0]

    @property
    def key(self) -> tuple[str, int]:
        return self.file, self.line.start

    @property
    def state(self) -> str:
        """down, drain, backup or up."""
        return next((word for word in ("down", "drain", "backup") if word in self.line.args[1:]), "up")

    @property
    def live(self) -> bool:
        return self.state == "up"

    @property
    def weight_token(self) -> Token | None:
        return next((token for token in reversed(self.line.tokens[2:]) if _WEIGHT.match(token.text)), None)

    @property
    def weight(self) -> int:
        return int(self.weight_token.text[len("weight=") :]) if self.weight_token else 1


@dataclass(frozen=True)
class Upstream:
    """One `upstream` block. context: http or stream. servers: in nginx's order, from included files as well."""

    name: str
    context: str
    block: Directive
    servers: list[Server]
    words: frozenset[str]

    @cached_property
    def files(self) -> list[str]:
        return sorted({self.block.file, *(server.line.file for server in self.servers)})

    @property
    def by_lua(self) -> bool:
        """Whether Lua chooses the server, so that the lines say nothing about where requests go."""
        return "balancer_by_lua_block" in self.words or "balancer_by_lua_file" in self.words

    def listed(self, member: str) -> list[Server]:
        return [server for server in self.servers if server.member == member]


def upstreams(config: Config) -> list[Upstream]:
    """Every upstream in nginx's order. Raises MemberError where one name is given twice with other members."""
    found: list[Upstream] = []
    real = {path: os.path.realpath(path) for path in config.files}
    for directive, parents in config.walk():
        if directive.name != "upstream" or directive.block is None or len(directive.args) != 1:
            continue
        inside = list(config.children(directive))
        lines = (line for line in inside if line.name == "server" and line.args and line.block is None)
        servers = [Server(line, real[line.file]) for line in lines]
        context = _nginx_conf.context(parents) or "http"
        words = frozenset(line.name for line in inside)
        found.append(Upstream(directive.args[0], context, directive, servers, words))
    _refuse_contradictions(found)
    return found


def _refuse_contradictions(found: list[Upstream]) -> None:
    first: dict[tuple[str, str], Upstream] = {}
    for upstream in found:
        other = first.setdefault((upstream.context, upstream.name), upstream)
        if _members(other) != _members(upstream):
            raise MemberError(
                f"upstream {upstream.name} is given twice with other members: {other.block.place} has {_shown(other)}, "
                f"{upstream.block.place} has {_shown(upstream)}. Remove one of them."
            )


def named(found: list[Upstream], name: str) -> list[Upstream]:
    """The upstreams of that name (http and stream may share it). Raises MemberError where there is none."""
    matching = [upstream for upstream in found if upstream.name == name]
    if not matching:
        there = ", ".join(sorted({upstream.name for upstream in found})) or "none at all"
        raise MemberError(f"no upstream {name!r} in nginx's configuration; there are: {there}")
    return matching


def lines(config: Config, found: list[Upstream], name: str, member: str) -> list[tuple[Upstream, Server]]:
    """The lines of `member` in the upstreams called `name`, at most one in each. Raises MemberError.

    Missing is an error that names the members that are there, and a comment that mentions it.
    """
    matching = named(found, name)
    result = []
    for upstream in matching:
        servers = upstream.listed(member)
        if len(servers) > 1:
            places = " and ".join(server.line.place for server in servers)
            raise MemberError(f"{member} is listed twice in upstream {name}: {places}. Leave one line, then try again.")
        result += [(upstream, server) for server in servers]
    if not result:
        there = "; ".join(_shown(upstream) for upstream in matching)
        comment = next(filter(None, (_comment(config, upstream, member) for upstream in matching)), "")
        raise MemberError(f"{member} is not listed in upstream {name}{comment}; its members are: {there}")
    return result


def _members(upstream: Upstream) -> list[str]:
    return sorted(server.member for server in upstream.servers)


def _shown(upstream: Upstream) -> str:
    return ", ".join(_members(upstream)) or "no server"


def _comment(config: Config, upstream: Upstream, member: str) -> str:
    """Says where `member` stands in a comment, of the upstream's block or of a file with its servers."""
    wanted = re.compile(rb"^[^\n]*#[^\n]*(?<![\w.:-])" + re.escape(member.encode()) + rb"(?![\w.:-])", re.MULTILINE)
    for path in upstream.files:
        start, end = 0, len(config.files[path])
        if path == upstream.block.file:
            start, end = upstream.block.start, upstream.block.end
        match = wanted.search(config.files[path], start, end)
        if match:
            line = config.files[path].count(b"\n", 0, match.start()) + 1
            return f" (only in a comment, {path}:{line})"
    return ""
