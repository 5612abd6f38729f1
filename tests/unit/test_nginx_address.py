# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where members lead, which other lines lead there, and how the kernel writes the same addresses."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import (
    _nginx_address,
    _nginx_conf,
    _nginx_connection,
    _nginx_upstream,
)

ADDRESSES = [
    ("10.0.0.3:8080", ["10.0.0.3:8080"]),
    ("10.0.0.3", ["10.0.0.3:80"]),
    ("[fd00::3]:8080", ["[fd00::3]:8080"]),
    ("[FD00:0:0::3]:8080", ["[fd00::3]:8080"]),
    ("[fd00::3]", ["[fd00::3]:80"]),
    ("unix:/run/order.sock", ["unix:/run/order.sock"]),
    ("no-such-host.invalid:80", []),
    ("a:b:c", []),
]

LINES = [
    ("proxy_pass http://10.0.0.3:8080;", True),
    ("proxy_pass http://10.0.0.3:8080/path?a=b;", True),
    ("proxy_pass 'https://10.0.0.3:8080';", True),
    ("proxy_pass http://10.0.0.3;", False),
    ("proxy_pass http://10.0.0.3:80800;", False),
    ("proxy_pass http://order_svc;", False),
    ("proxy_pass http://order_svc/10.0.0.3:8080;", False),
    ("fastcgi_pass 10.0.0.3:8080;", True),
    ("grpc_pass grpc://10.0.0.3:8080;", True),
    ("uwsgi_pass 10.0.0.3:8080;", True),
    ("memcached_pass 10.0.0.3:8080;", True),
    ("# proxy_pass http://10.0.0.3:8080;\n", False),
    ("add_header X-Was 10.0.0.3:8080;", False),
    ("set $to 10.0.0.3:8080;", False),
    ("set $to 10.0.0.3:8080; proxy_pass http://$to;", True),
    ("set $to http://10.0.0.3:8080; proxy_pass $to/x;", True),
    ("set $to 10.0.0.33:8080; proxy_pass http://$to;", False),
]


class NoResolver(_nginx_address.Resolver):
    """Knows no name."""

    def _ask(self, host: str) -> frozenset[str]:
        self.failed[host] = "no such name"
        return frozenset()


@pytest.mark.parametrize(("member", "wanted"), ADDRESSES)
def test_addresses(member: str, wanted: list[str]) -> None:
    assert sorted(NoResolver().addresses(member)) == wanted


def test_a_name_is_asked_for_once() -> None:
    resolver = _nginx_address.Resolver()
    assert "127.0.0.1:8080" in resolver.addresses("localhost:8080")
    resolver.known["localhost"] = frozenset(["192.0.2.1"])
    assert resolver.addresses("localhost:81") == {"192.0.2.1:81"}


def read(tmp_path: Path, text: str) -> tuple[_nginx_conf.Config, list[_nginx_upstream.Upstream]]:
    (tmp_path / "nginx.conf").write_text(text)
    config = _nginx_conf.load(str(tmp_path / "nginx.conf"))
    return config, _nginx_upstream.upstreams(config)


@pytest.mark.parametrize(("line", "leads"), LINES)
def test_lines_past_every_upstream(tmp_path: Path, line: str, leads: bool) -> None:
    config, found = read(tmp_path, f"upstream order_svc {{ server 10.0.0.3:8080; }} server {{ {line} }}")
    passes = _nginx_address.literals(config, found)
    there = _nginx_address.literal_lines(passes, NoResolver(), "10.0.0.3:8080", ["10.0.0.3:8080"])
    assert bool(there) == leads


@pytest.mark.parametrize(
    ("table", "leads"),
    [
        ("map $host $to { default order_svc; a 10.0.0.3:8080; }", True),
        ("split_clients $host $to { 10% 10.0.0.3:8080; * order_svc; }", True),
        ("map $host $to { 10.0.0.3:8080 order_svc; }", False),
    ],
)
def test_tables_of_destinations(tmp_path: Path, table: str, leads: bool) -> None:
    config, found = read(tmp_path, f"{table} upstream order_svc {{ server a; }} server {{ proxy_pass http://$to; }}")
    passes = _nginx_address.literals(config, found)
    there = _nginx_address.literal_lines(passes, NoResolver(), "10.0.0.3:8080", ["10.0.0.3:8080"])
    assert bool(there) == leads


def test_other_lines_that_send_to_an_address(tmp_path: Path) -> None:
    _config, found = read(
        tmp_path,
        "upstream a { server 10.0.0.3:8080; } upstream b { server 10.0.0.3:8080 down; server 10.0.0.3; }"
        "upstream c { server order-3:8080 backup; server order-4:8080; server order-3:80; }",
    )
    resolver = NoResolver(known={"order-3": frozenset(["10.0.0.3"])})
    sending = _nginx_address.also_sending(found, resolver, ["10.0.0.3:8080"], 8080)
    assert [(upstream.name, server.member) for upstream, server in sending] == [
        ("a", "10.0.0.3:8080"),
        ("c", "order-3:8080"),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0300000A:1F90", "10.0.0.3:8080"),
        ("0100007F:0050", "127.0.0.1:80"),
        ("00000000000000000000000001000000:0050", "[::1]:80"),
        ("000000FD000000000000000003000000:1F90", "[fd00::3]:8080"),
        ("0000000000000000FFFF00000300000A:1F90", "10.0.0.3:8080"),
    ],
)
def test_addresses_as_the_kernel_writes_them(text: str, wanted: str) -> None:
    assert _nginx_connection.remote(text) == wanted


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_connections_are_counted_while_they_stand(family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        address = f"{host}:{port}" if family == socket.AF_INET else f"[{host}]:{port}"

        def count() -> _nginx_connection.Connections:
            return _nginx_connection.established([os.getpid()], [address])

        assert count() == _nginx_connection.Connections({address: 0}, True)
        with socket.create_connection((host, port)), socket.create_connection((host, port)):
            assert count().counts == {address: 2}
            assert _nginx_connection.established([os.getppid()], [address]).counts == {address: 0}
        assert count().counts == {address: 0}


def test_connections_to_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "order.sock")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        count = _nginx_connection.established([os.getpid()], [f"unix:{path}"])
        assert count.counts == {f"unix:{path}": 0}
        client.connect(path)
        with server.accept()[0]:
            assert _nginx_connection.established([os.getpid()], [f"unix:{path}"]).counts == {f"unix:{path}": 1}
