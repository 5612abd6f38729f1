# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an nginx passes what one member refuses to another one without loss, by its configuration. Pure.

nginx does so with a refused connection whatever the method, if it may: `max_fails`, `proxy_next_upstream`, and another
live server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import _nginx_address, _nginx_conf, _nginx_log, _nginx_state
from ._nginx_conf import Config, Directive
from ._nginx_state import Reading
from ._nginx_upstream import Server, Upstream

# What nginx does without the directive, in http and in stream.
_DEFAULT = {"http": ["error", "timeout"], "stream": ["on"]}
_KEPT_SINCE = (1, 29, 7)
_FAIL_TIMEOUT = "10s"


def refusals(reading: Reading, upstream: Upstream, members: Sequence[str]) -> list[str]:
    """Why members of the upstream must not be shut: what would be lost, where it stands, and what to write instead."""
    return [*_own(reading, upstream, members), *_beside(reading, upstream, members)]


def _own(reading: Reading, upstream: Upstream, members: Sequence[str]) -> Iterator[str]:
    for server in upstream.servers:
        if server.member in members and _value(server, "max_fails") == "0":
            yield f"{server.line.place}: {server.member} has max_fails=0: let nginx count its failures"
    if sum(server.live for server in upstream.servers) < 2:
        yield f"{upstream.block.place}: {upstream.name} has no other live server to which nginx could go"
    for line, parents in _passes(reading.config, upstream):
        yield from _next(reading.config, upstream, line, parents)


def fail_timeout(upstreams: Sequence[Upstream]) -> float:
    """Seconds for which nginx does not go back to a member that has refused it: the longest of all."""
    texts = [_value(server, "fail_timeout") or _FAIL_TIMEOUT for one in upstreams for server in one.servers]
    return max(map(_nginx_state.seconds, texts), default=0.0)


def keeps(reading: Reading, upstream: Upstream) -> bool:
    """Whether nginx keeps idle connections to the upstream's members."""
    lines = [line for line in reading.config.children(upstream.block) if line.name == "keepalive"]
    if lines:
        return lines[-1].args[:1] != ["0"]
    return upstream.context == "http" and bool(reading.built.number) and reading.built.number >= _KEPT_SINCE


def binds(config: Config) -> bool:
    """Whether nginx chooses the address from which it comes."""
    return any(line.name in ("proxy_bind", "grpc_bind", "fastcgi_bind") for line, _parents in config.walk())


def _value(server: Server, name: str) -> str:
    return next((word.partition("=")[2] for word in server.line.args[1:] if word.startswith(f"{name}=")), "")


def _passes(config: Config, upstream: Upstream) -> Iterator[tuple[Directive, Sequence[Directive]]]:
    """The lines that pass requests to the upstream, each with the blocks around it."""
    for line, parents in config.walk():
        within = _nginx_conf.context(parents) or "http"
        if within == upstream.context and _nginx_log.passes(line, upstream.name, within):
            yield line, parents


def _next(config: Config, upstream: Upstream, line: Directive, parents: Sequence[Directive]) -> Iterator[str]:
    """What keeps this line from going to the next server."""
    prefix = line.name[: -len("_pass")]
    words, place = _inherited(config, parents, f"{prefix}_next_upstream") or (_DEFAULT[upstream.context], "")
    if not {"error", "on"} & set(words):
        yield f"{place}: {prefix}_next_upstream {' '.join(words)}: what {line.place} passes fails; it needs 'error'"
    tries = _inherited(config, parents, f"{prefix}_next_upstream_tries")
    if tries and tries[0] == ["1"]:
        yield f"{tries[1]}: {prefix}_next_upstream_tries 1: what {line.place} passes fails; allow 2 at least"


def _inherited(config: Config, parents: Sequence[Directive], name: str) -> tuple[list[str], str] | None:
    """The words of the innermost such directive that holds within `parents`, and where it stands."""
    for block in reversed(parents):
        own = [line for line in config.children(block) if line.name == name]
        if own:
            return list(own[-1].args), own[-1].place
    return None


def _beside(reading: Reading, upstream: Upstream, members: Sequence[str]) -> Iterator[str]:
    """Other lines that go to a member, where nobody has looked whether they may be refused."""
    passes = _nginx_state.literals(reading)
    for member in members:
        for line in _nginx_state.passing(reading, passes, member):
            yield f"{line.place}: '{line.name} {' '.join(line.args)}' leads to {member} alone, and would fail"
        port = _nginx_address.split(member, 80)[1]
        addresses = reading.resolver.addresses(member)
        for other, server in _nginx_address.also_sending(reading.upstreams, reading.resolver, addresses, port):
            if other.name != upstream.name:
                for why in _own(reading, other, [server.member]):
                    yield f"{server.line.place} goes to {member} too, and would be refused: {why}"
