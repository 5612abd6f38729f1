# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One nginx on this host: where it is configured, what is read from there, and what to know about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _grammar, _nginx_address, _nginx_conf, _nginx_host, _nginx_upstream
from ._nginx_conf import Config, ConfigError, Directive
from ._nginx_upstream import Upstream

OPTIONS: dict[str, dict[str, Any]] = {
    "config": {"type": "path", "default": "/etc/nginx/nginx.conf"},
    "prefix": {"type": "path"},
    "test": {"type": "list", "elements": "str", "default": ["nginx", "-t"]},
    "reload": {"type": "list", "elements": "str", "default": ["nginx", "-s", "reload"]},
    "version": {"type": "list", "elements": "str", "default": ["nginx", "-V"]},
}
COMMAND_SECONDS = 30.0
_MIN_TIMEOUT_SINCE = (1, 27, 4)
_MIN_TIMEOUT_LOSS = (
    "keep-alive clients can get a reset at a reload: 15 to 91 broken requests in 13 reloads with 200 keep-alive "
    "clients, 0 with 'keepalive_min_timeout 5s'"
)
_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Nginx:
    """How to reach this nginx: the modules' common parameters."""

    config: str
    prefix: str | None
    test: list[str]
    reload: list[str]
    version: list[str]

    def read(self) -> Reading:
        """Read the configuration and ask for the version. Raises ConfigError, MemberError or HostError."""
        built = _nginx_host.build(self.version, timeout=COMMAND_SECONDS)
        prefix = _nginx_host.prefix(self.prefix, built, [self.test, self.reload, self.version])
        try:
            config = _nginx_conf.load(self.config, prefix)
        except ConfigError as error:
            said = f"nginx's configuration cannot be read as it stands; nothing was changed: {error}"
            raise ConfigError(said) from error
        return _reading(config, built, _nginx_address.Resolver())

    def again(self, before: Reading) -> Reading:
        """The configuration read once more; the rest as `before`."""
        return before if before.config.unchanged() else self.with_drafts(before, {})

    def with_drafts(self, before: Reading, drafts: Mapping[str, bytes]) -> Reading:
        """The configuration as it is with `drafts` (real path -> bytes) in place of files."""
        config = _nginx_conf.load(self.config, before.config.prefix, drafts)
        return _reading(config, before.built, before.resolver)


def from_params(params: Mapping[str, Any]) -> Nginx:
    """The modules' common parameters, once they are found well-formed; raises ValueError."""
    for name in ("config", "prefix"):
        if params[name] is not None:
            _grammar.path(params[name], name)
    commands = {name: _grammar.command(params[name], name) for name in ("test", "reload", "version")}
    return Nginx(config=params["config"], prefix=params["prefix"], **commands)


@dataclass(frozen=True)
class Reading:
    """What was read at one moment."""

    config: Config
    upstreams: list[Upstream]
    built: _nginx_host.Build
    resolver: _nginx_address.Resolver

    def master(self) -> int:
        """The pid of the running master; raises HostError."""
        return _nginx_host.master(_nginx_host.pid_file(self.config, self.built))


def _reading(config: Config, built: _nginx_host.Build, resolver: _nginx_address.Resolver) -> Reading:
    return Reading(config, _nginx_upstream.upstreams(config), built, resolver)


def keepalive_min_timeout(config: Config) -> float | None:
    """Seconds: of the http block, or the least of its servers where each has one; None where one has none."""
    servers: list[float | None] = []
    for directive, parents in config.walk():
        if parents and parents[-1].name == "http":
            if directive.name == "keepalive_min_timeout" and directive.args:
                return seconds(directive.args[0])
            if directive.name == "server" and directive.block is not None:
                own = (line for line in config.children(directive) if line.name == "keepalive_min_timeout")
                servers.append(next((seconds(line.args[0]) for line in own if line.args), None))
    known = [value for value in servers if value is not None]
    return min(known) if known and len(known) == len(servers) else None


def seconds(text: str) -> float:
    """nginx's time, as in `5`, `500ms` or `1m 30s` without spaces, in seconds; 0 for what is none."""
    parts = re.findall(r"(\d+)(ms|[smhd]?)", text)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def warnings(reading: Reading) -> list[str]:
    """What to tell people about this nginx: what a reload can lose here, and traffic that no upstream directs."""
    found = []
    number = reading.built.number
    has_http = any(directive.name == "http" for directive, _parents in reading.config.walk())
    if has_http and number and number < _MIN_TIMEOUT_SINCE:
        found.append(f"nginx {reading.built.text} is too old for keepalive_min_timeout (1.27.4): {_MIN_TIMEOUT_LOSS}")
    elif has_http and not keepalive_min_timeout(reading.config):
        found.append(f"{reading.config.path} sets no keepalive_min_timeout: {_MIN_TIMEOUT_LOSS}")
    for upstream in reading.upstreams:
        if upstream.by_lua:
            found.append(f"{upstream.block.place}: upstream {upstream.name} lets Lua choose the server")
    return found


def beside(reading: Reading, upstreams: list[Upstream]) -> list[str]:
    """Lines that pass requests straight to a member of `upstreams`, where no upstream can take it out."""
    passes = literals(reading)
    return sorted(
        {
            f"{line.place}: '{line.name} {' '.join(line.args)}' leads to {server.member} of upstream {upstream.name}, "
            "past every upstream: taking the member out of the upstream does not stop it"
            for upstream in upstreams
            for server in (upstream.servers if passes else ())
            for line in passing(reading, passes, server.member)
        }
    )


def literals(reading: Reading) -> list[tuple[str, int, Directive]]:
    """See _nginx_address.literals."""
    return _nginx_address.literals(reading.config, reading.upstreams)


def passing(reading: Reading, passes: list[tuple[str, int, Directive]], member: str) -> list[Directive]:
    """Those of `passes` (see _nginx_address.literals) that lead to `member`."""
    return _nginx_address.literal_lines(passes, reading.resolver, member, reading.resolver.addresses(member))


def next_upstream(config: Config) -> Iterator[dict[str, Any]]:
    """Each `proxy_next_upstream`, and where it stands."""
    for directive, _parents in config.walk():
        if directive.name == "proxy_next_upstream":
            yield {"value": " ".join(directive.args), "file": directive.file, "line": directive.line}
