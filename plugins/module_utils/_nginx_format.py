# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's `log_format` turned round: from a line of the access log to the requests that each upstream address got.

A line may tell of several attempts, `10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80` with as many statuses and times:
each is attributed to its own address. `, ` is the next server, ` : ` an internal redirect.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
_SEPARATOR = re.compile(r"(, | : )")


def _list_of(element: str) -> str:
    return f"(?:{element}(?:(?:, | : ){element})*(?: : )?|-)?"


_ADDRESS = r"(?:unix:[^] ,;|\"]+|[A-Za-z_][A-Za-z0-9_.-]*|\[[^] ,\"]+\]:[0-9]+|[0-9.]+:[0-9]+)"
_SECONDS = r"(?:[0-9]+\.[0-9]{3}|-)"
_READ = {
    "upstream_addr": _list_of(_ADDRESS),
    "upstream_status": _list_of("(?:[0-9]{1,3}|-)"),
    "upstream_response_time": _list_of(_SECONDS),
    "upstream_connect_time": _list_of(_SECONDS),
    "status": "[0-9]{3}",
    "request_time": r"[0-9]+\.[0-9]{3}",
    "msec": r"[0-9.-]*",
    "time_iso8601": r'[^] ,"]*',
    "time_local": r"[0-9]{2}/\w{3}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What a format must tell, by context; the first of each is what we ask for.
_NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "http": (("upstream_addr",), ("upstream_status", "status"), ("upstream_response_time", "request_time")),
    "stream": (("upstream_addr",), ("status",), ("upstream_connect_time",)),
}
_NUMBERS = re.compile(
    r"((body_)?bytes_sent|(upstream_)?bytes_(sent|received)|request_length|connection(_requests|_time)?|pid|"
    r"(server|remote)_port|gzip_ratio|session_time)\Z"
)
_WORDS = re.compile(
    r"((realip_)?remote_addr|server_(addr|name|protocol)|host|hostname|scheme|request_(method|uri|id)|"
    r"ssl_(protocol|cipher)|pipe|protocol|upstream_cache_status)\Z"
)


class FormatError(ValueError):
    """The format does not tell what is needed; the message says what to add."""


@dataclass(frozen=True)
class Attempt:
    """One request that nginx sent to `address`; status and seconds are None where the line does not tell."""

    address: str
    status: int | None
    seconds: float | None


def wanted(context: str) -> list[str]:
    """The variables that a format should have, of http or stream."""
    return [one_of[0] for one_of in _NEEDED[context]]


def parts(text: str) -> list[tuple[str, str]]:
    """A format as (literal, variable) pairs: the literal comes before the variable; the last variable is empty."""
    found, end = [], 0
    for match in _VARIABLE.finditer(text):
        found.append((text[end : match.start()], match[1] or match[2]))
        end = match.end()
    return [*found, (text[end:], "")]


def reader(text: str, escape: str = "default", context: str = "http") -> re.Pattern[str]:
    """What matches a line of the format `text`. Raises FormatError for one that tells too little to judge by.

    escape: default, json or none. context: http or stream.
    """
    found = parts(text)
    told = {variable for _literal, variable in found}
    missing = [one_of[0] for one_of in _NEEDED[context] if told.isdisjoint(one_of)]
    if missing:
        json = text.lstrip().startswith("{")
        addition = "".join(f',"{name}":"${name}"' if json else f" ${name}" for name in missing)
        raise FormatError(f"has no {' and no '.join(f'${name}' for name in missing)}: add '{addition}' to it")
    for (_before, one), (between, other) in zip(found, found[1:]):
        if not between and one and other and (one in _READ or other in _READ):
            raise FormatError(f"has ${one} and ${other} side by side: put a space between them")
    return re.compile(_pattern(found, escape))


