# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may go into a configuration, a command or a request, and what may not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _grammar

# What would break out of a configuration, a command or a line, wherever it stands.
NASTY = [
    ";",
    "}",
    "{",
    "$",
    "'",
    '"',
    "\\",
    "`",
    "\n",
    "\r",
    "\0",
    "\t",
    " ",
    "#",
    "*",
    "|",
    "&",
    "(",
    "<",
    "é",
    "\u2028",
]


def refused(check: Any, value: Any) -> str:
    with pytest.raises(ValueError) as caught:
        check(value, "here")
    assert str(caught.value).startswith("here ")
    return str(caught.value)


@pytest.mark.parametrize("value", ["order_svc", "order-svc", "order@1", "workers:w_00", "0", "_", "a.b", "x" * 128])
def test_a_name(value: str) -> None:
    assert _grammar.word(value, "here") == value


@pytest.mark.parametrize("value", ["", "-x", "--now", ".x", "@1", "a/b", "a\n", "x" * 129, None, 1, True, ["a"], {}])
def test_no_name(value: Any) -> None:
    assert repr(value) in refused(_grammar.word, value)


@pytest.mark.parametrize("char", NASTY)
@pytest.mark.parametrize("shape", ["{0}a", "a{0}", "a{0}b"])
def test_no_name_holds_anything_nasty(char: str, shape: str) -> None:
    refused(_grammar.word, shape.format(char))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("10.0.0.3:8080", ("10.0.0.3", 8080)),
        ("[fd00::3]:8080", ("fd00::3", 8080)),
        ("[::]:1", ("::", 1)),
        ("[FD00:0:0:0:0:0:0:3]:65535", ("fd00::3", 65535)),
        ("order-3.internal:8080", ("order-3.internal", 8080)),
        ("order_3:8080", ("order_3", 8080)),
        ("3com.example:80", ("3com.example", 80)),
        ("a.b2:80", ("a.b2", 80)),
    ],
)
def test_an_address(value: str, found: tuple[str, int]) -> None:
    assert _grammar.address(value, "here") == found


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("10.0.0.3", "has no port"),
        ("order-3", "has no port"),
        (":8080", "has no port"),
        ("fd00::3:8080", "has no port"),
        ("[fd00::3]", "has no port"),
        ("", "has no port"),
        (None, "has no port"),
        (8080, "has no port"),
        ("10.0.0.3:", "port '' is not a number"),
        ("10.0.0.3:0", "port '0' is not a number"),
        ("10.0.0.3:08080", "port '08080' is not a number"),
        ("10.0.0.3:65536", "port '65536' is not a number"),
        ("10.0.0.3:99999", "port '99999' is not a number"),
        ("10.0.0.3:80x", "port '80x' is not a number"),
        ("10.0.0.3:80\n", r"port '80\n' is not a number"),
        ("10.0.0.3:٣", "port '٣' is not a number"),
        ("10.0.0.3:-1", "port '-1' is not a number"),
        ("10.0.0.300:80", "'10.0.0.300' is neither an address nor a host name"),
        ("10.0.0:80", "'10.0.0' is neither an address nor a host name"),
        ("010.0.0.1:80", "'010.0.0.1' is neither an address nor a host name"),
        ("8080:80", "'8080' is neither an address nor a host name"),
        ("-x:80", "'-x' is neither an address nor a host name"),
        ("a..b:80", "'a..b' is neither an address nor a host name"),
        ("http://x:80", "has no port"),
        ("user@x:80", "'user@x' is neither an address nor a host name"),
        ("unix:/run/x.sock", "port '/run/x.sock' is not a number"),
        ("[fd00::3:8080", "neither an address nor a host name"),
        ("[10.0.0.3]:80", "'[10.0.0.3]' is no IPv6 address"),
        ("[fe80::1%eth0]:80", "'[fe80::1%eth0]' is no IPv6 address"),
        ("[fe80::1%;}evil]:80", "'[fe80::1%;}evil]' is no IPv6 address"),
        ("[::1%\n]:80", r"'[::1%\n]' is no IPv6 address"),
    ],
)
def test_no_address(value: Any, says: str) -> None:
    assert says in refused(_grammar.address, value)


