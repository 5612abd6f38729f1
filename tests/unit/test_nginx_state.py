# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is told of an nginx, and what the member module's parameters may say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import (
    _nginx_address,
    _nginx_conf,
    _nginx_host,
    _nginx_member,
    _nginx_state,
    _nginx_upstream,
)

BUILDS = [
    ("nginx version: nginx/1.31.3\nconfigure arguments: --prefix=. --pid-path=nginx.pid", (1, 31, 3), ".", "nginx.pid"),
    ("nginx version: nginx/1.22.1", (1, 22, 1), "", ""),
    ("nginx version: nginx/1.27.4 (Ubuntu)", (1, 27, 4), "", ""),
    ("nginx version: openresty/1.25.3.2", (1, 25, 3), "", ""),
    ("Angie version: Angie/1.9.0", (), "", ""),
    ("hello", (), "", ""),
]

TIMEOUTS = [
    ("http { }", None),
    ("http { keepalive_min_timeout 5s; }", 5.0),
    ("http { keepalive_min_timeout 1m30s; server { keepalive_min_timeout 1s; } }", 90.0),
    ("http { keepalive_min_timeout 500ms; }", 0.5),
    ("http { keepalive_min_timeout 0; }", 0.0),
    ("http { server { keepalive_min_timeout 7; } server { keepalive_min_timeout 3; } }", 3.0),
    ("http { server { keepalive_min_timeout 7; } server { } }", None),
    ("stream { server { } }", None),
]

MEMBER = {"upstream": "order_svc", "member": "10.0.0.3:8080", "state": "down"}
OPTIONS: dict[str, Any] = {
    "config": "/etc/nginx/nginx.conf", "prefix": None, "test": ["nginx", "-t"], "reload": ["nginx", "-s", "reload"],
    "version": ["nginx", "-V"], "members": [MEMBER], "token": None, "deadline": 60.0, "interval": 0.2, "cut": False,
    "recheck": False, "state_dir": "/var/lib/lossless_restart",
}  # fmt: skip
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"members": [{**MEMBER, "upstream": "a;b"}]}, "members: upstream 'a;b' is no name"),
    ({"members": [{**MEMBER, "upstream": "a}b"}]}, "is no name"),
    ({"members": [{**MEMBER, "upstream": "$a"}]}, "is no name"),
    ({"members": [{**MEMBER, "upstream": ""}]}, "is no name"),
    ({"members": [{**MEMBER, "member": "10.0.0.3:8080;"}]}, "port '8080;' is not a number"),
    ({"members": [{**MEMBER, "member": "10.0.0.3:8080\n"}]}, "is not a number"),
    ({"members": [{**MEMBER, "member": "a' b:80"}]}, "is neither an address nor a host name"),
    ({"members": [{**MEMBER, "member": "10.0.0.3:99999"}]}, "port '99999' is not a number from 1 to 65535"),
    ({"members": [{**MEMBER, "member": "unix:/a b"}]}, "is not an absolute path"),
    ({"members": [{**MEMBER, "weight": 0}]}, "weight 0 of '10.0.0.3:8080' is none that nginx takes: use 1 to 65535"),
    ({"members": [{**MEMBER, "weight": -1}]}, "weight -1"),
    ({"members": [{**MEMBER, "state": None}]}, "has neither a state nor a weight"),
    ({"members": [MEMBER, MEMBER]}, "10.0.0.3:8080 of order_svc is asked for twice"),
    ({"config": "nginx.conf"}, "config 'nginx.conf' is not an absolute path"),
    ({"prefix": "../x"}, "prefix '../x' is not an absolute path"),
    ({"test": []}, "test [] is no command"),
    ({"reload": ["nginx", "a\nb"]}, "is no command"),
    ({"deadline": 0.0}, "deadline 0.0"),
    ({"interval": -1.0}, "interval -1.0"),
    ({"state_dir": "x"}, "state_dir 'x' is not an absolute path"),
]


@pytest.mark.parametrize(("said", "number", "prefix", "pid_path"), BUILDS)
def test_version(said: str, number: tuple[int, ...], prefix: str, pid_path: str) -> None:
    build = _nginx_host.build(["echo", said], timeout=10)
    assert (build.number, build.prefix, build.pid_path) == (number, prefix, pid_path)


