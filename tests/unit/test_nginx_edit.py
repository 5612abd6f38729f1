# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The editor, on literal tables and on the corpus: the word goes in and out, and every other byte stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _nginx_conf, _nginx_plan, _nginx_upstream
from ansible_collections.lossless.restart.plugins.module_utils._nginx_plan import Wanted

CORPUS = Path(__file__).parent / "nginx_corpus"
MAIN = sorted([*CORPUS.glob("*.conf"), CORPUS / "included" / "nginx.conf"])
VARIANTS = {
    "as it is": lambda data: data,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "no newline at the end": lambda data: data.rstrip(b"\n"),
    "tabs": lambda data: data.replace(b"    ", b"\t"),
    "Latin-1": lambda data: data.replace(b"\n", b" # \xfc \xdf\n"),
}

# (a server line, what is wanted of a:1, the line after); {} stands for nothing wanted of it
LINES: list[tuple[bytes, dict[str, Any], bytes]] = [
    (b"server a:1;", {"state": "down"}, b"server a:1 down;"),
    (b"server a:1;", {"state": "up"}, b"server a:1;"),
    (b"server a:1 ;", {"state": "down"}, b"server a:1 down ;"),
    (b"server\ta:1\tmax_fails=2\t;", {"state": "down"}, b"server\ta:1\tmax_fails=2 down\t;"),
    (b"server 'a:1';", {"state": "down"}, b"server 'a:1' down;"),
    (b"server a:1 # x;\n;", {"state": "down"}, b"server a:1 down # x;\n;"),
    (b"server a:1\r\n;", {"state": "down"}, b"server a:1 down\r\n;"),
    (b"server a:1 down;", {"state": "down"}, b"server a:1 down;"),
    (b"server a:1 down;", {"state": "up"}, b"server a:1;"),
    (b"server a:1 \t down max_fails=2;", {"state": "up"}, b"server a:1 max_fails=2;"),
    (b'server a:1 "down";', {"state": "up"}, b"server a:1;"),
    (b"server a:1\n  down;", {"state": "up"}, b"server a:1;"),
    (b"server a:1 down down;", {"state": "up"}, b"server a:1;"),
    (b"server a:1 down weight=2 down;", {"state": "up"}, b"server a:1 weight=2;"),
    (b"server a:1 # x\n  down;", {"state": "up"}, b"server a:1 # x\n;"),
    (b"server a:1 # down\n down # x\n;", {"state": "up"}, b"server a:1 # down\n # x\n;"),
    (b"server a:1 backup;", {"state": "down"}, b"server a:1 backup down;"),
    (b"server a:1 backup down;", {"state": "backup"}, b"server a:1 backup;"),
    (b"server a:1;", {"state": "drain"}, b"server a:1 drain;"),
    (b"server a:1 drain;", {"state": "up"}, b"server a:1;"),
    (b"server a:1  drain weight=2;", {"state": "down"}, b"server a:1  down weight=2;"),
    (b"server a:1 down;", {"state": "drain"}, b"server a:1 drain;"),
    (b"server a:1 drain down;", {"state": "down"}, b"server a:1 down;"),
    (b"server a:1;", {"weight": 3}, b"server a:1 weight=3;"),
    (b"server a:1;", {"weight": 1}, b"server a:1;"),
    (b"server a:1;", {"weight": 1, "weight_written": True}, b"server a:1 weight=1;"),
    (b"server a:1  weight=2  max_fails=1;", {"weight": 30}, b"server a:1  weight=30  max_fails=1;"),
    (b"server a:1  weight=2  max_fails=1;", {"weight": 1}, b"server a:1  weight=1  max_fails=1;"),
    (b"server a:1  weight=2  max_fails=1;", {"weight": 1, "weight_written": False}, b"server a:1  max_fails=1;"),
    (b"server a:1 weight=2;", {"weight": 1}, b"server a:1;"),
    (b"server a:1 weight=2 down;", {"weight": 1}, b"server a:1 down;"),
    (b"server a:1 weight=2;", {"weight": 1, "weight_written": True}, b"server a:1 weight=1;"),
    (b"server a:1 weight=1;", {"weight": 1}, b"server a:1 weight=1;"),
    (b"server a:1 weight=1;", {"weight": 1, "weight_written": False}, b"server a:1;"),
    (b"server a:1 'weight=2';", {"weight": 4}, b"server a:1 'weight=4';"),
    (b"server a:1 down;", {"weight": 4}, b"server a:1 weight=4 down;"),
    (b"server a:1 down weight=2;", {"weight": 1}, b"server a:1 down weight=1;"),
    (b"server a:1 weight=02;", {"weight": 2}, b"server a:1 weight=02;"),
    (b"server a:1;", {"state": "down", "weight": 3}, b"server a:1 weight=3 down;"),
    (b"server a:1 down;", {"state": "up", "weight": 3}, b"server a:1 weight=3;"),
    (b"server a:1 weight=3 down;", {"state": "up", "weight": 1}, b"server a:1;"),
    (b"server a:1 down weight=3;", {"state": "up", "weight": 1}, b"server a:1 weight=1;"),
    (b"server a:1 slow_start=1s;", {"state": "present"}, b"server a:1 slow_start=1s;"),
]

