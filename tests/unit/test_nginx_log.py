# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's access logs: formats and lines as tables, which logs tell of what, rotation under us, and the verdict."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import (
    _nginx_conf,
    _nginx_follow,
    _nginx_format,
    _nginx_log,
    _nginx_traffic,
)
from ansible_collections.lossless.restart.plugins.modules import nginx_member_traffic

Told = list[tuple[str, int | None, float | None]] | None

TAIL = " $upstream_addr $upstream_status $upstream_response_time"
MAIN = _nginx_format.COMBINED + TAIL
HEAD = '10.1.1.9 - - [23/Nov/2026:13:59:43 +0000] "GET /work?id=7 HTTP/1.1" 200 512 "-" "curl/8.0 (x; y)"'
ONE, TWO, SIX = "10.0.0.1:8080", "10.0.0.2:8080", "[fd00::3]:8080"
JSON = '{"time":"$time_iso8601","agent":"$http_user_agent","addr":"$upstream_addr","st":$status,"rt":"$request_time"}'

LINES: list[tuple[str, str, str, Told]] = [
    # Plain: one attempt, several, a redirect inside, nobody to send to.
    (MAIN, "default", f"{HEAD} {ONE} 200 0.005", [(ONE, 200, 0.005)]),
    (MAIN, "default", f"{HEAD} {ONE}, {TWO} 502, 200 0.001, 0.020", [(ONE, 502, 0.001), (TWO, 200, 0.020)]),
    (
        MAIN,
        "default",
        f"{HEAD} {ONE}, {TWO} : {SIX} 504, 200 : 201 1.001, 0.002 : 0.003",
        [(ONE, 504, 1.001), (TWO, 200, 0.002), (SIX, 201, 0.003)],
    ),
    (MAIN, "default", f"{HEAD} {ONE} :  200 :  0.005 : ", [(ONE, 200, 0.005)]),
    (MAIN, "default", f"{HEAD} - - -", []),
    (MAIN, "default", f"{HEAD} order_svc 502 0.000", [("order_svc", 502, 0.0)]),
    (MAIN, "default", f"{HEAD} unix:/run/app.sock 200 0.004", [("unix:/run/app.sock", 200, 0.004)]),
    (MAIN, "default", f"{HEAD} {SIX} 200 0.004", [(SIX, 200, 0.004)]),
    # The client left before an answer: its status stands for the attempt.
    (MAIN, "default", f"{HEAD.replace('200', '499', 1)} {ONE} - -", [(ONE, 499, None)]),
    # What does not fit: lists of different lengths, other formats, half a line.
    (MAIN, "default", f"{HEAD} {ONE}, {TWO} 200 0.001", None),
    (MAIN, "default", HEAD, None),
    (MAIN, "default", f"{HEAD} {ONE} 200", None),
    (MAIN, "default", f"{HEAD} {ONE} 200 0.005 more", None),
    (MAIN, "default", "", None),
    # An agent that writes what it wants cannot leave its quotes.
    (MAIN, "default", f'{HEAD[:-2]}) \\x22 {TWO} 500 9.000" {ONE} 200 0.005', [(ONE, 200, 0.005)]),
    ("$http_user_agent|$upstream_addr|$status|$request_time", "default", f"a|b|{ONE}|200|0.005", [(ONE, 200, 0.005)]),
    # Labels, brackets, braces, adjacent literals, other separators.
    ("st=$status ua=$upstream_addr rt=${request_time}s", "default", f"st=200 ua={ONE} rt=0.005s", [(ONE, 200, 0.005)]),
    ("[$upstream_addr][$upstream_status]<$request_time>", "default", f"[{ONE}][200]<0.1>", None),
    ("[$upstream_addr][$upstream_status]<$request_time>", "default", f"[{ONE}][200]<0.100>", [(ONE, 200, 0.1)]),
    ("$upstream_addr:$status:$request_time", "default", f"{ONE}:200:0.005", [(ONE, 200, 0.005)]),
    ("$upstream_addr,$status,$request_time", "default", f"{ONE},200,0.005", [(ONE, 200, 0.005)]),
    (
        "$upstream_addr, $upstream_status, $upstream_response_time",
        "default",
        f"{ONE}, {TWO}, 502, 200, 0.001, 0.002",
        [(ONE, 502, 0.001), (TWO, 200, 0.002)],
    ),
    (
        "$status\t$request_time\t$upstream_addr\t$http_cookie",
        "default",
        f"200\t0.005\t{ONE}\ta\tb",
        [(ONE, 200, 0.005)],
    ),
    (
        "$request $upstream_addr $status $request_time",
        "default",
        f"GET / HTTP/1.1 {ONE} 200 0.005",
        [(ONE, 200, 0.005)],
    ),
    ("$host$request_uri $upstream_addr $status $request_time", "default", f"h/a {ONE} 200 0.005", [(ONE, 200, 0.005)]),
    (
        '"$http_a, $http_b" $upstream_addr $status $request_time',
        "default",
        f'"x, y, z" {ONE} 200 0.005',
        [(ONE, 200, 0.005)],
    ),
    ("$upstream_addr $status $status $request_time", "default", f"{ONE} 200 200 0.005", [(ONE, 200, 0.005)]),
    ("$upstream_addr $status $request_time $1", "default", f"{ONE} 200 0.005 ", [(ONE, 200, 0.005)]),
    (
        "$http_a # $http_b | $upstream_addr $status $request_time | $http_c",
        "default",
        f"x | {TWO} 500 1.000 | # y z | no | {TWO} 200 | {ONE} 404 0.005 | {TWO} 500 1.000",
        [(ONE, 404, 0.005)],
    ),
    # JSON: no value is an empty text; quotes within values are escaped.
    (
        JSON,
        "json",
        f'{{"time":"2026-11-23T13:59:43+00:00","agent":"a\\"b","addr":"{ONE}","st":200,"rt":"0.005"}}',
        [(ONE, 200, 0.005)],
    ),
    (
        JSON,
        "json",
        f'{{"time":"t","agent":"\\",\\"addr\\":\\"{TWO}","addr":"{ONE}","st":500,"rt":"0.005"}}',
        [(ONE, 500, 0.005)],
    ),
    (JSON, "json", '{"time":"t","agent":"","addr":"","st":404,"rt":"0.000"}', []),
    (JSON, "default", f'{{"time":"t","agent":"a\\x22b","addr":"{ONE}","st":200,"rt":"0.005"}}', [(ONE, 200, 0.005)]),
    (JSON, "none", f'{{"time":"t","agent":"a"b","addr":"{ONE}","st":200,"rt":"0.005"}}', [(ONE, 200, 0.005)]),
    # Only the whole request's status and time: they are the last attempt's; the ones before it failed.
    (
        "$upstream_addr $status $request_time",
        "default",
        f"{ONE}, {TWO} 200 0.005",
        [(ONE, 502, None), (TWO, 200, 0.005)],
    ),
    (
        "$upstream_addr $status $request_time",
        "default",
        f"{ONE} : {TWO} 200 0.005",
        [(ONE, None, None), (TWO, 200, 0.005)],
    ),
    (
        "$upstream_addr $upstream_status $request_time",
        "default",
        f"{ONE}, {TWO} 502, 200 0.005",
        [(ONE, 502, None), (TWO, 200, 0.005)],
    ),
]

