# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A policy as it is written. Whatever is not exactly as docs/policy.md has it is refused, with its line."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from . import _floor, _grammar, _marked
from ._marked import Mark
from ._policy import GLASS, KINDS, PRODUCTION, Approval, Grant, People, Policy, Rules, version
from ._windows import DAYS, Window

_TOP = ("format", "contact", "environments")
_RULES = ("may", "approval", "confirm", "at_most", "floor", "freeze", "hours", "cooldown", "reason", "change")
_PEOPLE = ("users", "groups", "awx_users", "awx_templates")
_APPROVERS = ("users", "groups", "awx_users")
# An approval lasts for so many seconds unless the policy says otherwise.
_WITHIN = 4 * 3600.0
_YEAR = 366 * 86400.0


def parse(text: str, place: str) -> Policy:
    """The policy in `text`, which stands at `place`. Raises ValueError with the line; ImportError without PyYAML."""
    root = _marked.load(text)
    top = root.keys("the policy", needed=_TOP, known=("zone", "awx_accounts", "awx", "services"))
    if top["format"].value != "1":
        raise top["format"].wrong(f"format {top['format'].value!r} is not known: this version knows 1")
    zone = top.get("zone")
    environments = {
        name: _rules({}, one, name, top["contact"], zone, place) for name, one in _named(top["environments"])
    }
    if PRODUCTION not in environments:
        raise top["environments"].wrong(f"environments has no {PRODUCTION}, which is what an unnamed service is")
    services = {}
    for name, one in _named(top["services"]) if "services" in top else ():
        Mark(name, one.line).ruled(lambda value: _grammar.word(value, "service"))
        keys = one.keys(f"service {name}", needed=("environment",), known=(*_RULES, "contact"))
        environment = keys["environment"].text("environment")
        if environment not in environments:
            raise keys["environment"].wrong(f"environment {environment!r} is not one of {', '.join(environments)}")
        base = top["environments"].value[environment].value
        own = Mark({key: value for key, value in keys.items() if key != "environment"}, one.line)
        services[name] = _rules(base, own, environment, top["contact"], zone, place)
    accounts = top["awx_accounts"].texts("awx_accounts") if "awx_accounts" in top else []
    awx = _awx(top["awx"]) if "awx" in top else {}
    return Policy(place, version(root.plain()), accounts, awx, environments, services)


def _awx(mark: Mark) -> dict[str, str]:
    """Where AWX is asked."""
    keys = mark.keys("awx", needed=("url", "headers_file"), known=("ca_file",))
    keys["url"].ruled(lambda value: _grammar.url(value, "url"))
    keys["headers_file"].ruled(lambda value: _grammar.path(value, "headers_file"))
    if "ca_file" in keys:
        keys["ca_file"].ruled(lambda value: _grammar.path(value, "ca_file"))
    return {name: one.text(name) for name, one in keys.items()}


def _named(mark: Mark) -> list[tuple[str, Mark]]:
    return list(mark.keys("environments or services").items())


def _rules(
    base: Mapping[str, Mark], own: Mark, environment: str, contact: Mark, zone: Mark | None, place: str
) -> Rules:
    """An environment's rules, or a service's over those of its environment `base`: each in its place, but for freezes,
    which add up."""
    keys = own.keys(f"{environment}'s rules", known=(*_RULES, "contact"))
    merged = {"contact": contact, **base, **keys}
    freeze = [one for part in (base, keys) if "freeze" in part for one in part["freeze"].items("freeze")]
    if "may" not in merged:
        raise own.wrong("there is no may: nobody could ever restart anything. Say who may do which kinds")
    production = environment == PRODUCTION
    plain = {name: one.plain() for name, one in merged.items()} | {"freeze": [one.plain() for one in freeze]}
    return Rules(
        environment=environment,
        place=place,
        contact=merged["contact"].text("contact"),
        lines={name: one.line for name, one in merged.items()},
        version=version([environment, zone.plain() if zone else "", plain]),
        may=[_grant(one) for one in merged["may"].items("may")],
        approval=_approval(merged.get("approval"), production),
        confirm=merged["confirm"].flag("confirm") if "confirm" in merged else production,
        at_most=_at_most(merged.get("at_most")),
        floor=merged["floor"].ruled(_floor.parse_floor) if "floor" in merged else None,
        freeze=_windows(freeze, zone),
        hours=_windows(merged["hours"].items("hours"), zone) if "hours" in merged else [],
        cooldown=_seconds(merged.get("cooldown"), "cooldown", 0.0),
        reason=_pattern(merged.get("reason"), "reason"),
        change=_pattern(merged.get("change"), "change"),
    )


