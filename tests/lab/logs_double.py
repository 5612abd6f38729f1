# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for Loki and Elasticsearch on loopback, since neither can be had here: it refuses what is not documented.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
https://www.elastic.co/guide/en/elasticsearch/reference/current/docs-bulk.html
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TENANT = "X-Scope-OrgID"
DOCUMENT = {"@timestamp", "n", "ledger", "line"}
MORE = {"event", "service", "run", "account", "action", "about", "why", "reason", "change"}


@dataclass
class Logs:
    """What was taken: of Loki (nanoseconds, line) by its labels, of Elasticsearch the documents by index and id.

    down: the status that is answered instead. after: so many requests are taken first.
    """

    url: str = ""
    streams: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    documents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    tenants: set[str] = field(default_factory=set)
    requests: int = 0
    down: int = 0
    after: int = 0

    def clear(self) -> None:
        self.streams, self.documents, self.tenants = {}, {}, set()
        self.requests = self.down = self.after = 0

    @property
    def lines(self) -> list[str]:
        """Loki keeps the same line of the same moment once, in the order of time."""
        return [line for values in self.streams.values() for _at, line in sorted(set(values))]


def loki(logs: Logs, body: Any) -> tuple[int, Any]:
    if set(body) != {"streams"}:
        return 400, f"unknown fields {sorted(body)}"
    for stream in body["streams"]:
        if set(stream) != {"stream", "values"} or not stream["stream"]:
            return 400, "a stream has labels and values"
        for at, line in stream["values"]:
            if not isinstance(at, str) or not at.isdigit() or len(at) != 19 or not isinstance(line, str):
                return 400, f"{at!r} is no time in nanoseconds, or {line!r} no line"
            labels = json.dumps(stream["stream"], sort_keys=True)
            logs.streams.setdefault(labels, []).append((int(at), line))
    return 204, None


def bulk(logs: Logs, data: bytes) -> tuple[int, Any]:
    if not data.endswith(b"\n"):
        return 400, {"error": {"reason": "The bulk request must be terminated by a newline [\\n]"}}
    lines = [json.loads(line) for line in data.splitlines()]
    items = []
    for action, document in zip(lines[::2], lines[1::2], strict=True):
        if set(action) != {"create"} or set(action["create"]) != {"_index", "_id"}:
            return 400, {"error": {"reason": f"unknown action {action}"}}
        if not set(document) >= DOCUMENT or set(document) - DOCUMENT - MORE:
            return 400, {"error": {"reason": f"unknown or missing fields: {sorted(document)}"}}
        key = (action["create"]["_index"], action["create"]["_id"])
        items.append({"create": {"status": 409 if key in logs.documents else 201}})
        logs.documents.setdefault(key, document)
    return 200, {"items": items}


@contextlib.contextmanager
def logs() -> Iterator[Logs]:
    """Both of them, until the end."""
    found = Logs()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            found.requests += 1
            found.tenants.add(self.headers.get(TENANT, ""))
            status, said = self._taken(data)
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _taken(self, data: bytes) -> tuple[int, Any]:
            if found.down and found.requests > found.after:
                return found.down, {"error": "not now"}
            path, _mark, query = self.path.partition("?")
            kind = self.headers["Content-Type"]
            if (path, kind) == ("/loki/api/v1/push", "application/json"):
                return loki(found, json.loads(data))
            if (path, kind) == ("/_bulk", "application/x-ndjson") and query.startswith("filter_path=items"):
                return bulk(found, data)
            return 404, {"error": f"no {self.path} for {kind}"}

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield found
        finally:
            server.shutdown()