# (an upstream, what is wanted, the upstream after)
BLOCKS: list[tuple[bytes, list[Wanted], bytes]] = [
    (
        b"upstream u {\n    server a:1;\n}\n",
        [Wanted("u", "b:1", "present")],
        b"upstream u {\n    server a:1;\n    server b:1;\n}\n",
    ),
    (
        b"upstream u {\r\n\tserver a:1; # x\r\n\tkeepalive 2;\r\n}",
        [Wanted("u", "b:1", "present", 3), Wanted("u", "c:1", "present")],
        b"upstream u {\r\n\tserver a:1; # x\r\n\tserver b:1 weight=3;\r\n\tserver c:1;\r\n\tkeepalive 2;\r\n}",
    ),
    (b"upstream u { server a:1; }", [Wanted("u", "b:1", "present")], b"upstream u { server a:1; server b:1; }"),
    (b"upstream u{server a:1;}", [Wanted("u", "b:1", "present")], b"upstream u{server a:1; server b:1;}"),
    (
        b"upstream u {\n server a:1; # x\n  server b:1;\n server c:1; }",
        [Wanted("u", "b:1", "absent"), Wanted("u", "d:1", "present")],
        b"upstream u {\n server a:1; # x\n server c:1; server d:1; }",
    ),
    (
        b"upstream u {\n server a:1;\n server b:1; # x\n}",
        [Wanted("u", "b:1", "absent")],
        b"upstream u {\n server a:1;\n # x\n}",
    ),
    (b"upstream u { server a:1; server b:1; }", [Wanted("u", "a:1", "absent")], b"upstream u { server b:1; }"),
    (b"upstream u {server a:1;server b:1;}", [Wanted("u", "b:1", "absent")], b"upstream u {server a:1;}"),
    (
        b"upstream u {\nserver a:1;\nserver\n b:1\n;\nserver c:1;\n}",
        [Wanted("u", "b:1", "absent"), Wanted("u", "a:1", "down")],
        b"upstream u {\nserver a:1 down;\nserver c:1;\n}",
    ),
    (b"upstream u { server a:1; }", [Wanted("u", "z:1", "absent")], b"upstream u { server a:1; }"),
    (
        b"upstream u { server a:1; server b:1; } upstream v { server a:1; }",
        [Wanted("v", "a:1", "down"), Wanted("u", "a:1", None, 2)],
        b"upstream u { server a:1 weight=2; server b:1; } upstream v { server a:1 down; }",
    ),
    (
        b"http { upstream u { server a:1; } } stream { upstream u { server a:1; server c:1; } }",
        [Wanted("u", "a:1", "down")],
        b"http { upstream u { server a:1 down; } } stream { upstream u { server a:1 down; server c:1; } }",
    ),
]

