# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is a target and what is not, and how it is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _http, _target

URL = "http://127.0.0.1:8080/health"

GOOD: list[tuple[dict[str, Any], str]] = [
    ({"url": URL}, URL),
    ({"url": URL, "name": "health"}, "health"),
    ({"url": URL + "?token=abc#x", "expect": {"status": "up"}}, URL),
    (
        {"url": "https://[fd00::1]/x", "ca_file": "/etc/ca.pem", "method": "POST", "status": [200, 204]},
        "https://[fd00::1]/x",
    ),
    ({"url": URL, "method": None, "status": 204, "text": "ok", "timeout": 0.5, "tcp": None}, URL),
    ({"url": "http://h/users/@me"}, "http://h/users/@me"),
    ({"url": URL, "status": [302]}, URL),
    ({"tcp": "[::1]:8080"}, "tcp [::1]:8080"),
    ({"file": "/run/ready", "text": "yes"}, "file /run/ready"),
    ({"process": {"systemd": "order-svc"}}, "process order-svc"),
    ({"process": {"command": ["/bin/x"], "pid_file": "/run/x.pid"}}, "process /run/x.pid"),
    ({"process": {"command": ["/bin/x"]}, "address": "127.0.0.1:8080"}, "process 127.0.0.1:8080"),
]

BAD: list[tuple[Any, str]] = [
    ("http://h/", "no mapping"),
    (["tcp"], "no mapping"),
    ({}, "this one has nothing"),
    ({"utl": URL}, "this one has utl"),
    ({"url": URL, "tcp": "h:1"}, "this one has url and tcp"),
    ({"url": URL, "expekt": {}}, "unknown key 'expekt'"),
    ({"tcp": "h:1", "expect": {"a": 1}}, "unknown key 'expect'"),
    ({"url": "file:///etc/passwd"}, "no http or https URL"),
    ({"url": "ftp://h/"}, "no http or https URL"),
    ({"url": "/health"}, "no http or https URL"),
    ({"url": 5}, "no http or https URL"),
    ({"url": "http://h:99999/"}, "is no URL"),
    ({"url": "http://h/a b"}, "a space or a control character"),
    ({"url": "http://h/\r\nX: y"}, "a space or a control character"),
    ({"url": "http://h/é"}, "write them as %XX"),
    ({"url": URL, "method": "DELETE"}, "'DELETE' is not one of GET, HEAD, POST"),
    ({"url": URL, "status": "ok"}, "status 'ok'"),
    ({"url": URL, "status": [True]}, "status [True]"),
    ({"url": URL, "status": [99]}, "status [99]"),
    ({"url": URL, "status": []}, "status []"),
    ({"url": URL, "expect": ["status"]}, "write a mapping"),
    ({"url": URL, "expect": {"in_flight": "<= few"}}, "has no number"),
    ({"url": URL, "text": ""}, "text ''"),
    ({"url": URL, "text": 1}, "text 1"),
    ({"url": URL, "method": "HEAD", "text": "x"}, "HEAD has no body"),
    ({"url": URL, "headers_file": "secret"}, "headers_file 'secret'"),
    ({"url": URL, "ca_file": "../ca.pem"}, "ca_file '../ca.pem'"),
    ({"url": URL, "timeout": 0}, "timeout 0"),
    ({"url": URL, "timeout": True}, "timeout True"),
    ({"url": URL, "timeout": "2"}, "timeout '2'"),
    ({"url": URL, "timeout": 301}, "timeout 301"),
    ({"tcp": "10.0.0.3"}, "has no port"),
    ({"tcp": "10.0.0.3:99999"}, "'99999' is not a number from 1 to 65535"),
    ({"file": "ready"}, "not an absolute path"),
    ({"process": "order-svc"}, "no mapping"),
    ({"process": {}}, "restart: "),
    ({"process": {"systemd": "a;b"}}, "a;b"),
]

SECRETS = [
    "http://joe:hush@h/x",
    "http://joe:hu/sh@h/x",
    "http://joe:hu sh@h/x",
    "http://joe:hush@h:99999/",
    "https://hush@h/",
]


@pytest.mark.parametrize(("target", "name"), GOOD, ids=str)
def test_good(target: dict[str, Any], name: str) -> None:
    _target.validate(target)
    assert _target.name(target) == name


@pytest.mark.parametrize(("target", "told"), BAD, ids=str)
def test_bad(target: Any, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        _target.validate(target)
    assert told in str(caught.value)


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("shape", [lambda url: {"url": url}, lambda url: url], ids=["mapping", "text"])
def test_a_password_is_refused_and_not_shown(url: str, shape: Any) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        _target.validate(shape(url))
    assert "hu" not in str(caught.value)
    assert "joe" not in str(caught.value)


def test_headers(tmp_path: Path) -> None:
    path = tmp_path / "headers"
    path.write_bytes(b"# for the probe\r\nAuthorization: Bearer a:b\r\n\nX-Name:  \xc3\x85\n")
    assert _http.headers(str(path)) == {"Authorization": "Bearer a:b", "X-Name": "\xc3\x85"}


@pytest.mark.parametrize("line", ["hush", "a b: hush", ": hush", "X: hu\x00sh", "X: hu\rsh"])
def test_a_line_that_is_no_header_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    path = tmp_path / "headers"
    path.write_bytes(b"A: b\n" + line.encode() + b"\n")
    with pytest.raises(ValueError, match="line 2 is no header") as caught:
        _target.readable({"url": URL, "headers_file": str(path)})
    assert "hu" not in str(caught.value)


@pytest.mark.parametrize("key", ["headers_file", "ca_file"])
def test_a_file_that_is_not_there(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="no such file|No such file"):
        _target.readable({"url": URL, key: str(tmp_path / "none")})


FILES: list[tuple[bytes, dict[str, str], bool, str]] = [
    (b"yes\n", {}, True, "it is there"),
    (b"", {}, True, "it is there"),
    (b"say yes\n", {"text": "yes"}, True, "'yes' is there"),
    (b"no\n", {"text": "yes"}, False, "'yes' is not in it, which begins 'no\\n'"),
    (b"", {"text": "yes"}, False, "'yes' is not in it, which begins with nothing: it is empty"),
    (b"x" * 70000 + b"yes", {"text": "yes"}, False, "'yes' is not in the first 64 KiB"),
]


@pytest.mark.parametrize(("content", "more", "ok", "saw"), FILES, ids=str)
def test_file(tmp_path: Path, content: bytes, more: dict[str, str], ok: bool, saw: str) -> None:
    path = tmp_path / "ready"
    path.write_bytes(content)
    seen = _target.check({"file": str(path), **more})
    assert seen.ok is ok
    assert seen.saw.startswith(saw)


def test_no_file(tmp_path: Path) -> None:
    assert _target.check({"file": str(tmp_path / "none")}) == _target.Seen(False, "no such file or directory")
    assert _target.check({"file": str(tmp_path)}) == _target.Seen(False, "is a directory")
    os.mkfifo(tmp_path / "pipe")
    assert _target.check({"file": str(tmp_path / "pipe")}) == _target.Seen(False, "it is no regular file")


def test_process() -> None:
    assert _target.check({"process": {"pid_file": "/nowhere/x.pid"}}) == _target.Seen(False, "it does not run")
