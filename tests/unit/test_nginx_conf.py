# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nginx reads, we read: words, blocks, includes, and the bytes they stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _nginx_conf

CORPUS = Path(__file__).parent / "nginx_corpus"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())

# (bytes, the directives as [name, *args] or [name, *args, [block]])
READ: list[tuple[bytes, list[Any]]] = [
    (b"", []),
    (b" \t\r\n# only a comment", []),
    (b"daemon off;", [["daemon", "off"]]),
    (b"daemon\toff ;", [["daemon", "off"]]),
    (b"daemon\r\noff\r\n;\r\n", [["daemon", "off"]]),
    (b"events{}http{}", [["events", []], ["http", []]]),
    (b"a b{c d;e;}f;", [["a", "b", [["c", "d"], ["e"]]], ["f"]]),
    (b"a # b; {\n c;", [["a", "c"]]),
    (b"a b#c;", [["a", "b#c"]]),
    (b"a b}c;", [["a", "b}c"]]),
    (b"a 'b c' \"d e\";", [["a", "b c", "d e"]]),
    (b"a '' \"\";", [["a", "", ""]]),
    (b"a 'b\"c' \"d'e\";", [["a", 'b"c', "d'e"]]),
    (b"a b'c d\"e;", [["a", "b'c", 'd"e']]),
    (b'a "b;{}#c";', [["a", "b;{}#c"]]),
    (b'a "b\nc";', [["a", "b\nc"]]),
    (b"a \"b\\\"c\" 'd\\'e';", [["a", 'b"c', "d'e"]]),
    (b"a b\\;c d\\{e f\\ g;", [["a", "b\\;c", "d\\{e", "f\\ g"]]),
    (b"a \\t\\r\\n\\\\ \\d \\.;", [["a", "\t\r\n\\", "\\d", "\\."]]),
    (b"a $b ${c} ${d}e $;", [["a", "$b", "${c}", "${d}e", "$"]]),
    (b"a x${b} $${c};", [["a", "x${b}", "$${c}"]]),
    (b"a $b{c;}", [["a", "$b", [["c"]]]]),
    (b'a b"{c;}', [["a", 'b"', [["c"]]]]),
    (b'if ("$a" = "b") { c; }', [["if", '("$a"', "=", "b", ")", [["c"]]]]),
    (b'a "b"{c;}', [["a", "b", [["c"]]]]),
    (b"a \xff\xe4;", [["a", "\udcff\udce4"]]),
    ("a größer;".encode(), [["a", "größer"]]),
    (b"x_by_lua_block { } y;", [["x_by_lua_block", []], ["y"]]),
    (b'x_by_lua_block {\'}\' .. "}\\"}" .. [[}]] .. [=[}]]]=] -- }\n} y;', [["x_by_lua_block", []], ["y"]]),
    (b"x_by_lua_block { --[[ } \n } ]] a = {b = {}} } y;", [["x_by_lua_block", []], ["y"]]),
    (b"set_by_lua_block $a { return #b } y;", [["set_by_lua_block", "$a", []], ["y"]]),
]

REFUSED = [
    (b"a", 'x:1: "a" has no ";" or "{" before the end of the file'),
    (b"a\nb", 'x:1: "a" has no ";" or "{" before the end of the file'),
    (b";", 'x:1: unexpected ";"'),
    (b"\n\n{", 'x:3: unexpected "{"'),
    (b"}", 'x:1: unexpected "}"'),
    (b"a{b }", 'x:1: unexpected "}"'),
    (b"a{b}", 'x:1: "b}" has no ";" or "{" before the end of the file'),
    (b"a;\nb {\nc;", "x:2: a block is opened here and never closed"),
    (b"a 'b;\nc;", "x:1: a quote or an escape is opened here and never closed"),
    (b"a;\nb \\", "x:2: a quote or an escape is opened here and never closed"),
    (b'a "b"c;', "x:1: unexpected b'c' after a quoted word"),
    (b"a_by_lua_block { ' } '", "x:1: a Lua block is opened here and never closed"),
]


def plain(directives: list[_nginx_conf.Directive]) -> list[Any]:
    return [
        [one.name, *one.args] if one.block is None else [one.name, *one.args, plain(one.block)] for one in directives
    ]


