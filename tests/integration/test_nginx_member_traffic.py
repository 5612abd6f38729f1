# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict from a real nginx's access logs; the truth is what the test's own client counted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.modules import nginx_member_traffic

from tests.lab import adhoc
from tests.lab.nginx import Nginx, free_port, until

SLOW = 0.3
Seen = Counter[tuple[str, int]]

CONFIG = """
log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                '$status $body_bytes_sent "$http_referer" "$http_user_agent" '
                '$upstream_addr $upstream_status $upstream_response_time';
log_format js escape=json '{"agent":"$http_user_agent","addr":"$upstream_addr","st":"$upstream_status",'
                          '"rt":"$request_time"}';
log_format bare '$remote_addr "$request" $status';
upstream order_svc { %s }
server {
    listen 127.0.0.1:%%port;
    proxy_next_upstream %s;
    location / { access_log logs/access.log main; proxy_pass http://order_svc; }
    location /js/ { access_log logs/access.log js; proxy_pass http://order_svc/; }
    location /two/ { access_log logs/bare.log bare; access_log logs/two.log js; proxy_pass http://order_svc/; }
    location /late/ { access_log logs/late.log main buffer=64k; proxy_pass http://order_svc/; }
}
"""


class Instance:
    """Answers with the status that the path ends with, /do/503, after SLOW seconds where it begins with /slow."""

    def __init__(self) -> None:
        instance = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.startswith("/slow"):
                    time.sleep(SLOW)
                self.send_response(int(self.path.rpartition("/")[2]))
                self.send_header("X-Instance", instance.address)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Lab:
    """A balancer before some instances, and the client that counts who answered what."""

    def __init__(self, folder: Path, members: list[str], following: str = "off") -> None:
        (folder / "logs").mkdir()
        self.members = members
        self.logs = folder / "logs"
        servers = " ".join(f"server {member} max_fails=0;" for member in members)
        self.nginx = Nginx(folder, CONFIG % (servers, following))

    def ask(self, count: int, path: str = "/do/200") -> Seen:
        """Send `count` requests; (instance, status) -> how many answers."""
        seen: Seen = Counter()
        wanted = self.lines() + count
        with contextlib.closing(HTTPConnection("127.0.0.1", self.nginx.port, timeout=30)) as connection:
            for _unused in range(count):
                connection.request("GET", path, headers={"User-Agent": 'a "b" \\ 127.0.0.1:1, 500 9.999'})
                response = connection.getresponse()
                response.read()
                seen[response.getheader("X-Instance") or "", response.status] += 1
        # nginx answers first and logs then.
        until(lambda: self.lines() >= wanted or path.startswith("/late"))
        return seen

    def lines(self) -> int:
        return sum(log.read_bytes().count(b"\n") for log in self.logs.iterdir())

    def params(self, **more: Any) -> dict[str, Any]:
        members = [{"upstream": "order_svc", "member": member} for member in self.members]
        return {**self.nginx.params(), "members": members, "requests": 4, "deadline": 10, "p95": 1.0, **more}

    def judge(self, **more: Any) -> dict[str, Any]:
        """The module's answer, without the engine."""
        defaults: dict[str, Any] = {
            "error_rate": 1.0,
            "against_others": None,
            "began": None,
            "interval": 0.05,
            "since": [],
        }
        params = {**defaults, **self.params(**more)}
        nginx_member_traffic.validate(params)
        return nginx_member_traffic.judge(params)

    def mark(self) -> list[dict[str, Any]]:
        """Where the logs end now."""
        positions: list[dict[str, Any]] = self.judge(deadline=0)["positions"]
        return positions