LACKING: list[tuple[str, str, str]] = [
    (
        _nginx_format.COMBINED,
        "http",
        "has no $upstream_addr and no $upstream_response_time: add ' $upstream_addr $upstream_response_time' to it",
    ),
    (
        "$remote_addr",
        "http",
        "has no $upstream_addr and no $upstream_status and no $upstream_response_time: add '" + TAIL,
    ),
    ("$upstream_addr $request_time", "http", "has no $upstream_status: add ' $upstream_status' to it"),
    ("$upstream_addr $status", "http", "has no $upstream_response_time: add ' $upstream_response_time' to it"),
    ('{"a":"$status","t":$request_time}', "http", 'add \',"upstream_addr":"$upstream_addr"\' to it'),
    ("$upstream_addr$status $request_time", "http", "has $upstream_addr and $status side by side"),
    ("$upstream_addr $status", "stream", "has no $upstream_connect_time: add ' $upstream_connect_time' to it"),
    ("$upstream_addr $upstream_connect_time", "stream", "has no $status"),
]


@pytest.mark.parametrize(("text", "escape", "line", "told"), LINES, ids=[str(number) for number in range(len(LINES))])
def test_lines(text: str, escape: str, line: str, told: Told) -> None:
    match = _nginx_format.reader(text, escape).match(line)
    found = _nginx_format.attempts(match.groupdict()) if match else None
    assert (None if found is None else [(one.address, one.status, one.seconds) for one in found]) == told