REFUSED: list[tuple[bytes, Wanted, str]] = [
    (b"upstream u {server a:1;}", Wanted("v", "a:1", "up"), "no upstream 'v' in nginx's configuration; there are: u"),
    (b"events {}", Wanted("v", "a:1", "up"), "no upstream 'v' in nginx's configuration; there are: none at all"),
    (
        b"upstream u {server a:1;server b:1 down;}",
        Wanted("u", "c:1", "down"),
        "c:1 is not listed in upstream u; its members are: a:1, b:1",
    ),
    (
        b"upstream u {\n# server c:1;\nserver a:1; #c:10\n}",
        Wanted("u", "c:1", "up"),
        "c:1 is not listed in upstream u (only in a comment, FILE:2); its members are: a:1",
    ),
    (
        b"upstream u {server a:1;\n} # server c:1;",
        Wanted("u", "c:1", "up"),
        "c:1 is not listed in upstream u; its members are: a:1",
    ),
    (
        b"upstream u {\nserver a:1;\nserver a:1 backup;}",
        Wanted("u", "a:1", "down"),
        "a:1 is listed twice in upstream u: FILE:2 and FILE:3. Leave one line, then try again.",
    ),
    (
        b"upstream u {server a:1;}\nupstream u {server b:1;}",
        Wanted("u", "a:1", "down"),
        "upstream u is given twice with other members: FILE:1 has a:1, FILE:2 has b:1. Remove one of them.",
    ),
    (
        b"upstream u {server a:1;}",
        Wanted("u", "a:1", "drain"),
        "upstream u (FILE:1) has no 'sticky', without which nginx knows no drain: use state down",
    ),
    (
        b"upstream u {server a:1;}",
        Wanted("u", "a:1", "backup"),
        "a:1 is no backup server of upstream u (FILE:1): use state up",
    ),
    (
        b"upstream u {server a:1; balancer_by_lua_block { } }",
        Wanted("u", "a:1", "down"),
        "upstream u (FILE:1) lets Lua choose the server: nothing on a:1's line would take it out",
    ),
    (
        b"upstream u { keepalive 1; }",
        Wanted("u", "a:1", "present"),
        "a:1 cannot be added: FILE:1 has no server line to follow",
    ),
    (
        b"http { upstream u { server b:1; } } stream { upstream u { server b:1; } }",
        Wanted("u", "a:1", "present"),
        "a:1 cannot be added: there are two upstreams u, FILE:1 and FILE:1",
    ),
]


class Tree:
    """A configuration in files of its own."""

    def __init__(self, main: Path) -> None:
        self.main = main

    def read(self) -> tuple[_nginx_conf.Config, list[_nginx_upstream.Upstream]]:
        config = _nginx_conf.load(str(self.main))
        return config, _nginx_upstream.upstreams(config)

    def files(self) -> dict[str, bytes]:
        return dict(self.read()[0].files)

    def ask(self, *wanted: Wanted) -> None:
        """Edit, and write what is edited."""
        config, found = self.read()
        for path, data in _nginx_plan.edited(config, found, list(wanted)).items():
            Path(path).write_bytes(data)

    def standing(self, *wanted: Wanted) -> list[dict[str, Any]]:
        return _nginx_plan.standing(self.read()[1], list(wanted))


def tree(folder: Path, data: bytes) -> Tree:
    main = folder / "nginx.conf"
    main.write_bytes(data)
    return Tree(main)


@pytest.mark.parametrize(("line", "asked", "wanted"), LINES)
def test_lines(tmp_path: Path, line: bytes, asked: dict[str, Any], wanted: bytes) -> None:
    head, tail = b"upstream u {\n  sticky cookie x; server b:1;\n  ", b"\n}\n"
    conf = tree(tmp_path, head + line + tail)
    conf.ask(Wanted("u", "a:1", **asked))
    assert conf.main.read_bytes() == head + wanted + tail
    conf.ask(Wanted("u", "a:1", **asked))
    assert conf.main.read_bytes() == head + wanted + tail


@pytest.mark.parametrize(("data", "asked", "wanted"), BLOCKS)
def test_blocks(tmp_path: Path, data: bytes, asked: list[Wanted], wanted: bytes) -> None:
    conf = tree(tmp_path, data)
    conf.ask(*asked)
    assert conf.main.read_bytes() == wanted


@pytest.mark.parametrize(("data", "asked", "text"), REFUSED)
def test_refuses(tmp_path: Path, data: bytes, asked: Wanted, text: str) -> None:
    conf = tree(tmp_path, data)
    with pytest.raises(_nginx_upstream.MemberError) as caught:
        conf.ask(asked)
    assert str(caught.value).replace(str(conf.main), "FILE") == text
    assert conf.main.read_bytes() == data


