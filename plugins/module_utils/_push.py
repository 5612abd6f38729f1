# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal, line by line, to Loki or Elasticsearch.

The journal itself is the buffer: how far it was taken is kept in a file, and what was not taken comes the next time.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
https://www.elastic.co/guide/en/elasticsearch/reference/current/docs-bulk.html
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _api, _files, _grammar
from ._api import Api, Unanswered
from ._ledger import Ledger, Refused
from ._params import Params

LOKI, ELASTICSEARCH = "loki", "elasticsearch"
# So many lines go at once, and so many letters at the least; seconds after which the rest is left for the next time.
_LINES, _LETTERS, _LONGEST = 500, 500_000, 10.0
# Fields of an event that a search is made by; the rest stands in the line.
_FIELDS = ("event", "service", "run", "account", "action", "about", "why", "reason", "change")


@dataclass(frozen=True)
class Line:
    """One of the journal's: its number, the ledger's clock, its text, and what it says."""

    number: int
    at: float
    text: str
    event: Mapping[str, Any]


@dataclass(frozen=True)
class Taker:
    """Who takes the lines. labels: of Loki's stream. index: Elasticsearch's."""

    kind: str
    api: Api
    labels: Mapping[str, str]
    index: str

    def take(self, ledger: str, lines: Sequence[Line]) -> None:
        """All of them, or none as far as is known; a second time changes nothing. Raises Unanswered."""
        if self.kind == LOKI:
            values = [[f"{round(line.at * 1_000_000)}000", line.text] for line in lines]
            body = json.dumps({"streams": [{"stream": dict(self.labels), "values": values}]}).encode()
            status, said = self.api.call("POST", "/loki/api/v1/push", body)
            if status not in (200, 204):
                raise self.api.unlike(status, said)
            return
        body = b"".join(self._document(ledger, line) for line in lines)
        wanted = "/_bulk?filter_path=items.*.status,items.*.error.reason,error"
        status, said = self.api.call("POST", wanted, body, "application/x-ndjson")
        wrong = [
            one["create"] for one in (said or {}).get("items", []) if one["create"]["status"] not in (200, 201, 409)
        ]
        if status != 200 or wrong or not (said or {}).get("items"):
            raise self.api.unlike(status, wrong[:1] or said)

    def _document(self, ledger: str, line: Line) -> bytes:
        """Its number in its ledger is its id, so that nothing is there twice."""
        known = {name: line.event[name] for name in _FIELDS if isinstance(line.event.get(name), str)}
        action = {"create": {"_index": self.index, "_id": f"{ledger}-{line.number}"}}
        document = {"@timestamp": _api.moment(line.at), "n": line.number, "ledger": ledger, **known, "line": line.text}
        return f"{json.dumps(action)}\n{json.dumps(document)}\n".encode()


def taker(given: Mapping[str, Any]) -> Taker:
    """From the option `push`. Raises ValueError."""
    values = {
        "headers_file": None,
        "ca_file": None,
        "timeout": 5.0,
        **{k: v for k, v in given.items() if v is not None},
    }
    kind = values.get("kind")
    if kind not in (LOKI, ELASTICSEARCH):
        raise ValueError(f"push: kind {kind!r} is neither {LOKI} nor {ELASTICSEARCH}")
    labels = values.get("labels") or {"job": "lossless_restart"}
    if not all(isinstance(one, str) and one for pair in labels.items() for one in pair):
        raise ValueError(f"push: labels {labels!r} is no mapping of texts, as in {{job: lossless_restart}}")
    index = values.get("index") or "lossless-restart"
    if not isinstance(index, str) or index != index.lower() or not index.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"push: index {index!r} is no name of an index: small letters, digits and dashes")
    return Taker(kind, _api.api(values), labels, index)


def push(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Hand over what was not taken yet. That somebody does not take it is told, and no failure."""
    try:
        to, path = taker(params.raw("push")), _grammar.path(params.raw("cursor"), "cursor")
    except ValueError as error:
        raise Refused(str(error)) from error
    state = ledger.snapshot()
    if not state.id:
        return _told(0, 0, "")
    number, sent, trouble = _cursor(path, state.id), 0, ""
    limit = time.monotonic() + _LONGEST
    try:
        for lines in _portions(_lines(ledger, number)):
            to.take(state.id, lines)
            number, sent = lines[-1].number, sent + len(lines)
            _files.write_json(path, {"ledger": state.id, "number": number})
            if time.monotonic() > limit:
                break
    except Unanswered as error:
        trouble = str(error)
    except OSError as error:
        trouble = f"{path} cannot be written: {error.strerror}"
    return _told(sent, max(0, ledger.head().number - number), trouble)


def _told(sent: int, left: int, trouble: str) -> dict[str, Any]:
    msg = f"{sent} lines of the journal were taken, {left} are left"
    return {
        "changed": sent > 0,
        "pushed": sent,
        "left": left,
        "trouble": trouble,
        "msg": f"{msg}: {trouble}" if trouble else msg,
    }


def _cursor(path: str, ledger: str) -> int:
    """The number of the last line that was taken; of another ledger none was."""
    try:
        with open(path, encoding="utf-8") as stream:
            kept = json.load(stream)
    except (OSError, ValueError):
        return 0
    known = isinstance(kept, dict) and kept.get("ledger") == ledger and isinstance(kept.get("number"), int)
    return int(kept["number"]) if known else 0


def _lines(ledger: Ledger, after: int) -> Iterator[Line]:
    for _place, lines in ledger.journal(after):
        for data in lines:
            text = data.decode("utf-8", "replace")
            event = json.loads(text)
            if event["n"] > after:
                yield Line(event["n"], float(event.get("at", 0.0)), text, event)


def _portions(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Some at once; one that is very long alone."""
    for first in lines:
        portion, letters = [first], len(first.text)
        while len(portion) < _LINES and letters < _LETTERS:
            following = list(itertools.islice(lines, 1))
            if not following:
                break
            portion += following
            letters += len(following[0].text)
        yield portion
