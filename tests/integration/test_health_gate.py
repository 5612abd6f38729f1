# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate against real servers on the loopback, most of which misbehave."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _target
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import adhoc

Act = Callable[[socket.socket, bytes], None]


class Server:
    """Takes connections on a free port, reads a request and lets `act` do with the connection what it wants."""

    def __init__(self, act: Act, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.sent = 0
        self.closing = threading.Event()
        self._act = act
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _peer = self._listener.accept()
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                connection.settimeout(20)
                request = b""
                while b"\r\n\r\n" not in request and (more := connection.recv(65536)):
                    request += more
                self.requests.append(request)
                self._act(connection, request)

    def drip(self, connection: socket.socket, pieces: Iterator[bytes], pause: float = 0.0) -> None:
        for piece in pieces:
            connection.sendall(piece)
            self.sent += len(piece)
            if self.closing.wait(pause):
                return

    def close(self) -> None:
        self.closing.set()
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as stack:

        def start(act: Act | bytes, context: ssl.SSLContext | None = None) -> Server:
            does: Act = (lambda connection, _request: connection.sendall(act)) if isinstance(act, bytes) else act
            server = Server(does, context)
            stack.callback(server.close)
            return server

        yield start


def answer(body: bytes | str, status: str = "200 OK", headers: str = "") -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n{headers}\r\n".encode() + data


STATUS = json.dumps({"status": "healthy", "in_flight": 0, "pool": {"active": 2}})
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n'

ANSWERS: list[tuple[bytes, dict[str, Any], bool, str]] = [
    (answer(STATUS), {}, True, "status 200"),
    (answer(STATUS), {"expect": {"status": "healthy", "pool.active": "<= 2"}}, True, "as expected"),
    (answer(STATUS), {"expect": {"in_flight": "0"}}, False, 'in_flight: expected "0", saw 0 (number)'),
    (answer('{"in_flight": 3}'), {"expect": {"in_flight": 0}}, False, "in_flight: expected 0, saw 3"),
    (answer("starting"), {"expect": {"in_flight": 0}}, False, "the answer is no JSON, it begins 'starting'"),
    (answer("all is well"), {"text": "well"}, True, "'well' is there"),
    (answer("all is ill"), {"text": "well"}, False, "'well' is not in it, which begins 'all is ill'"),
    (CHUNKED, {"expect": {"a": 1}}, True, "as expected"),
    (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", {"text": "the end"}, True, "'the end' is there"),
    (answer("", "204 No Content"), {"status": [200, 204]}, True, "status 204"),
    (answer("", "503 Busy"), {}, False, "expected status 200, saw 503"),
    (answer("", "503 Busy"), {"status": [200, 429]}, False, "expected status 200 or 429, saw 503"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", {"method": "HEAD"}, True, "status 200"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", {}, False, "the answer broke off before its end"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nxx", {}, False, "the answer broke off before its end"),
    (b"", {}, False, "no HTTP answer: RemoteDisconnected"),
    (b"SSH-2.0-OpenSSH\r\n", {}, False, "no HTTP answer: BadStatusLine"),
    (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", {}, False, "no HTTP answer: HTTPException"),
    (answer("x" * 65536), {"text": "x"}, True, "'x' is there"),
    (answer("[" + "1," * 40000 + "1]"), {"expect": {"0": 1}}, False, "the answer is longer than 64 KiB"),
]


@pytest.mark.parametrize(("sent", "more", "ok", "saw"), ANSWERS, ids=lambda value: str(value)[:40])
def test_answers(serve: Callable[..., Server], sent: bytes, more: dict[str, Any], ok: bool, saw: str) -> None:
    server = serve(sent)
    target = {"url": f"http://{server.address}/health?deep=1", **more}
    _target.validate(target)
    seen = _target.check(target, 10)
    assert seen.ok is ok, seen
    assert seen.saw.startswith(saw)
    assert server.requests[0].startswith(f"{more.get('method', 'GET')} /health?deep=1 HTTP/1.1\r\n".encode())
    assert f"\r\nHost: {server.address}\r\n".encode() in server.requests[0]


def test_a_redirect_is_a_failure_that_names_where_to_and_is_not_followed(serve: Callable[..., Server]) -> None:
    other = serve(answer(STATUS))
    headers = f"Location: http://joe:hush@{other.address}/login?token=hush\r\n"
    server = serve(answer("", "302 Found", headers))
    seen = _target.check({"url": f"http://{server.address}/"}, 10)
    assert seen == _target.Seen(
        False, f"expected status 200, saw 302, a redirect to 'http://{other.address}/login', which is not followed"
    )
    assert other.requests == []


def test_proxies_of_the_environment_are_not_used(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(answer("", "502 Bad")), serve(answer(STATUS))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{proxy.address}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert _target.check({"url": f"http://{server.address}/"}, 10).ok
    assert (len(proxy.requests), len(server.requests)) == (0, 1)


def test_headers_come_from_a_file(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(answer(STATUS))
    (tmp_path / "headers").write_text("Authorization: Bearer hush\nHost: inner.example\n")
    target = {"url": f"http://{server.address}/", "method": "POST", "headers_file": str(tmp_path / "headers")}
    assert _target.check(target, 10).ok
    lines = server.requests[0].decode().split("\r\n")
    assert {"POST / HTTP/1.1", "Authorization: Bearer hush", "Host: inner.example", "Content-Length: 0"} <= set(lines)


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


MISBEHAVIOUR: list[tuple[str, bytes, Iterator[bytes], float]] = [
    ("says nothing", b"", iter(()), 0.0),
    ("trickles its header", b"HTTP/1.1 200 OK\r\nX: ", endless(b"y"), 0.02),
    ("trickles its body", b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", endless(b"z"), 0.02),
    ("trickles chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", endless(b"1\r\nz\r\n"), 0.02),
    ("continues forever", b"", endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 99), 0.0),
]


@pytest.mark.parametrize(("_does", "first", "rest", "pause"), MISBEHAVIOUR, ids=[row[0] for row in MISBEHAVIOUR])
def test_the_whole_answer_has_one_limit(
    serve: Callable[..., Server], _does: str, first: bytes, rest: Iterator[bytes], pause: float
) -> None:
    def act(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(first)
        server.drip(connection, rest, pause)
        server.closing.wait(20)

    server = serve(act)
    began = time.monotonic()
    seen = _target.check({"url": f"http://{server.address}/"}, 0.6)
    assert seen == _target.Seen(False, "no whole answer in time", answered=False)
    assert 0.5 <= time.monotonic() - began < 3


def test_the_shorter_of_the_two_limits_holds(serve: Callable[..., Server]) -> None:

    def act(connection: socket.socket, _request: bytes) -> None:
        connection.recv(1)

    server = serve(act)
    for own, given in ((0.3, 10.0), (10.0, 0.3)):
        began = time.monotonic()
        assert not _target.check({"url": f"http://{server.address}/", "timeout": own}, given).ok
        assert 0.2 <= time.monotonic() - began < 5
    assert len(server.requests) == 2


@pytest.mark.parametrize("length", ["Content-Length: 1073741824\r\n", "", "Transfer-Encoding: chunked\r\n"])
def test_a_gigabyte_costs_neither_memory_nor_time(serve: Callable[..., Server], length: str) -> None:
    piece = b"8000\r\n" + b"x" * 0x8000 + b"\r\n" if "chunked" in length else b"x" * 0x8000

    def act(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        server.drip(connection, (piece for _unused in range(1 << 15)))

    server = serve(act)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    assert _target.check({"url": f"http://{server.address}/", "text": "xx"}, 10).ok
    seen = _target.check({"url": f"http://{server.address}/", "expect": {"a": 1}}, 10)
    assert seen == _target.Seen(False, "the answer is longer than 64 KiB: too long to compare")
    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024
    assert server.sent < 64 << 20


def test_tcp(serve: Callable[..., Server]) -> None:
    server = serve(b"")
    assert _target.check({"tcp": server.address}, 10) == _target.Seen(True, "connected")
    assert _target.check({"tcp": server.address.replace("127.0.0.1", "localhost")}, 10).ok
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        assert _target.check({"tcp": f"127.0.0.1:{port}"}, 10) == _target.Seen(
            False, "connection refused", answered=False
        )


def test_a_full_backlog_ends_at_the_limit() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _unused in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        began = time.monotonic()
        seen = _target.check({"tcp": f"127.0.0.1:{full.getsockname()[1]}"}, 0.4)
        assert seen == _target.Seen(False, "no connection in time", answered=False)
        assert time.monotonic() - began < 3


def certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, address: str
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    return builder.add_extension(alternative, critical=False).sign(by, hashes.SHA256())


def context_of(folder: Path, name: str, address: str) -> tuple[ssl.SSLContext, str]:
    """A server's context with a certificate for `address`, and the file of the authority that signed it."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    ca = folder / f"{name}-ca.pem"
    ca.write_bytes(certificate(f"{name}-ca", authority, f"{name}-ca", authority, address).public_bytes(pem))
    chain = folder / f"{name}.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(private + certificate(name, key, f"{name}-ca", authority, address).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, str(ca)


def test_certificates(serve: Callable[..., Server], tmp_path: Path) -> None:
    context, ca_file = context_of(tmp_path, "good", "127.0.0.1")
    _other, other_ca = context_of(tmp_path, "other", "127.0.0.1")
    foreign, foreign_ca = context_of(tmp_path, "foreign", "127.0.0.9")
    good, wrong = serve(answer(STATUS), context), serve(answer(STATUS), foreign)
    plain = serve(lambda connection, _request: connection.sendall(b"not TLS"))
    table = [
        (good, ca_file, True, "status 200"),
        (good, None, False, "certificate refused: "),
        (good, other_ca, False, "certificate refused: "),
        (wrong, foreign_ca, False, "certificate refused: IP address mismatch"),
        (plain, ca_file, False, ""),
    ]
    for server, authority, ok, saw in table:
        seen = _target.check({"url": f"https://{server.address}/", "ca_file": authority}, 1 if server is plain else 10)
        assert seen.ok is ok, (authority, seen)
        assert seen.saw.startswith(saw), seen
    assert len(good.requests) == 1
    assert wrong.requests == []
    with pytest.raises(ValueError, match="has no certificates that can be read"):
        _target.readable({"url": "https://h/", "ca_file": str(Path(__file__))})


def module(**arguments: Any) -> dict[str, Any]:
    return adhoc.call("health_gate", arguments)


def test_the_module_waits_until_all_hold(serve: Callable[..., Server]) -> None:
    busy = iter([3, 2, 0, 1])
    server = serve(lambda connection, _request: connection.sendall(answer(json.dumps({"in_flight": next(busy, 0)}))))
    result = module(
        targets=[{"url": f"http://{server.address}/", "expect": {"in_flight": 0}}, {"tcp": server.address}],
        successes=2,
        window=0.3,
        deadline=20,
        interval=0.05,
    )
    assert (result["failed"], result["ok"], result["changed"]) == (False, True, False)
    asked = [request for request in server.requests if request]
    assert len(asked) == result["attempts"] >= 6
    assert 0.3 <= result["waited"] < 20


def test_the_module_fails_with_what_it_last_saw(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(answer('{"in_flight": 7}'))
    (tmp_path / "ready").write_text("yes")
    result = module(
        targets=[
            {"name": "idle", "url": f"http://{server.address}/?token=hush", "expect": {"in_flight": 0}},
            {"file": str(tmp_path / "ready")},
        ],
        deadline=0.5,
        interval=0.1,
    )
    assert result["failed"]
    assert [(t["name"], t["ok"], t["saw"]) for t in result["targets"]] == [
        ("idle", False, "in_flight: expected 0, saw 7"),
        (f"file {tmp_path}/ready", True, "it is there"),
    ]
    assert 0.4 <= result["targets"][0]["since"] <= result["waited"] + 0.01
    assert "idle: in_flight: expected 0, saw 7 (for 0.5 s)" in result["msg"]
    assert "hush" not in result["msg"]


LISTENER = """
import socket, time
listener = socket.create_server(("127.0.0.1", {}))
print(listener.getsockname()[1], flush=True)
time.sleep(60)
"""


def listener(port: int) -> tuple[subprocess.Popen[str], int]:
    child = subprocess.Popen([sys.executable, "-c", LISTENER.format(port)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    return child, int(child.stdout.readline())


def test_another_process_at_the_address_fails_the_gate_at_once(serve: Callable[..., Server]) -> None:
    """It crashes while the gate's third reading is under way, and is started again."""
    first, port = listener(0)
    children = [first]

    def act(connection: socket.socket, _request: bytes) -> None:
        if len(health.requests) == 3:
            first.kill()
            first.wait()
            children.append(listener(port)[0])
        connection.sendall(answer(STATUS))

    health = serve(act)
    try:
        result = module(
            targets=[{"url": f"http://{health.address}/", "timeout": 20}],
            successes=1000,
            deadline=60,
            interval=0.05,
            restart={"listen": f"127.0.0.1:{port}"},
        )
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert result["failed"]
    assert result["attempts"] == len(health.requests) == 3
    assert result["identity"]["pid"] == first.pid
    assert result["msg"] == (
        f"process changed from pid {first.pid} to pid {children[1].pid} during the gate: "
        "it crashed and was started again"
    )


def test_bad_input_is_refused_before_anything_is_read(serve: Callable[..., Server]) -> None:
    server = serve(answer(STATUS))
    good = {"url": f"http://{server.address}/"}
    for bad, told in [
        ({"url": f"http://joe:hush@{server.address}/"}, "has a user or password in it"),
        ({"url": "file:///etc/passwd"}, "no http or https URL"),
        ({"url": f"http://{server.address}/", "expect": ["in_flight"]}, "write a mapping"),
    ]:
        result = module(targets=[good, bad])
        assert result["failed"]
        assert told in result["msg"]
        assert "hush" not in result["msg"]
    assert server.requests == []