@pytest.mark.parametrize("spelled", ["servers", "./servers", "link"])
def test_one_line_for_two_upstreams(tmp_path: Path, spelled: str) -> None:
    """Both include the file: it changes for both or for none."""
    text = f"upstream u {{ include servers; }} upstream v {{ include {spelled}; }}"
    conf, servers = tree(tmp_path, text.encode()), tmp_path / "servers"
    servers.write_bytes(b"server a:1;\nserver b:1;\n")
    (tmp_path / "link").symlink_to("servers")
    for asked in (
        [Wanted("u", "a:1", "down")],
        [Wanted("u", "a:1", "down"), Wanted("v", "a:1", "up")],
        [Wanted("v", "c:1", "present")],
    ):
        with pytest.raises(_nginx_upstream.MemberError, match="is one line for the upstreams u and v"):
            conf.ask(*asked)
    conf.ask(Wanted("u", "a:1", "down"), Wanted("v", "a:1", "down"))
    assert servers.read_bytes() == b"server a:1 down;\nserver b:1;\n"


def corpus_copy(folder: Path, main: Path, variant: str) -> Tree:
    copy = folder / "conf"
    if main.parent == CORPUS:
        copy.mkdir()
        shutil.copy(main, copy / main.name)
    else:
        shutil.copytree(main.parent, copy)
    for path in copy.rglob("*"):
        if path.is_file():
            path.write_bytes(VARIANTS[variant](path.read_bytes()))
    return Tree(copy / main.name)


def every_member(conf: Tree) -> list[tuple[str, str, _nginx_upstream.Server]]:
    """The members that are listed once in an upstream whose lines decide."""
    found = conf.read()[1]
    return [
        (upstream.name, server.member, server)
        for upstream in found
        for server in upstream.servers
        if len(upstream.listed(server.member)) == 1 and not upstream.by_lua
    ]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("main", MAIN, ids=lambda path: path.name)
def test_corpus_down_and_up_again(tmp_path: Path, main: Path, variant: str) -> None:
    conf = corpus_copy(tmp_path, main, variant)
    before = conf.files()
    members = every_member(conf)
    assert members
    for upstream, member, server in members:
        if server.state in ("up", "backup"):
            expected = with_down(conf, upstream, member)
            conf.ask(Wanted(upstream, member, "down"))
            assert conf.files() == expected
            conf.ask(Wanted(upstream, member, "up"))
            assert conf.files() == before
        conf.ask(Wanted(upstream, member, "up"))
        (now,) = conf.standing(Wanted(upstream, member))
        assert now["state"] in ("up", "backup")
        restore(conf, before)


def with_down(conf: Tree, upstream: str, member: str) -> dict[str, bytes]:
    """The files with the one word behind the last one of the member's directive, in each upstream of that name."""
    files = conf.files()
    for found in reversed(conf.read()[1]):
        for server in found.listed(member) if found.name == upstream else ():
            data, end = files[server.line.file], server.line.tokens[-1].end
            files[server.line.file] = data[:end] + b" down" + data[end:]
    return files


def restore(conf: Tree, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        Path(path).write_bytes(data)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("main", MAIN, ids=lambda path: path.name)
def test_corpus_weight_and_back(tmp_path: Path, main: Path, variant: str) -> None:
    conf = corpus_copy(tmp_path, main, variant)
    before = conf.files()
    for upstream, member, server in every_member(conf):
        (was,) = conf.standing(Wanted(upstream, member))
        for weight in (7, 1, 12):
            conf.ask(Wanted(upstream, member, None, weight))
            assert conf.standing(Wanted(upstream, member))[0]["weight"] == weight
        if server.weight_token is None or server.weight != 1:
            conf.ask(Wanted(upstream, member, None, was["weight"]))
        else:
            conf.ask(Wanted(upstream, member, None, 1, was["weight_written"]))
        assert conf.files() == before
        restore(conf, before)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("main", MAIN, ids=lambda path: path.name)
def test_corpus_present_and_absent(tmp_path: Path, main: Path, variant: str) -> None:
    conf = corpus_copy(tmp_path, main, variant)
    before = conf.files()
    found = conf.read()[1]
    names = [upstream.name for upstream in found]
    for upstream in found:
        if names.count(upstream.name) > 1 or not upstream.servers or upstream.by_lua:
            continue
        conf.ask(Wanted(upstream.name, "192.0.2.1:1", "present"))
        now = next(one for one in conf.read()[1] if one.name == upstream.name)
        assert [one.member for one in now.servers] == [*(one.member for one in upstream.servers), "192.0.2.1:1"]
        conf.ask(Wanted(upstream.name, "192.0.2.1:1", "absent"))
        assert conf.files() == before
