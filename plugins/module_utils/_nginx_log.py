# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which access logs an nginx writes, in which format, and what each of them can tell about its upstreams."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _nginx_conf, _nginx_follow, _nginx_format
from ._nginx_conf import Config, Directive
from ._nginx_upstream import Upstream

_PASS = re.compile(r"(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass\Z")
_TARGET = re.compile(r"(?:[a-z]+://)?(?P<name>[^/:?#$]+)(?:[/:?#$]|\Z)")

Level = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Log:
    """One `access_log`.

    path: absolute, empty where there is none to read. context: http or stream. level: the blocks around it.
    reader: what matches its lines; None where `trouble` says why it cannot be judged by.
    slow: why its lines may come late or not at all; empty where they come at once.
    """

    path: str
    context: str
    level: Level
    reader: re.Pattern[str] | None
    trouble: str
    slow: str


def logs(config: Config) -> list[Log]:
    """Every `access_log` of the configuration, in nginx's order; `off` has no path."""
    formats = _formats(config)
    return [
        _log(config, directive, _level(parents), _nginx_conf.context(parents), formats)
        for directive, parents in config.walk()
        if directive.name == "access_log" and directive.args and _nginx_conf.context(parents)
    ]


def relative(config: Config) -> bool:
    """Whether the path of a log is relative to nginx's prefix."""
    paths = (line.args[0] for line, _parents in config.walk() if line.name == "access_log" and line.args)
    return any(not path.startswith(("/", "syslog:", "$")) and path != "off" for path in paths)


def readable(found: Iterable[Log]) -> dict[str, list[re.Pattern[str]]]:
    """path -> the readers of its lines, for the logs that tell enough; of several on one level, the best alone.

    nginx writes a request to every log of its level: reading two of them would count it twice.
    """
    best: dict[Level, Log] = {}
    for log in found:
        other = best.get(log.level)
        if log.reader and (other is None or (bool(log.slow), _poor(log)) < (bool(other.slow), _poor(other))):
            best[log.level] = log
    readers: dict[str, list[re.Pattern[str]]] = {}
    for log in best.values():
        if log.reader and log.reader not in readers.setdefault(log.path, []):
            readers[log.path].append(log.reader)
    return readers


def positions(config: Config) -> list[dict[str, Any]]:
    """Where each access log that tells of upstreams ends now: `{path, inode, offset, mark}`, see _nginx_follow."""
    return [_nginx_follow.end(path) for path in readable(logs(config))]


def troubles(config: Config, upstream: str, context: str) -> list[str]:
    """Why the requests passed to `upstream` cannot be judged by a log; empty where some of them can.

    Where no line passes to it by name (a variable does), any log of its context will do.
    """
    found = [log for log in logs(config) if log.context == context]
    passing = [
        _level(parents)
        for directive, parents in config.walk()
        if _nginx_conf.context(parents) == context and passes(directive, upstream, context)
    ]
    written = [log for level in passing for log in _effective(found, level)] if passing else found
    if any(log.reader for log in written):
        return []
    if not written:
        return [_default(context, upstream)]
    return sorted({log.trouble for log in written})


def all_troubles(config: Config, upstreams: Iterable[Upstream]) -> dict[str, list[str]]:
    """By upstream, why no access log tells of its requests; only those of which that is so."""
    told = {one.name: troubles(config, one.name, one.context) for one in upstreams}
    return {name: why for name, why in told.items() if why}


def _poor(log: Log) -> int:
    """How many of the better fields the log lacks."""
    fields = log.reader.groupindex if log.reader else {}
    return sum(name not in fields for name in ("upstream_status", "upstream_response_time"))


def _default(context: str, upstream: str) -> str:
    where = "the default log has only the format combined" if context == "http" else "a stream has no log by default"
    return (
        f"no access_log is set where requests are passed to {upstream}, and {where}: set one, with a log_format that "
        f"has {' '.join(f'${name}' for name in _nginx_format.wanted(context))}"
    )


def _effective(found: list[Log], level: Level) -> list[Log]:
    """The logs of the innermost block around `level` that sets any."""
    for depth in range(len(level), 0, -1):
        here = [log for log in found if log.level == level[:depth]]
        if here:
            return here
    return []


def passes(directive: Directive, upstream: str, context: str) -> bool:
    """Whether the line passes requests to the upstream of this name."""
    named = directive.name == "proxy_pass" if context == "stream" else bool(_PASS.match(directive.name))
    target = _TARGET.match(directive.args[0]) if named and directive.args else None
    return target is not None and target["name"] == upstream


def _level(parents: tuple[Directive, ...]) -> Level:
    return tuple((parent.file, parent.start) for parent in parents)


def _formats(config: Config) -> dict[tuple[str, str], tuple[Directive | None, str, str]]:
    """(context, name) -> (its directive, its text, its escape)."""
    found: dict[tuple[str, str], tuple[Directive | None, str, str]] = {
        ("http", "combined"): (None, _nginx_format.COMBINED, "default")
    }
    for directive, parents in config.walk():
        if directive.name == "log_format" and len(directive.args) > 1:
            escape = re.match(r"escape=(\w+)\Z", directive.args[1])
            text = "".join(directive.args[2 if escape else 1 :])
            found[_nginx_conf.context(parents), directive.args[0]] = directive, text, escape[1] if escape else "default"
    return found


def _log(
    config: Config,
    directive: Directive,
    level: Level,
    context: str,
    formats: dict[tuple[str, str], tuple[Directive | None, str, str]],
) -> Log:
    target, options = directive.args[0], directive.args[2:]
    what = f"access_log {target} in {directive.place}"
    if target == "off":
        return Log("", context, level, None, f"{what} keeps no log of these requests: set one there", "")
    path = os.path.normpath(os.path.join(config.prefix, target))
    name = directive.args[1] if len(directive.args) > 1 else "combined"
    reader, trouble = None, _unreadable(target, path, options)
    if trouble:
        trouble = f"{what} {trouble}"
    else:
        reader, trouble = _reader(formats.get((context, name)), name, what, context)
    return Log("" if trouble else path, context, level, reader, trouble, _slow(options, what))


def _unreadable(target: str, path: str, options: list[str]) -> str:
    if target.startswith("syslog:"):
        return "goes to syslog and cannot be read: write a file as well"
    if "$" in target:
        return "has a variable in its path and cannot be found: write one file as well"
    if any(re.match(r"gzip(=|\Z)", option) for option in options):
        return "is compressed while it is written and cannot be read: take 'gzip' out"
    if os.path.exists(path) and not os.path.isfile(path):
        return "is no regular file and cannot be read: write a file as well"
    return ""


def _slow(options: list[str], what: str) -> str:
    buffer = next((option for option in options if option.startswith("buffer=")), "")
    flush = next((option for option in options if option.startswith("flush=")), "")
    if buffer:
        return f"{what} is buffered ({buffer} {flush or 'without flush'}): set a short one, as in 'flush=1s'"
    condition = next((option for option in options if option.startswith("if=")), "")
    return f"{what} leaves out requests ({condition})" if condition else ""


def _reader(
    found: tuple[Directive | None, str, str] | None, name: str, what: str, context: str
) -> tuple[re.Pattern[str] | None, str]:
    if found is None:
        return None, f"{what} names log_format {name}, which is not defined"
    directive, text, escape = found
    try:
        return _nginx_format.reader(text, escape, context), ""
    except _nginx_format.FormatError as error:
        if directive:
            return None, f"log_format {name} in {directive.place} {error}"
        return None, f"{what} has the built-in log_format {name}, which {error} (in a log_format of your own)"