@pytest.mark.parametrize(
    ("given", "built", "commands", "wanted"),
    [
        ("/srv", "/etc/nginx", [["nginx", "-p", "/opt"]], "/srv"),
        (None, "/etc/nginx", [["nginx", "-t"], ["nginx", "-p", "/opt"]], "/opt"),
        (None, "/etc/nginx", [["nginx", "-p", "opt"]], "/etc/nginx"),
        (None, ".", [["nginx", "-t"]], None),
    ],
)
def test_prefix(given: str | None, built: str, commands: list[list[str]], wanted: str | None) -> None:
    assert _nginx_host.prefix(given, _nginx_host.Build("", (), built, ""), commands) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pid /run/a.pid;", "/run/a.pid"),
        ("pid logs/a.pid;", "/srv/nginx/logs/a.pid"),
        ("http { upstream u { server a; } }", "/srv/nginx/built.pid"),
    ],
)
def test_pid_file(tmp_path: Path, text: str, wanted: str) -> None:
    (tmp_path / "nginx.conf").write_text(text)
    config = _nginx_conf.load(str(tmp_path / "nginx.conf"), "/srv/nginx")
    assert _nginx_host.pid_file(config, _nginx_host.Build("", (), "", "built.pid")) == wanted


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["sh", "-c", "echo out; echo err >&2; exit 3"], "failed (rc 3): out\nerr"),
        (["/no/such"], "'/no/such' cannot be run: No such file or directory"),
        (["sleep", "5"], "'sleep 5' did not end within 0.2 s"),
        (["false"], "'false' failed (rc 1): no output"),
    ],
)
def test_commands_that_fail(command: list[str], text: str) -> None:
    with pytest.raises(_nginx_host.HostError) as caught:
        _nginx_host.run(command, timeout=0.2)
    assert text in str(caught.value)


def test_files_that_workers_have_not_read(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text("")
    written = path.stat().st_ctime

    def unread(*began: float, leaving: float = 0.0) -> list[str]:
        workers = [_nginx_host.Worker(7, at, False) for at in began] + [_nginx_host.Worker(8, leaving, True)]
        return _nginx_host.unread([str(path)], workers)

    assert unread(written + 1, written + 2) == []
    assert unread(written - 1, written + 2) == [str(path)]
    assert unread(written - 0.01) == []
    assert unread() == [str(path)]


def test_our_own_children_are_seen_with_the_time_they_began() -> None:
    pid = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "30")
    try:
        (worker,) = [one for one in _nginx_host.workers(os.getpid()) if one.pid == pid]
        assert not worker.shutting_down
        assert abs(Path(f"/proc/{pid}").stat().st_ctime - worker.began) < 1
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def reading(tmp_path: Path, text: str, number: tuple[int, ...] = (1, 31, 3)) -> _nginx_state.Reading:
    (tmp_path / "nginx.conf").write_text(text)
    config = _nginx_conf.load(str(tmp_path / "nginx.conf"))
    built = _nginx_host.Build("nginx/x", number, "", "")
    return _nginx_state.Reading(config, _nginx_upstream.upstreams(config), built, _nginx_address.Resolver())


@pytest.mark.parametrize(("text", "seconds"), TIMEOUTS)
def test_keepalive_min_timeout(tmp_path: Path, text: str, seconds: float | None) -> None:
    assert _nginx_state.keepalive_min_timeout(reading(tmp_path, text).config) == seconds


@pytest.mark.parametrize(
    ("text", "number", "warning"),
    [
        ("http { keepalive_min_timeout 5s; }", (1, 27, 4), ""),
        ("http { }", (1, 27, 4), "sets no keepalive_min_timeout"),
        ("http { keepalive_min_timeout 0; }", (1, 31, 3), "sets no keepalive_min_timeout"),
        ("http { }", (1, 27, 3), "is too old for keepalive_min_timeout"),
        ("http { }", (), "sets no keepalive_min_timeout"),
        ("stream { }", (1, 22, 1), ""),
        ("http { keepalive_min_timeout 1; upstream u { balancer_by_lua_file x; } }", (1, 31, 3), "lets Lua choose"),
    ],
)
def test_warnings(tmp_path: Path, text: str, number: tuple[int, ...], warning: str) -> None:
    warnings = _nginx_state.warnings(reading(tmp_path, text, number))
    assert len(warnings) == bool(warning)
    assert warning in "".join(warnings)


@pytest.mark.parametrize(("given", "text"), REFUSED)
def test_parameters_that_are_refused(given: dict[str, Any], text: str) -> None:
    empty = {"state": None, "weight": None, "weight_written": None, "token": None}
    params = {**OPTIONS, **given}
    params["members"] = [{**empty, **member} for member in params["members"]]
    with pytest.raises(ValueError) as caught:
        _nginx_member.task(params, False)
    assert text in str(caught.value)
