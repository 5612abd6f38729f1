# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In the place of XXL-JOB's admin, which nobody publishes: what it keeps of a group, and the jobs that it gives.

Made after its source, of 2.4 and of 3.4, which differ in their paths, fields and pages. It forgets who has not
registered for three beats, and reads who has every so many seconds; executors beat every 30 s.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

APPLICATION, TOKEN = "order-jobs", "token-of-executors"
USER, PASSWORD = "admin", "s3cret-of-xxl-job"
JOBS = (12, 13)
_DEAD = 90.0
_COOKIE = "XXL_JOB_LOGIN_IDENTITY=lab"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_PREFIX = "/xxl-job-admin/"


class AdminDouble:
    """new: as 3.4 has it, else 2.4. every: seconds between two looks at who has registered."""

    def __init__(self, *, new: bool = False, every: float = 1.0) -> None:
        self.new = new
        self.automatic = True
        self.addresses: list[str] = []
        self.given: dict[str, str] = {}
        self._beats: dict[str, float] = {}
        self._every = every
        self._over = threading.Event()
        self._ids = itertools.count(1)
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                double.answer(self, self.path.removeprefix(_PREFIX).partition("?")[0], body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{_PREFIX.rstrip('/')}"

    @property
    def registered(self) -> set[str]:
        """Who gets jobs, as C(host:port)."""
        return {urllib.parse.urlsplit(address).netloc for address in self.addresses}

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._threads[1].join()

    def trigger(self, job: int, milliseconds: int) -> str:
        """Give a job to the next of the group, as its route ROUND has it: the job's id for the journal."""
        number = next(self._ids)
        address = sorted(self.addresses)[number % len(self.addresses)]
        name = f"{number} {milliseconds}"
        self.given[name] = urllib.parse.urlsplit(address).netloc
        param = {
            **{"jobId": job, "executorHandler": "take", "executorParams": name, "logId": number, "glueType": "BEAN"},
            **{
                "executorBlockStrategy": "SERIAL_EXECUTION",
                "executorTimeout": 0,
                "logDateTime": int(time.time() * 1000),
            },
            **{"glueSource": "", "glueUpdatetime": 0, "broadcastIndex": 0, "broadcastTotal": 1},
        }
        request = urllib.request.Request(f"{address}run", json.dumps(param).encode(), method="POST")
        request.add_header("XXL-JOB-ACCESS-TOKEN", TOKEN)
        with _OPENER.open(request, timeout=10) as answer:
            said = json.load(answer)
        assert said["code"] == 200, said
        return name

    def by_hand(self, addresses: list[str] | None) -> None:
        """As a person sets them; None is automatic."""
        self.automatic = addresses is None
        if addresses is not None:
            self.addresses = addresses

    # What it answers

    def answer(self, to: BaseHTTPRequestHandler, path: str, body: str) -> None:
        if path.startswith("api/"):
            self._give(to, self._api(path, json.loads(body), to.headers.get("XXL-JOB-ACCESS-TOKEN")))
            return
        words = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        if path == ("auth/doLogin" if self.new else "login"):
            fine = (words.get("userName"), words.get("password")) == (USER, PASSWORD)
            self._give(to, _said(200) if fine else _said(500, "wrong password"), fine)
        elif _COOKIE not in (to.headers.get("Cookie") or ""):
            to.send_response(HTTPStatus.FOUND)
            to.send_header("Location", f"{_PREFIX}toLogin")
            to.send_header("Content-Length", "0")
            to.end_headers()
        else:
            found = {"jobgroup/pageList": self._groups, "jobinfo/pageList": self._jobs, "jobgroup/update": self._update}
            call = found.get(path)
            self._give(to, call(words) if call else None)

    def _give(self, to: BaseHTTPRequestHandler, found: Any, cookie: bool = False) -> None:
        data = json.dumps(found).encode() if found is not None else b"<html>no such page</html>"
        to.send_response(200 if found is not None else 404)
        to.send_header("Content-Length", str(len(data)))
        if cookie:
            to.send_header("Set-Cookie", f"{_COOKIE}; Path=/; HttpOnly")
        to.end_headers()
        to.wfile.write(data)

    def _api(self, path: str, body: Any, token: str | None) -> Any:
        if token != TOKEN:
            return _said(500, "The access token is wrong.")
        if path == "api/registry" and body["registryKey"] == APPLICATION:
            self._beats[body["registryValue"]] = time.monotonic()
        elif path == "api/registryRemove":
            self._beats.pop(body["registryValue"], None)
        return _said(200)

    def _groups(self, words: Mapping[str, str]) -> Any:
        group = {
            **{"id": 3, "appname": APPLICATION, "name" if self.new else "title": "Orders"},
            **{"addressType": 0 if self.automatic else 1, "addressList": ",".join(self.addresses) or None},
            **{"updateTime": "2026-11-30 00:00:00", "registryList": self.addresses or None},
        }
        other = {**group, "id": 4, "appname": f"{APPLICATION}-more", "addressList": "http://10.0.0.9:9999/"}
        return self._page([one for one in (group, other) if words["appname"] in str(one["appname"])])

    def _jobs(self, words: Mapping[str, str]) -> Any:
        needed = ["jobGroup", "triggerStatus", "name" if self.new else "jobDesc", "executorHandler", "author"]
        assert set(needed) <= set(words), words
        return self._page([{"id": job, "jobGroup": 3} for job in JOBS] if words["jobGroup"] == "3" else [])

    def _page(self, found: list[dict[str, Any]]) -> Any:
        if self.new:
            return {"code": 200, "msg": None, "data": {"data": found, "total": len(found)}}
        return {"recordsTotal": len(found), "recordsFiltered": len(found), "data": found}

    def _update(self, words: Mapping[str, str]) -> Any:
        strange = set(words) - {"id", "appname", "name" if self.new else "title", "addressType", "addressList"}
        if (
            strange
            or words["id"] != "3"
            or words["appname"] != APPLICATION
            or not words.get("name", words.get("title"))
        ):
            return _said(500, f"cannot be bound: {strange}")
        if words["addressType"] == "0":
            self.automatic, self.addresses = True, self._alive()
        elif not words["addressList"].strip() or "" in words["addressList"].split(","):
            return _said(500, "addresses are empty")
        else:
            self.by_hand(words["addressList"].split(","))
        return _said(200)

    def _alive(self) -> list[str]:
        now = time.monotonic()
        return sorted(address for address, at in self._beats.items() if now - at < _DEAD)

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            if self.automatic:
                self.addresses = self._alive()


def _said(code: int, msg: str | None = None) -> dict[str, Any]:
    return {"code": code, "msg": msg, "content": None}