def counted(result: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {member["member"]: (member["requests"], member["errors"]) for member in result["members"]}


def truth(seen: Seen, members: list[str]) -> dict[str, tuple[int, int]]:
    of_member = {
        member: {status: number for (name, status), number in seen.items() if name == member} for member in members
    }
    return {
        member: (sum(found.values()), sum(number for status, number in found.items() if status >= 500))
        for member, found in of_member.items()
    }


@pytest.fixture
def instances() -> Iterator[list[str]]:
    started = [Instance(), Instance()]
    yield [instance.address for instance in started]
    for instance in started:
        instance.close()


@pytest.fixture
def lab(tmp_path: Path, instances: list[str]) -> Iterator[Lab]:
    made = Lab(tmp_path, instances)
    made.nginx.start()
    yield made
    made.nginx.stop()


def test_a_member_is_judged_by_what_it_answered_since(lab: Lab) -> None:
    lab.ask(7, "/do/500")
    since = adhoc.call("nginx_member_traffic", lab.params(deadline=0))["positions"]
    seen = lab.ask(11) + lab.ask(9, "/js/do/200") + lab.ask(6, "/two/do/404")
    result = adhoc.call("nginx_member_traffic", lab.params(since=since, deadline=0), adhoc.HERE, "--check")
    assert (result["failed"], result["changed"], result["verdict"]) == (False, False, "good"), result
    assert counted(result) == truth(seen, lab.members)
    assert sum(requests for requests, _errors in counted(result).values()) == 26
    assert all(0 <= member["p95"] < SLOW for member in result["members"])
    after = lab.ask(4, "/two/do/200")
    assert counted(lab.judge(since=result["positions"], requests=2)) == truth(after, lab.members)


def test_errors_and_slowness_are_bad(lab: Lab) -> None:
    since = lab.mark()
    seen = lab.ask(10) + lab.ask(1, "/do/503")
    result = lab.judge(since=since, deadline=5)
    assert result["verdict"] == "bad"
    assert result["waited"] < 5
    assert counted(result) == truth(seen, lab.members)
    by_member = {member["member"]: member["verdict"] for member in result["members"]}
    assert by_member == {name: "bad" if errors else "good" for name, (_all, errors) in truth(seen, lab.members).items()}
    since = lab.mark()
    slow = lab.ask(6, "/js/slow/200")
    result = lab.judge(since=since, p95=SLOW, deadline=5)
    assert result["verdict"] == "bad"
    assert counted(result) == truth(slow, lab.members)
    assert all(member["p95"] >= SLOW for member in result["members"])
    assert lab.judge(since=since, p95=SLOW * 5, deadline=0, requests=3)["verdict"] == "good"


def test_a_member_is_judged_beside_the_other(lab: Lab) -> None:
    """Both fail as often and answer as fast: neither is worse, though the limits that hold otherwise are broken."""
    one, other = lab.members
    since = lab.mark()
    seen = lab.ask(6) + lab.ask(6, "/do/503")
    mine = {"members": [{"upstream": "order_svc", "member": one}], "since": since, "deadline": 0}
    beside = {"error_rate": 5.0, "slowdown": 2.0}
    assert truth(seen, lab.members) == {one: (6, 3), other: (6, 3)}
    assert lab.judge(**mine)["verdict"] == "bad"
    result = adhoc.call("nginx_member_traffic", {**lab.params(**mine), "against_others": beside})
    assert (result["failed"], result["verdict"]) == (False, "good"), result
    assert counted(result) == {one: (6, 3)}


def test_it_waits_for_requests_and_says_when_there_are_too_few(lab: Lab) -> None:
    since = lab.mark()
    result = lab.judge(since=since, deadline=0.3)
    assert result["verdict"] == "inconclusive"
    assert 0.3 <= result["waited"] < 5
    assert "0 requests" in result["msg"]
    later = threading.Timer(0.4, lab.ask, (20,))
    later.start()
    result = lab.judge(since=since, deadline=20)
    later.join()
    assert result["verdict"] == "good"
    assert 0.3 <= result["waited"] < 20


@pytest.mark.parametrize("way", ["rename", "copytruncate"])
def test_rotation_under_us_loses_and_doubles_nothing(lab: Lab, way: str) -> None:
    log = lab.logs / "access.log"
    lab.ask(5)
    since = lab.mark()
    seen = lab.ask(8)
    if way == "rename":
        log.rename(f"{log}.1")
        seen += lab.ask(6)
        os.kill(lab.nginx.master, signal.SIGUSR1)
        until(log.exists)
    else:
        shutil.copy(log, f"{log}.1")
        os.truncate(log, 0)
    seen += lab.ask(10)
    result = lab.judge(since=since)
    assert counted(result) == truth(seen, lab.members)
    more = lab.ask(8, "/js/do/200")
    assert counted(lab.judge(since=result["positions"])) == truth(more, lab.members)


def test_each_attempt_counts_for_its_own_member(tmp_path: Path, instances: list[str]) -> None:
    """nginx hides a dead member from its clients, and not from us."""
    dead = f"127.0.0.1:{free_port()}"
    lab = Lab(tmp_path, [instances[0], dead], following="error")
    lab.nginx.start()
    try:
        since = lab.mark()
        seen = lab.ask(12)
        result = lab.judge(since=since)
    finally:
        lab.nginx.stop()
    assert seen == {(instances[0], 200): 12}
    (live_requests, live_errors), (dead_requests, dead_errors) = counted(result).values()
    assert (live_requests, live_errors) == (12, 0)
    assert dead_requests == dead_errors > 0
    assert [member["verdict"] for member in result["members"]] == ["good", "bad"]


def test_a_buffered_log_is_named_when_nothing_comes(lab: Lab) -> None:
    since = lab.mark()
    lab.ask(12, "/late/do/200")
    result = lab.judge(since=since, deadline=0.3)
    assert result["verdict"] == "inconclusive"
    assert "logs/late.log" in result["msg"]
    assert "'flush=1s'" in result["msg"]


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("access_log logs/bare.log bare;", "log_format bare in {bare} has no $upstream_addr"),
        ("access_log logs/x.log;", "has the built-in log_format combined, which has no $upstream_addr"),
        ("access_log off;", "keeps no log of these requests"),
        ("", "access_log off in {off} keeps no log"),
    ],
)
def test_a_log_that_cannot_tell_is_a_failure_that_says_what_to_add(lab: Lab, log: str, told: str) -> None:
    text = lab.nginx.config.read_text()
    kept = [line for line in text.splitlines() if "proxy_pass" not in line]
    place = next(number for number, line in enumerate(kept) if "proxy_next_upstream" in line)
    kept.insert(place + 1, f"location / {{ {log} proxy_pass http://order_svc; }}")
    lab.nginx.config.write_text("\n".join(kept))
    with pytest.raises(ValueError, match="order_svc cannot be judged") as caught:
        lab.judge()
    places = {
        word: f"{lab.nginx.config}:{next(number for number, line in enumerate(kept, 1) if start in line)}"
        for word, start in (("bare", "log_format bare"), ("off", "access_log off"))
    }
    assert told.format(**places) in str(caught.value)