def _pattern(found: Sequence[tuple[str, str]], escape: str) -> str:
    """Fields that may hold anything end where what follows them is found first, and are never looked at again:

    a lookahead with a back reference does not backtrack, so that no line costs more than its length.
    """
    chunks, gaps, quotes, seen = [""], [""], 0, set()
    for place, (literal, variable) in enumerate(found):
        chunks[-1] += re.escape(literal)
        quotes += literal.count('"')
        if not variable:
            continue
        following = found[place + 1][0]
        if variable in _READ:
            chunks[-1] += f"(?P<{variable}>{_READ[variable]})" if variable not in seen else _READ[variable]
            seen.add(variable)
        elif bounded := _bounded(variable, following, escape, quotes % 2 == 1):
            chunks[-1] += bounded
        else:
            gaps.append(_quoted(escape) if quotes % 2 == 1 else ".")
            chunks.append("")
    last = len(chunks) - 1
    pattern = chunks[0]
    for number in range(1, last):
        pattern += f"(?=(?P<_{number}>{gaps[number]}*?{chunks[number]}))(?P=_{number})"
    return pattern + (f"{gaps[last]}*?{chunks[last]}" if last else "") + r"\Z"


def _bounded(variable: str, following: str, escape: str, inside: bool) -> str:
    """A pattern that ends by itself where `following` begins; empty where there is none."""
    if _NUMBERS.match(variable) and not re.match(r"[0-9.-]|\Z", following):
        return "[0-9.-]*"
    if inside and escape != "none" and following.startswith('"'):
        return f"{_quoted(escape)}*"
    return '[^ "]*' if _WORDS.match(variable) and following[:1] in (" ", '"') and following else ""


def _quoted(escape: str) -> str:
    """One character of a value between double quotes, in which nginx escapes them."""
    return {"default": '[^"]', "json": r'(?:[^"\\]|\\.)'}.get(escape, ".")


def began(fields: Mapping[str, str | None]) -> float | None:
    """When the request began at the earliest, in seconds since the epoch; None where the line does not tell.

    nginx writes the time at which it ended, in most formats in whole seconds.
    """
    took = _seconds(fields.get("request_time"))
    try:
        ended = _ended(fields)
    except ValueError:
        return None
    return None if took is None or ended is None else ended - took


def _ended(fields: Mapping[str, str | None]) -> float | None:
    if text := fields.get("msec"):
        return float(text)
    if text := fields.get("time_iso8601"):
        return datetime.datetime.fromisoformat(text).timestamp()
    if text := fields.get("time_local"):
        day, month, rest = text.split("/")
        year, clock, zone = rest[:4], rest[5:13], f"{rest[14:17]}:{rest[17:]}"
        iso = f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}{zone}"
        return datetime.datetime.fromisoformat(iso).timestamp()
    return None


def attempts(fields: Mapping[str, str | None]) -> list[Attempt] | None:
    """The attempts that a line's fields tell of; None where its lists are of different lengths."""
    text = fields["upstream_addr"] or "-"
    if text == "-":
        return []
    pieces = _SEPARATOR.split(text)
    addresses, separators = pieces[::2], [*pieces[1::2], ""]
    statuses = _items(fields.get("upstream_status"), len(addresses))
    times = _items(fields.get("upstream_response_time") or fields.get("upstream_connect_time"), len(addresses))
    if statuses is None or times is None:
        return None
    listed = bool(fields.get("upstream_status"))
    last = max(place for place, address in enumerate(addresses) if address)
    found = []
    for place, address in enumerate(addresses[: last + 1]):
        status, seconds = _status(statuses[place]), _seconds(times[place])
        if status is None and place == last:
            status = _status(fields.get("status"))
        elif status is None and not listed and separators[place] == ", ":
            # nginx goes to the next server only where this one failed.
            status = 502
        if seconds is None and place == last and not fields.get("upstream_response_time"):
            seconds = _seconds(fields.get("request_time"))
        found.append(Attempt(address, status, seconds))
    return found


def _items(text: str | None, count: int) -> list[str] | None:
    items = _SEPARATOR.split(text)[::2] if text else [""] * count
    return items if len(items) == count else None


def _status(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text != "-" else None