def test_a_stream_line() -> None:
    match = _nginx_format.reader("$upstream_addr $status $upstream_connect_time", "default", "stream").match(
        f"{ONE}, {TWO} 200 -, 0.001"
    )
    assert match
    found = _nginx_format.attempts(match.groupdict())
    assert found == [_nginx_format.Attempt(ONE, 502, None), _nginx_format.Attempt(TWO, 200, 0.001)]


@pytest.mark.parametrize(("text", "context", "told"), LACKING, ids=[row[0] for row in LACKING])
def test_a_format_that_tells_too_little(text: str, context: str, told: str) -> None:
    with pytest.raises(_nginx_format.FormatError) as caught:
        _nginx_format.reader(text, "default", context)
    assert told in str(caught.value)


def test_a_hostile_line_costs_no_time() -> None:
    """Many fields that may hold anything, and a line that nearly fits at every place."""
    text = " ".join(f"$http_x{number}" for number in range(8)) + " ; $upstream_addr $status $request_time ; $http_y"
    reader = _nginx_format.reader(text)
    began = time.process_time()
    for line in (" " * 60000, " ;" * 30000, f" ; {ONE} 200 " * 3000, '" ' * 30000):
        assert reader.match(line) is None
    assert time.process_time() - began < 2


CONFIG = """
events {}
http {
    log_format main '$remote_addr [$time_local] "$request" '
                    '$status $upstream_addr $upstream_status $upstream_response_time';
    log_format bare '$remote_addr $status';
    log_format js escape=json '{"a":"$upstream_addr","s":"$status","t":"$request_time"}';
    upstream order_svc { server 10.0.0.1:8080; server 10.0.0.2:8080; }
    upstream other { server 10.0.0.9:8080; }
    access_log logs/access.log main;
    server {
        location /a { proxy_pass http://order_svc; %(here)s }
        location /b { access_log off; }
        location /c { access_log logs/js.log js; }
    }
}
stream {
    log_format conn '$remote_addr $status $upstream_addr $upstream_connect_time';
    upstream db { server 10.0.0.3:3306; }
    server { listen 3306; proxy_pass db; %(stream)s }
}
"""


def config(folder: Path, here: str = "", stream: str = "access_log /var/log/db.log conn;") -> _nginx_conf.Config:
    path = folder / "nginx.conf"
    path.write_text(CONFIG % {"here": here, "stream": stream})
    return _nginx_conf.load(str(path), str(folder))


def test_readable_logs(tmp_path: Path) -> None:
    readers = _nginx_log.readable(_nginx_log.logs(config(tmp_path)))
    assert list(readers) == [f"{tmp_path}/logs/access.log", f"{tmp_path}/logs/js.log", "/var/log/db.log"]
    assert [len(of_path) for of_path in readers.values()] == [1, 1, 1]


def test_several_formats_in_one_file_and_several_files_on_one_level(tmp_path: Path) -> None:
    here = "access_log logs/js.log main; access_log /x/all.log js; access_log /x/buffered.log main buffer=4k;"
    readers = _nginx_log.readable(_nginx_log.logs(config(tmp_path, here)))
    assert list(readers) == [f"{tmp_path}/logs/access.log", f"{tmp_path}/logs/js.log", "/var/log/db.log"]
    assert [len(of_path) for of_path in readers.values()] == [1, 2, 1]