@pytest.mark.parametrize(("data", "wanted"), READ)
def test_reads(data: bytes, wanted: list[Any]) -> None:
    assert plain(_nginx_conf.parse(data, "x")) == wanted


@pytest.mark.parametrize(("data", "text"), REFUSED)
def test_refuses(data: bytes, text: str) -> None:
    with pytest.raises(_nginx_conf.ConfigError) as caught:
        _nginx_conf.parse(data, "x")
    assert str(caught.value) == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORPUS)))
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_offsets_stand_on_the_bytes(path: Path, newline: bytes) -> None:
    data = path.read_bytes().replace(b"\n", newline)

    def check(directives: list[_nginx_conf.Directive], start: int, end: int) -> None:
        at = start
        for one in directives:
            assert at <= one.start < one.end <= end
            assert data[one.start : one.end].endswith(b";" if one.block is None else b"}")
            assert one.line == data.count(b"\n", 0, one.start) + 1
            assert (one.tokens[0].start, one.tokens[0].text) == (one.start, one.name)
            assert [token.text for token in one.tokens[1:]] == one.args
            for token in one.tokens:
                raw = data[token.start : token.end].decode("utf-8", "surrogateescape")
                assert token.text in (raw, raw[1:-1]) or "\\" in raw
            check(one.block or [], one.tokens[-1].end, one.end)
            at = one.end

    check(_nginx_conf.parse(data, str(path)), 0, len(data))


def names(config: _nginx_conf.Config) -> list[str]:
    return [one.args[0] for one, _parents in config.walk() if one.name == "upstream" and one.block is not None]


def test_includes_come_in_nginx_order() -> None:
    config = _nginx_conf.load(str(CORPUS / "included" / "nginx.conf"))
    assert names(config) == ["order_svc", "pay_svc", "extra", "local", "db"]
    assert [Path(path).name for path in config.files] == [
        "nginx.conf", "mime.types", "order.conf", "pay.conf", "extra.inc", "local-1.list", "local-2.list", "db.conf",
    ]  # fmt: skip
    local = next(one for one, _parents in config.walk() if one.args == ["local"])
    servers = [one.args[0] for one in config.children(local) if one.name == "server"]
    assert servers == ["10.0.0.1:83", "10.0.0.2:83", "10.0.0.3:83", "10.0.0.9:80"]


def test_parents_are_named_across_files() -> None:
    config = _nginx_conf.load(str(CORPUS / "included" / "nginx.conf"))
    parents = {one.args[0]: [up.name for up in above] for one, above in config.walk() if one.name == "upstream"}
    assert parents["db"] == ["stream"]
    assert parents["extra"] == ["http"]


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"nginx.conf": "include a;", "a": "include b;", "b": "include a;"}, "includes itself"),
        ({"nginx.conf": "include nginx.conf;"}, "includes itself"),
        ({"nginx.conf": "include a.conf;"}, "a.conf: cannot be read: No such file or directory (included by "),
        ({"nginx.conf": "include a.conf;", "a.conf": "\nupstream {"}, "a.conf:2: a block is opened here"),
        ({}, "nginx.conf: cannot be read: No such file or directory"),
    ],
)
def test_unreadable(tmp_path: Path, files: dict[str, str], text: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(_nginx_conf.ConfigError) as caught:
        _nginx_conf.load(str(tmp_path / "nginx.conf"))
    assert text in str(caught.value)


def test_glob_without_a_match_and_a_file_twice(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("include none/*.conf; a { include s; } b { include s; include [^x]; }")
    (tmp_path / "s").write_text("c;")
    (tmp_path / "x").write_text("d;")
    config = _nginx_conf.load(str(tmp_path / "nginx.conf"))
    assert [one.name for one, _parents in config.walk() if one.name != "include"] == ["a", "c", "b", "c", "c"]


def test_prefix(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("")
    config = str(tmp_path / "nginx.conf")
    assert _nginx_conf.load(config).prefix == str(tmp_path)
    assert _nginx_conf.load(config, "/srv/nginx").prefix == "/srv/nginx"