@pytest.mark.parametrize(
    "value", ["10.0.0.3:8080", "10.0.0.3", "[fd00::3]:8080", "order-3", "order-3.internal:80", "unix:/run/order.sock"]
)
def test_a_member(value: str) -> None:
    assert _grammar.member(value, "here") == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "unix:",
        "unix:run/x",
        "unix:/run/../x",
        "unix:/run/a;b",
        "10.0.0.300",
        "8080",
        "10.0.0.3:0",
        "[::1%;]:80",
        None,
        3,
    ],
)
def test_no_member(value: Any) -> None:
    refused(_grammar.member, value)


@pytest.mark.parametrize("char", NASTY)
@pytest.mark.parametrize("shape", ["{0}10.0.0.3:80", "10.0.0.3:80{0}", "a{0}b:80", "[fd00::3{0}]:80", "unix:/run/{0}"])
def test_no_member_holds_anything_nasty(char: str, shape: str) -> None:
    refused(_grammar.member, shape.format(char))


@pytest.mark.parametrize("value", ["/etc/nginx/nginx.conf", "/a..b", "/x-1_2@3:4+5/", "//x", "/" + "x" * 1023])
def test_a_path(value: str) -> None:
    assert _grammar.path(value, "here") == value


@pytest.mark.parametrize("value", ["", "/", "x", "./x", "~/x", "/a/../b", "/..", "/a\n", "/" + "x" * 1024, None, 3])
def test_no_path(value: Any) -> None:
    assert repr(value) in refused(_grammar.path, value)


@pytest.mark.parametrize("char", NASTY)
def test_no_path_holds_anything_nasty(char: str) -> None:
    refused(_grammar.path, f"/a{char}b")


@pytest.mark.parametrize(
    "value",
    [
        ["true"],
        ["sudo", "-n", "systemctl"],
        ["/opt/my app/bin/run", "a b;c"],
        ["g++-12.1"],
        ["sh", "-c", "a $(b) 'c' é"],
    ],
)
def test_a_command(value: list[str]) -> None:
    found = _grammar.command(value, "here")
    assert found == value and found is not value


@pytest.mark.parametrize(
    "value",
    [
        "nginx -s reload",
        [],
        None,
        {},
        [""],
        ["nginx", ""],
        ["nginx", 1],
        ["nginx", None],
        ["nginx", ["-t"]],
        ["nginx -s reload"],
        ["bin/run"],
        ["./run"],
        ["-n"],
        ["~/run"],
        ["nginx", "a\nb"],
        ["nginx", "a\0b"],
        ["nginx", "a\r"],
    ],
)
def test_no_command(value: Any) -> None:
    assert repr(value) in refused(_grammar.command, value)


@pytest.mark.parametrize(
    "value",
    [
        "http://127.0.0.1:8080/health",
        "https://order-3.internal/health?full=1&x=a%20b",
        "http://[::1]:8080/",
        "HTTP://x",
        "http://x/@me",
    ],
)
def test_a_url(value: str) -> None:
    assert _grammar.url(value, "here") == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "is no http or https URL"),
        (None, "is no http or https URL"),
        (80, "is no http or https URL"),
        ("127.0.0.1:8080/health", "is no http or https URL"),
        ("/health", "is no http or https URL"),
        ("http:///health", "is no http or https URL"),
        ("file:///etc/passwd", "is no http or https URL"),
        ("ftp://x/", "is no http or https URL"),
        ("http://x:0/", "is no http or https URL"),
        ("http://x:99999/", "is no URL"),
        ("http://x:port/", "is no URL"),
        ("http://[::1/", "is no URL"),
        ("http://x/a b", "has a space"),
        ("http://x/\r\nHost: y", "has a space"),
    ],
)
def test_no_url(value: Any, says: str) -> None:
    assert says in refused(_grammar.url, value)


@pytest.mark.parametrize(
    "value",
    [
        "http://me:secret@x/",
        "http://secret@x/",
        "http://@x/",
        "http://me:se@cret@x:99999/",
        "ftp://me:secret@x/",
        "http://me:secret word@x/",
        "http://me:secret\n@x/",
    ],
)
def test_no_url_with_a_password_and_no_error_that_shows_it(value: str) -> None:
    said = refused(_grammar.url, value)
    assert "cret" not in said and "//...@x" in said