TROUBLES: list[tuple[str, str]] = [
    ("", ""),
    ("access_log logs/js.log js;", ""),
    ("access_log /x/bare.log bare; access_log /x/main.log main;", ""),
    ("access_log /x/main.log main buffer=32k flush=5s;", ""),
    ("access_log off;", "access_log off in {conf}:12 keeps no log of these requests"),
    (
        "access_log /x/bare.log bare;",
        "log_format bare in {conf}:6 has no $upstream_addr and no $upstream_response_time: add ' $upstream_addr "
        "$upstream_response_time' to it",
    ),
    ("access_log /x/c.log;", "access_log /x/c.log in {conf}:12 has the built-in log_format combined, which has no $up"),
    ("access_log /x/c.log mian;", "access_log /x/c.log in {conf}:12 names log_format mian, which is not defined"),
    ("access_log syslog:server=10.0.0.9 main;", "access_log syslog:server=10.0.0.9 in {conf}:12 goes to syslog"),
    ("access_log /x/$host.log main;", "access_log /x/$host.log in {conf}:12 has a variable in its path"),
    ("access_log /x/a.gz main gzip=4;", "access_log /x/a.gz in {conf}:12 is compressed"),
    ("access_log /dev/null main;", "access_log /dev/null in {conf}:12 is no regular file"),
    ("if ($arg_x) { proxy_pass http://order_svc; access_log off; }", ""),
]


@pytest.mark.parametrize(("here", "told"), TROUBLES, ids=[row[0] for row in TROUBLES])
def test_why_an_upstream_cannot_be_judged(tmp_path: Path, here: str, told: str) -> None:
    found = "; ".join(_nginx_log.troubles(config(tmp_path, here), "order_svc", "http"))
    assert found.startswith(told.format(conf=tmp_path / "nginx.conf"))
    assert bool(found) is bool(told)


def test_an_upstream_that_a_variable_leads_to_is_judged_by_any_log(tmp_path: Path) -> None:
    assert _nginx_log.troubles(config(tmp_path, "access_log off;"), "other", "http") == []