def _grant(mark: Mark) -> Grant:
    keys = mark.keys("each of may", needed=("kinds",), known=_PEOPLE)
    kinds = keys["kinds"].texts("kinds")
    strange = [kind for kind in kinds if kind not in (*KINDS, GLASS)]
    if strange:
        raise keys["kinds"].wrong(f"kinds {', '.join(strange)} not among {', '.join((*KINDS, GLASS))}")
    return Grant(_people(mark, keys, "each of may"), kinds)


def _people(mark: Mark, keys: Mapping[str, Mark], what: str) -> People:
    if not set(_PEOPLE) & set(keys):
        raise mark.wrong(f"{what} names nobody: give one of {', '.join(_PEOPLE)}")
    return People(**{name: keys[name].texts(name) for name in _PEOPLE if name in keys})


def _approval(mark: Mark | None, production: bool) -> Approval | None:
    if mark is None or isinstance(mark.value, str):
        wanted = production if mark is None else mark.flag("approval")
        return Approval(None, _WITHIN) if wanted else None
    keys = mark.keys("approval", known=(*_APPROVERS, "within"))
    within = _seconds(keys.get("within"), "within", _WITHIN)
    people = {name: keys[name].texts(name) for name in _APPROVERS if name in keys}
    return Approval(People(**people) if people else None, within)


def _at_most(mark: Mark | None) -> str | None:
    if mark is None:
        return None
    mark.ruled(lambda value: _floor.parse_cap(value, 100))
    return mark.text("at_most")


def _seconds(mark: Mark | None, what: str, default: float) -> float:
    if mark is None:
        return default
    if not isinstance(mark.value, str) or not re.fullmatch(r"[0-9]{1,8}", mark.value) or float(mark.value) > _YEAR:
        raise mark.wrong(f"{what} must be a number of seconds, a year at the most")
    return float(mark.value)


def _pattern(mark: Mark | None, what: str) -> str:
    if mark is None:
        return ""
    try:
        re.compile(mark.text(what))
    except re.error as error:
        raise mark.wrong(f"{what} is no regular expression: {error}") from None
    return str(mark.value)


def _windows(marks: Sequence[Mark], zone: Mark | None) -> list[Window]:
    found = [_window(one, zone) for one in marks]
    names: dict[str, int] = {}
    for window in found:
        if window.name in names:
            raise _marked.Wrong(f"there is a window {window.name!r} in line {names[window.name]} already", window.line)
        names[window.name] = window.line
    return found


def _window(mark: Mark, zone: Mark | None) -> Window:
    keys = mark.keys("a window", needed=("name", "from", "until"), known=("days", "zone"))
    named = keys.get("zone") or zone
    if named is None:
        raise mark.wrong("a window needs a zone, its own or that of the whole policy, as in zone: Asia/Shanghai")
    name, place = keys["name"].text("name"), _zone(named)
    begin, end = keys["from"].text("from"), keys["until"].text("until")
    if re.match(r"\d{4}-", begin):
        if "days" in keys:
            raise keys["days"].wrong(f"window {name!r} has a date, so that days mean nothing in it")
        dates = _dated(keys["from"], begin), _dated(keys["until"], end)
        if dates[0] >= dates[1]:
            raise keys["until"].wrong(f"window {name!r} ends before it begins")
        return Window(name, place, mark.line, begin=dates[0], end=dates[1])
    days = keys["days"].texts("days") if "days" in keys else list(DAYS)
    strange = [day for day in days if day not in DAYS]
    if strange:
        raise keys["days"].wrong(f"days {', '.join(strange)} not among {', '.join(DAYS)}")
    clocks = _clock(keys["from"], begin), _clock(keys["until"], end)
    return Window(name, place, mark.line, days=days, first=clocks[0], last=clocks[1])


def _zone(mark: Mark) -> ZoneInfo:
    name = mark.text("zone")
    try:
        return ZoneInfo(name)
    # It says KeyError, ValueError or an OSError, by what the name looks like.
    except (KeyError, ValueError, OSError):
        raise mark.wrong(f"zone {name!r} is no time zone that this host knows, as in Asia/Shanghai or UTC") from None


def _dated(mark: Mark, text: str) -> datetime.datetime:
    for shape in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            return datetime.datetime.strptime(text, shape)
        except ValueError:
            continue
    raise mark.wrong(f"{text!r} is no date and time, as in 2026-11-10 20:00")


def _clock(mark: Mark, text: str) -> datetime.time:
    try:
        return datetime.datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise mark.wrong(f"{text!r} is no time of day, as in 09:30, and no date, as in 2026-11-10 20:00") from None