def test_bad_input_fails_with_one_clear_error(lab: Lab) -> None:
    wanted = {"upstream": "order_svc", "member": "10.9.9.9:80"}
    result = adhoc.call("nginx_member_traffic", lab.params(members=[wanted]))
    assert result["failed"]
    assert "10.9.9.9:80 is not listed in upstream order_svc" in result["msg"]


STREAM = """
stream {
    log_format conn '$remote_addr [$time_local] $protocol $status $session_time '
                    '"$upstream_addr" "$upstream_connect_time"';
    upstream tcp_svc { server %s; server %s; }
    server { listen 127.0.0.1:%d; proxy_pass tcp_svc; access_log logs/stream.log conn; }
}
"""


def test_a_stream_is_judged_by_its_connections(tmp_path: Path, instances: list[str]) -> None:
    (tmp_path / "logs").mkdir()
    dead, port = f"127.0.0.1:{free_port()}", free_port()
    nginx = Nginx(tmp_path, "", top=STREAM % (instances[0], dead, port))
    lab = Lab.__new__(Lab)
    lab.nginx, lab.members = nginx, [instances[0], dead]
    nginx.start()
    try:
        members = [{"upstream": "tcp_svc", "member": member} for member in lab.members]
        since = lab.judge(members=members, deadline=0)["positions"]
        answered = 0
        for _unused in range(6):
            with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.request("GET", "/do/200", headers={"Connection": "close"})
                answered += connection.getresponse().status == 200
        until(lambda: (tmp_path / "logs/stream.log").read_text().count("\n") == 6)
        result = lab.judge(members=members, since=since)
    finally:
        nginx.stop()
    assert answered == 6
    assert counted(result)[instances[0]] == (6, 0)
    requests, errors = counted(result)[dead]
    assert requests == errors > 0