def test_no_log_at_all(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text("http { upstream a { server 10.0.0.1; } server { location / { proxy_pass http://a/x; } } }")
    [told] = _nginx_log.troubles(_nginx_conf.load(str(path)), "a", "http")
    assert "the default log has only the format combined" in told
    assert told.endswith("has $upstream_addr $upstream_status $upstream_response_time")
    [told] = _nginx_log.troubles(config(tmp_path, stream=""), "db", "stream")
    assert "a stream has no log by default" in told


def test_positions(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs/access.log"
    log.write_text("one\ntwo\nhalf")
    positions = _nginx_log.positions(config(tmp_path))
    assert [one["path"] for one in positions] == [str(log), f"{tmp_path}/logs/js.log", "/var/log/db.log"]
    assert (positions[0]["inode"], positions[0]["offset"]) == (log.stat().st_ino, 8)
    assert positions[1] == {"path": f"{tmp_path}/logs/js.log", "inode": 0, "offset": 0, "mark": ""}


class Log:
    """A log that is written, and rotated as logrotate does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "access.log"
        self.path.write_bytes(b"old 1\nold 2\n")
        self.writer = self.path.open("ab", buffering=0)

    def write(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\n" for line in lines).encode())

    def rename(self, to: str = ".1") -> None:
        self.path.rename(f"{self.path}{to}")

    def reopen(self) -> None:
        self.writer.close()
        self.writer = self.path.open("ab", buffering=0)

    def copytruncate(self) -> None:
        shutil.copy(self.path, f"{self.path}.1")
        os.truncate(self.path, 0)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def follow(log: Log, since: list[dict[str, Any]] | None = None) -> _nginx_follow.Follower:
    return _nginx_follow.Follower([str(log.path)], [_nginx_follow.end(str(log.path))] if since is None else since)


def read(follower: _nginx_follow.Follower) -> list[str]:
    return [line.decode() for _path, line in follower.lines()]


def test_what_was_there_before_is_not_read(log: Log) -> None:
    follower = follow(log)
    assert read(follower) == []
    log.write("a", "b")
    assert read(follower) == ["a", "b"]
    assert read(follower) == []


def test_without_a_position_a_log_is_read_from_its_end(log: Log) -> None:
    follower = follow(log, since=[])
    log.write("a")
    assert read(follower) == ["a"]


def test_half_a_line_waits_for_its_other_half(log: Log) -> None:
    follower = follow(log)
    log.writer.write(b"a\nb")
    assert read(follower) == ["a"]
    log.writer.write(b"c\n")
    assert read(follower) == ["bc"]


def test_renamed_and_reopened(log: Log) -> None:
    follower = follow(log)
    log.write("a")
    assert read(follower) == ["a"]
    log.write("b")
    log.rename()
    log.write("c")
    assert read(follower) == ["b", "c"]
    log.reopen()
    log.write("e")
    assert read(follower) == ["e"]


def test_a_worker_that_has_not_reopened_yet_is_still_read(log: Log) -> None:
    follower = follow(log)
    late = log.path.open("ab", buffering=0)
    log.rename()
    log.reopen()
    log.write("new 1")
    late.write(b"late 1\n")
    assert read(follower) == ["late 1", "new 1"]
    late.write(b"late 2\n")
    log.write("new 2")
    again = follow(log, since=follower.positions())
    assert read(again) == ["late 2", "new 2"]
    late.close()


def test_renamed_twice_between_two_readings(log: Log) -> None:
    follower = follow(log)
    log.write("a")
    assert read(follower) == ["a"]
    log.rename()
    log.reopen()
    log.write("b")
    assert read(follower) == ["b"]
    log.rename(".2")
    log.reopen()
    log.write("c")
    assert read(follower) == ["c"]


def test_renamed_with_a_date_and_removed(log: Log) -> None:
    follower = follow(log)
    log.write("a")
    log.rename("-20261123")
    log.reopen()
    log.write("b")
    assert read(follower) == ["a", "b"]
    Path(f"{log.path}-20261123").unlink()
    log.write("c")
    assert read(follower) == ["c"]


def test_copied_and_truncated(log: Log) -> None:
    follower = follow(log)
    log.write("a")
    log.copytruncate()
    log.write("b")
    assert read(follower) == ["a", "b"]
    log.write("c")
    assert read(follower) == ["c"]


def test_truncated_and_grown_beyond_where_we_were(log: Log) -> None:
    follower = follow(log)
    os.truncate(log.path, 0)
    log.write("a" * 40, "b")
    assert read(follower) == ["a" * 40, "b"]


def test_gone_for_a_while(log: Log) -> None:
    follower = follow(log)
    log.write("a")
    assert read(follower) == ["a"]
    log.path.rename(log.path.parent / "elsewhere")
    assert read(follower) == []
    log.reopen()
    log.write("b")
    assert read(follower) == ["b"]


def test_gone_and_back(log: Log) -> None:
    follower = follow(log)
    log.write("a")
    assert read(follower) == ["a"]
    log.path.rename(log.path.parent / "elsewhere")
    assert read(follower) == []
    (log.path.parent / "elsewhere").rename(log.path)
    log.write("b")
    assert read(follower) == ["b"]


def test_not_there_yet(log: Log) -> None:
    log.path.unlink()
    follower = follow(log)
    assert read(follower) == []
    log.reopen()
    log.write("a")
    assert read(follower) == ["a"]


def test_another_file_with_the_same_number_is_read_from_its_beginning(log: Log) -> None:
    position = _nginx_follow.end(str(log.path))
    log.path.write_bytes(b"other 1\nother 2\nother 3\n")
    assert read(follow(log, [position])) == ["other 1", "other 2", "other 3"]


def test_a_log_that_grows_by_many_megabytes(log: Log) -> None:
    follower = follow(log)
    line = "x" * 999
    log.writer.write((line + "\n").encode() * 20000)
    log.writer.write(b"y" * 3_000_000 + b"\nz\n")
    longest = count = 0
    for _path, got in follower.lines():
        longest, count = max(longest, len(got)), count + 1
    assert count >= 20001
    assert longest <= 1 << 19
    assert follower.positions()[0]["offset"] == log.path.stat().st_size


LIMITS = _nginx_traffic.Limits(requests=20, error_rate=1.0, p95=1.0)

VERDICTS: list[tuple[int, int, int, str]] = [
    # good, errors, slow -> verdict
    (0, 0, 0, "inconclusive"),
    (19, 0, 0, "inconclusive"),
    (20, 0, 0, "good"),
    (19, 0, 1, "good"),
    (18, 0, 2, "bad"),
    (0, 0, 1, "inconclusive"),
    (0, 0, 2, "bad"),
    (0, 1, 0, "bad"),
    (99, 1, 0, "bad"),
    (100, 1, 0, "good"),
    (190, 0, 10, "good"),
    (189, 0, 11, "bad"),
]


@pytest.mark.parametrize(("good", "errors", "slow", "verdict"), VERDICTS)
def test_verdict(good: int, errors: int, slow: int, verdict: str) -> None:
    tally = _nginx_traffic.Tally("u", "m", frozenset([ONE]))
    for status, seconds, number in ((200, 0.999, good), (500, 0.1, errors), (200, 1.0, slow)):
        for _unused in range(number):
            tally.note(_nginx_format.Attempt(ONE, status, seconds))
    assert tally.verdict(LIMITS) == verdict
    assert tally.told(LIMITS)["verdict"] == verdict


BESIDE: list[tuple[tuple[int, int, float], tuple[int, int, float], str]] = [
    # requests, errors, seconds of the others and of the member; with 2% more errors and 3 times as slow
    ((100, 0, 0.1), (100, 1, 0.1), "good"),
    ((100, 0, 0.1), (100, 2, 0.1), "bad"),
    ((100, 10, 0.1), (100, 11, 0.1), "good"),
    ((100, 10, 0.1), (100, 12, 0.1), "bad"),
    ((100, 0, 0.5), (100, 0, 1.4), "good"),
    ((100, 0, 0.5), (100, 0, 1.5), "bad"),
    ((100, 0, 0.001), (100, 0, 0.1), "good"),
    ((100, 0, 0.001), (100, 0, 0.101), "bad"),
    ((100, 0, 2.0), (19, 0, 2.0), "inconclusive"),
    # Too few of the others tell of them: what holds otherwise holds.
    ((19, 10, 2.0), (100, 0, 0.9), "good"),
    ((19, 10, 2.0), (100, 0, 1.0), "bad"),
    ((0, 0, 0.0), (100, 1, 0.1), "bad"),
]


@pytest.mark.parametrize(("others", "own", "verdict"), BESIDE)
def test_verdict_beside_the_others(others: tuple[int, int, float], own: tuple[int, int, float], verdict: str) -> None:
    tally = _nginx_traffic.Tally("u", "m", frozenset([ONE]), _nginx_traffic.Tally("u", "others", frozenset([TWO])))
    for address, (requests, errors, seconds) in ((TWO, others), (ONE, own)):
        for number in range(requests):
            tally.note(_nginx_format.Attempt(address, 500 if number < errors else 200, seconds))
    limits = _nginx_traffic.Limits(20, 1.0, 1.0, _nginx_traffic.Worse(2.0, 3.0))
    told = tally.told(limits)
    assert tally.verdict(limits) == told["verdict"] == verdict
    assert ("beside the others' 100 requests" in told["msg"]) == (verdict == "bad" and others[0] == 100)


def test_p95_by_nearest_rank() -> None:
    assert _nginx_traffic.p95([]) is None
    assert _nginx_traffic.p95([3.0]) == 3.0
    assert _nginx_traffic.p95([float(number) for number in range(20, 0, -1)]) == 19.0
    assert _nginx_traffic.p95([float(number) for number in range(1, 101)]) == 95.0


def test_attempts_go_to_their_own_members() -> None:
    tallies = [
        _nginx_traffic.Tally("u", "a", frozenset([ONE])),
        _nginx_traffic.Tally("u", "b", frozenset([TWO, SIX])),
        _nginx_traffic.Tally("v", "a", frozenset([ONE])),
    ]
    count = _nginx_traffic.Count(tallies, {"/x": [_nginx_format.reader(MAIN), _nginx_format.reader(JSON, "json")]})
    lines = [
        f"{HEAD} {ONE}, {TWO} 502, 200 0.001, 0.020",
        f"{HEAD} {SIX} 200 0.004",
        f"{HEAD} 10.0.0.1:80801 200 0.004",
        f"{HEAD} 110.0.0.1:8080 200 0.004",
        f'{{"time":"t","agent":"","addr":"{TWO}","st":503,"rt":"0.005"}}',
        f"what {ONE} is this",
    ]
    count.take(("/x", line.encode()) for line in lines)
    assert [(one.requests, one.errors) for one in tallies] == [(1, 1), (3, 1), (1, 1)]
    assert count.strange == {"/x": 1}


BEGAN: list[tuple[dict[str, str | None], float | None]] = [
    ({"request_time": "2.500", "msec": "1796005781.250"}, 1796005778.75),
    ({"request_time": "2.500", "time_iso8601": "2026-11-30T02:29:41+00:00"}, 1796005778.5),
    ({"request_time": "0.000", "time_iso8601": "2026-11-30T10:29:41+08:00"}, 1796005781.0),
    ({"request_time": "0.500", "time_local": "29/Nov/2026:21:29:41 -0500"}, 1796005780.5),
    ({"time_local": "29/Nov/2026:21:29:41 -0500"}, None),
    ({"request_time": "0.500"}, None),
    ({"request_time": "0.500", "time_iso8601": "t"}, None),
]


@pytest.mark.parametrize(("fields", "at"), BEGAN, ids=str)
def test_when_a_request_began(fields: dict[str, str | None], at: float | None) -> None:
    assert _nginx_format.began(fields) == at


@pytest.mark.parametrize(("began", "counted"), [(None, (3, 1)), (1796005779.0, (2, 0)), (1796005781.5, (0, 0))])
def test_what_was_refused_before_is_not_counted(began: float | None, counted: tuple[int, int]) -> None:
    """The first was refused here, and answered by another for as long as it took."""
    text = "$remote_addr [$time_iso8601] $status $upstream_addr $upstream_status $upstream_response_time $request_time"
    tally = _nginx_traffic.Tally("u", "a", frozenset([ONE]))
    count = _nginx_traffic.Count([tally], {"/x": [_nginx_format.reader(text)]}, began)
    lines = [
        f"10.0.0.9 [2026-11-30T02:29:41+00:00] 200 {ONE}, {TWO} 502, 200 0.000, 2.500 2.500",
        f"10.0.0.9 [2026-11-30T02:29:41+00:00] 200 {ONE} 200 0.100 0.100",
        f"10.0.0.9 [2026-11-30T02:29:41+00:00] 200 {ONE} 200 2.000 2.000",
    ]
    count.take(("/x", line.encode()) for line in lines)
    assert (tally.requests, tally.errors) == counted and count.strange == {}


def params(**more: Any) -> dict[str, Any]:
    return {
        "members": [{"upstream": "order_svc", "member": ONE}],
        "since": [],
        "requests": 20,
        "error_rate": 1.0,
        "p95": 1.0,
        "against_others": None,
        "began": None,
        "deadline": 30.0,
        "interval": 0.2,
        **more,
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"members": []}, "members is empty"),
    ({"members": [{"upstream": "a;b", "member": ONE}]}, "'a;b' is no name"),
    ({"members": [{"upstream": "a", "member": "10.0.0.1:99999"}]}, "99999"),
    ({"requests": 0}, "requests 0"),
    ({"error_rate": 0.0}, "error_rate 0.0"),
    ({"error_rate": 101.0}, "error_rate 101.0"),
    ({"p95": -1.0}, "p95 -1.0"),
    ({"against_others": {"error_rate": 0.0, "slowdown": 3.0}}, "against_others: error_rate 0.0"),
    ({"against_others": {"error_rate": 1.0, "slowdown": 0.5}}, "against_others: slowdown 0.5"),
    ({"deadline": float("nan")}, "deadline nan"),
    ({"interval": 0.0}, "interval 0.0"),
    ({"since": [{"path": "/x"}]}, "is no position"),
]


def test_arguments_that_are_good() -> None:
    nginx_member_traffic.validate(params(since=[{"path": "/x", "inode": 1, "offset": 2}]))


@pytest.mark.parametrize(("more", "told"), REFUSED, ids=str)
def test_arguments_that_are_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        nginx_member_traffic.validate(params(**more))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ({"upstream": "ordr_svc", "member": ONE}, "no upstream 'ordr_svc'"),
        ({"upstream": "order_svc", "member": "10.0.0.7:8080"}, "10.0.0.7:8080 is not listed in upstream order_svc"),
    ],
)
def test_a_member_that_is_not_there(tmp_path: Path, member: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        nginx_member_traffic.tallies(config(tmp_path), [member], False)
    assert told in str(caught.value)


def test_a_log_that_cannot_tell_is_an_error_that_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"order_svc cannot be judged: log_format bare in .*nginx\.conf:6 has no"):
        nginx_member_traffic.tallies(
            config(tmp_path, "access_log /x bare;"), [{"upstream": "order_svc", "member": ONE}], False
        )
