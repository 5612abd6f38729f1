# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Conditions on what Prometheus says: https://prometheus.io/docs/prometheus/latest/querying/api/

What it does not know holds nowhere: no series, no value at a moment, NaN, and an answer with warnings are no good ones.
"""

from __future__ import annotations

import math
import operator
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ._api import Api, Unanswered

# Moments that are looked at within `for`.
_MOMENTS = 30
_COMPARISON = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?)\s*\Z")
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_SHOWN = 200


class Unknown(Exception):
    """Prometheus does not say; why."""


@dataclass(frozen=True)
class Gate:
    """A query, and what each of its values must be. lasting: seconds for which it must have been so."""

    name: str
    query: str
    condition: str
    lasting: float

    def holds(self, value: float) -> bool:
        sign, number = _parsed(self.condition)
        return _SIGNS[sign](value, number)


def gate(given: Mapping[str, Any], what: str) -> Gate:
    """Raises ValueError, which names the value and what would be right."""
    query, condition, lasting = given.get("query"), given.get("comparison"), given.get("for") or 0.0
    if not isinstance(query, str) or not query.strip():
        raise ValueError(f"{what}: query {query!r} is no PromQL, as in 'sum(rate(http_requests_total[5m]))'")
    if not isinstance(condition, str) or not _COMPARISON.match(condition):
        raise ValueError(f"{what}: comparison {condition!r} is none with a number, as in '< 0.01'")
    if isinstance(lasting, bool) or not isinstance(lasting, (int, float)) or not 0 <= lasting <= 86400:
        raise ValueError(f"{what}: for {lasting!r} is not a number of seconds from 0 to 86400")
    return Gate(str(given.get("name") or query), query, condition.strip(), float(lasting))


def _parsed(condition: str) -> tuple[str, float]:
    found = _COMPARISON.match(condition)
    if not found:
        raise ValueError(f"{condition!r} is no comparison")
    return found[1], float(found[2])


@dataclass(frozen=True)
class Server:
    """A Prometheus."""

    api: Api

    def ask(self, gate: Gate) -> tuple[bool, str]:
        """Whether it holds, and what was seen, for people."""
        try:
            values = self._values(gate)
        except Unknown as error:
            return False, f"not known: {error}"
        wrong = [(series, value, ago) for series, value, ago in values if not gate.holds(value)]
        if not wrong:
            worst = max(values, key=lambda one: abs(one[1]))
            return True, f"{_number(worst[1])} is {gate.condition}"
        series, value, ago = wrong[0]
        when = f" {ago:.0f} s ago" if ago >= 1 else ""
        more = f" (and {len(wrong) - 1} more values)" if len(wrong) > 1 else ""
        of = f"{series} " if series else ""
        return False, f"{of}was {_number(value)}{when}, and must be {gate.condition}{more}"

    def _values(self, gate: Gate) -> list[tuple[str, float, float]]:
        """(series, value, seconds ago) of all that it says of each moment. Raises Unknown."""
        if not gate.lasting:
            data = self._query("query", {"query": gate.query})
            return [_value(name, sample, 0.0) for name, sample in _instant(data)]
        now = _instant(self._query("query", {"query": "time()"}))[0][1][0]
        step = max(1.0, gate.lasting / _MOMENTS)
        span = {"start": now - gate.lasting, "end": now, "step": step}
        data = self._query("query_range", {"query": gate.query, **{name: f"{at:.3f}" for name, at in span.items()}})
        series = _result(data, "matrix")
        samples = [(_labels(one["metric"]), sample) for one in series for sample in one["values"]]
        moments = {round(sample[0], 3) for _name, sample in samples}
        wanted = math.floor(gate.lasting / step + 1e-9) + 1
        if len(moments) < wanted:
            raise Unknown(f"it has values for {len(moments)} of {wanted} moments of the last {gate.lasting:g} s")
        return [_value(name, sample, now - sample[0]) for name, sample in samples]

    def _query(self, how: str, fields: Mapping[str, str]) -> Any:
        """The `data` of an answer. Raises Unknown."""
        body = urllib.parse.urlencode(fields).encode()
        try:
            status, said = self.api.call("POST", f"/api/v1/{how}", body, "application/x-www-form-urlencoded")
        except Unanswered as error:
            raise Unknown(str(error)) from error
        place = self.api.place
        if not isinstance(said, dict) or said.get("status") not in ("success", "error"):
            raise Unknown(f"{place} answered {status}, and not as Prometheus does")
        if said["status"] == "error":
            raise Unknown(f"{place}: {str(said.get('error'))[:_SHOWN]}")
        if said.get("warnings"):
            raise Unknown(f"{place} warned: {'; '.join(map(str, said['warnings']))[:_SHOWN]}")
        return said.get("data")


def _result(data: Any, *kinds: str) -> Sequence[Any]:
    if not isinstance(data, dict) or data.get("resultType") not in kinds:
        kind = data.get("resultType") if isinstance(data, dict) else type(data).__name__
        raise Unknown(f"the query gives a {kind}, and no numbers")
    if not data["result"]:
        raise Unknown("the query gives nothing")
    found: Sequence[Any] = data["result"]
    return found


def _instant(data: Any) -> list[tuple[str, Any]]:
    result = _result(data, "vector", "scalar")
    if data["resultType"] == "scalar":
        return [("", result)]
    return [(_labels(one["metric"]), one["value"]) for one in result]


def _value(name: str, sample: Sequence[Any], ago: float) -> tuple[str, float, float]:
    value = float(sample[1])
    if math.isnan(value):
        raise Unknown(f"{name or 'the value'} is NaN")
    return name, value, ago


def _labels(metric: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{name}={value!r}" for name, value in metric.items() if name != "__name__")
    text = f"{metric.get('__name__', '')}{{{pairs}}}" if pairs else str(metric.get("__name__", ""))
    return text[:_SHOWN]


def _number(value: float) -> str:
    return f"{value:.6g}"
