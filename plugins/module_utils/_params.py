# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard was asked, checked value by value: the caller may be an action in process, with nothing in between."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from . import _floor, _grammar, _target
from ._ledger import OWNER, Refused
from ._levels import Glass, Pool
from ._policy import KINDS

TEXT = 200
# Letters of an address.
ADDRESS = 1000


class Params:
    """Typed access to the parameters of one action; whatever is wrong is Refused with its name and value."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.action = str(values.get("action"))

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def raw(self, name: str) -> Any:
        if not self.has(name):
            raise Refused(f"action {self.action} needs {name!r}")
        return self._values[name]

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, self._values.get(name) or False, bool))

    def word(self, name: str) -> str:
        return str(_ruled(lambda: _grammar.word(self.raw(name), name)))

    def glass(self) -> Glass:
        """Whether the floor may be gone below, which takes a reason."""
        if not self.text("glass"):
            if self.flag("empty"):
                raise Refused("empty needs glass: a reason for which the floor may be gone below")
            return Glass.WHOLE
        return Glass.EMPTY if self.flag("empty") else Glass.BROKEN

    def choice(self, name: str, *allowed: str) -> str:
        value = self.raw(name) if self.has(name) else allowed[0]
        if value not in allowed:
            raise Refused(f"{name} {value!r} is not one of {', '.join(allowed)}")
        return str(value)

    def text(self, name: str) -> str:
        """At most 200 printable characters; stands in records as it is and is never templated."""
        value = self._typed(name, self._values.get(name) or "", str)
        if len(value) > TEXT or not (value.isprintable() or not value):
            raise Refused(f"{name} is longer than {TEXT} characters, or has a line end or a control character in it")
        return str(value)

    def remark(self, name: str, most: int = TEXT) -> str:
        """As `text`, but whatever it is it is made to fit: a failure must not be kept from the ledger by its words."""
        return _remark(self._values.get(name) or "", most)

    def words(self, name: str) -> list[str]:
        """Short texts, each as a remark; none where it is not said."""
        found = self._typed(name, self._values.get(name) or [], list)
        return [_remark(one) for one in found]

    def texts(self, name: str) -> dict[str, str]:
        """The same by name."""
        found = self._typed(name, self._values.get(name) or {}, Mapping)
        return {_remark(one): _remark(text) for one, text in found.items() if text}

    def number(self, name: str, least: float, most: float, default: float | None = None) -> float:
        value = self.raw(name) if self.has(name) or default is None else default
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not least <= value <= most:
            raise Refused(f"{name} {value!r} is not a number from {least:g} to {most:g}")
        return float(value)

    def kind(self) -> str:
        return self.choice("kind", *KINDS) if self.has("kind") else "rolling"

    def awx(self) -> Mapping[str, Any]:
        """What AWX says of its job; empty where it is none."""
        found: Mapping[str, Any] = self._typed("awx", self._values.get("awx") or {}, Mapping)
        return found

    def awx_job(self) -> str:
        """The number of AWX's job, as it says; empty where it is none."""
        return str(self.awx().get("job") or "")

    def plain(self, name: str) -> Any:
        """A value as JSON has it, for the record."""
        return self._values.get(name)

    def run(self) -> str:
        return self._run_id(self.raw("run"), "run")

    def take_over(self) -> str:
        """The run to be taken over; empty where there is none."""
        return self._run_id(self.raw("take_over"), "take_over") if self._values.get("take_over") else ""

    def resumes(self) -> Mapping[str, Any]:
        """The run that the plan was to resume; empty where it was to begin a new one, or is not said."""
        found: Mapping[str, Any] = self._typed("resumes", self._values.get("resumes") or {}, Mapping)
        return found

    def dead(self) -> list[dict[str, Any]]:
        """The processes that are proved to be dead."""
        return [self._owner(given, "dead") for given in self._typed("dead", self._values.get("dead") or [], list)]

    def hosts(self, name: str = "wanted") -> list[str]:
        """Inventory hosts, each once, in their order; at least one."""
        found = list(dict.fromkeys(self._typed(name, self.raw(name), list)))
        if not found or not all(isinstance(host, str) and host for host in found):
            raise Refused(f"{name} {found!r} is no list of at least one inventory host")
        return found

    def owner(self) -> dict[str, Any]:
        """Whose process this is."""
        return self._owner(self.raw("owner"), "owner")

    def _owner(self, value: Any, what: str) -> dict[str, Any]:
        given = self._typed(what, value, Mapping)
        if sorted(given) != sorted(OWNER):
            raise Refused(f"{what} has {', '.join(map(str, given)) or 'nothing'} and must have {', '.join(OWNER)}")
        for name, one in given.items():
            if isinstance(one, bool) or not isinstance(one, (str, int, float)) or len(str(one)) > TEXT:
                raise Refused(f"{what}: {name} {str(one)[:TEXT]!r} is neither a short text nor a number")
        return dict(given)

    def pools(self) -> list[Pool]:
        """The pools with their floors; the service as a whole must be among them."""
        found = [self._pool(pool) for pool in self._typed("pools", self.raw("pools"), list)]
        if f"service/{self.word('service')}" not in [pool.id for pool in found]:
            raise Refused(f"pools has no 'service/{self.word('service')}': the service as a whole has a floor too")
        if len({pool.id for pool in found}) != len(found):
            raise Refused("pools names a pool twice")
        return found

    def _pool(self, pool: Mapping[str, Any]) -> Pool:
        _keys(pool, ("id", "kind", "name", "hosts"), "pool")
        name, hosts = _ruled(lambda: _grammar.word(pool["name"], "pool")), tuple(pool["hosts"])
        share = pool.get("floor") if pool.get("floor") is not None else self.raw("floor")
        if not hosts or len(set(hosts)) != len(hosts):
            raise Refused(f"pool {pool['id']} has no member, or one twice")
        floor = _ruled(lambda: _floor.parse_floor(share))
        return Pool(str(pool["id"]), str(pool["kind"]), name, floor, str(share), hosts)

    def instances(self, pools: list[Pool]) -> dict[str, Mapping[str, Any]]:
        """Every member of every pool, with a probe that can be made from here."""
        given = self._typed("instances", self.raw("instances"), Mapping)
        members = {pool.id: set(pool.hosts) for pool in pools}
        for pool in pools:
            for host in pool.hosts:
                if host not in given:
                    raise Refused(f"{host} is in pool {pool.id}, but not in instances")
        for host, instance in given.items():
            _keys(instance, ("probe", "points"), host)
            for point in instance["points"]:
                _keys(point, ("kind", "pool", "source", "member"), f"traffic point of {host}")
                if host not in members.get(point["pool"], ()):
                    raise Refused(f"{host} has a traffic point in {point['pool']}, but pools does not have it there")
            _ruled(lambda instance=instance: _target.validate(instance["probe"]), f"{host}: ")
            if not instance["probe"].get("tcp") and not instance["probe"].get("url"):
                raise Refused(f"{host}: its probe is made from the ledger's host, so it must be a url or tcp")
        return dict(given)

    def cap(self, total: int) -> int:
        """How many of the service's `total` may be in work at once."""
        return int(_ruled(lambda: _floor.parse_cap(self.raw("max_out"), total))) if self.has("max_out") else total

    def readings(self) -> list[Mapping[str, Any]]:
        """What the sources said: [{kind, pool, source, members}], or [{source, error}]."""
        found = self._typed("readings", self.raw("readings"), list)
        for reading in found:
            if "error" not in reading:
                _keys(reading, ("pool", "source", "members"), "reading")
                for member in reading["members"]:
                    _keys(member, ("member", "state"), f"reading of {reading['source']}")
            _keys(reading, ("source",), "reading")
        return list(found)

    def ticket(self) -> dict[str, Any]:
        """{ledger, revision, at} as the action ticket gave it."""
        given = self._typed("ticket", self.raw("ticket"), Mapping)
        _keys(given, ("ledger", "revision", "at"), "ticket")
        if not isinstance(given["revision"], int) or not isinstance(given["at"], (int, float)):
            raise Refused(f"ticket {str(given)[:TEXT]!r} is none that action ticket gave")
        return dict(given)

    def process(self, host: str) -> Mapping[str, Any] | None:
        """The identity of the host's process before, where the caller knows it."""
        found: Mapping[str, Any] | None = self._of("process", host, Mapping)
        return found

    def token(self, host: str) -> int | None:
        """The token that the caller was granted, where it says so."""
        found: int | None = self._of("tokens", host, int)
        return found

    def _of(self, name: str, host: str, kind: type) -> Any:
        found = self._typed(name, self._values.get(name) or {}, Mapping).get(host)
        return None if found is None else self._typed(f"{name}: {host}", found, kind)

    def _typed(self, name: str, value: Any, kind: type) -> Any:
        if not isinstance(value, kind):
            raise Refused(f"{name} {str(value)[:TEXT]!r} is no {kind.__name__}")
        return value

    def _run_id(self, value: Any, name: str) -> str:
        return str(_ruled(lambda: _grammar.run(value, name)))


def _remark(value: Any, most: int = TEXT) -> str:
    return "".join(char if char.isprintable() else " " for char in str(value)[:most]).strip()


def _keys(value: Any, names: tuple[str, ...], what: str) -> None:
    if not isinstance(value, Mapping) or not all(map(value.__contains__, names)):
        missing = [name for name in names if not isinstance(value, Mapping) or name not in value]
        raise Refused(f"{what} {str(value)[:TEXT]!r} has no {', '.join(missing)}")


def _ruled(check: Any, where: str = "") -> Any:
    try:
        return check()
    except ValueError as error:
        raise Refused(f"{where}{error}") from error
