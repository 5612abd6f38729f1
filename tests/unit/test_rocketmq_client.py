# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RocketMQ's protocol: what is sent, and that whatever comes back ends soon, in bounded memory, in one clear error."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _rocketmq_frame
from ansible_collections.lossless.restart.plugins.module_utils._mq_group import MqError
from ansible_collections.lossless.restart.plugins.module_utils._rocketmq_client import CONNECTIONS, Line
from ansible_collections.lossless.restart.plugins.module_utils._rocketmq_frame import Credentials, FrameError
from hypothesis import given, settings
from hypothesis import strategies as st

HOST = "127.0.0.1"
FIELDS = {"consumerGroup": "orders"}


def frame(header: object, body: bytes = b"", kind: int = 0, size: int | None = None) -> bytes:
    """An answer as a server writes it; size: what it says of its header."""
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    rest = struct.pack(">I", kind << 24 | (len(data) if size is None else size)) + data + body
    return struct.pack(">i", len(rest)) + rest


def reply(opaque: int = 1, code: int = 0, body: bytes = b"", **more: object) -> bytes:
    return frame({"code": code, "opaque": opaque, "flag": 1, "language": "JAVA", "version": 493, **more}, body)


@contextlib.contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A double of a server, for one connection: its address."""
    with socket.create_server((HOST, 0)) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                line, _address = listener.accept()
                with line:
                    serve(line)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"{HOST}:{listener.getsockname()[1]}"
    thread.join(5)


def says(data: bytes) -> Callable[[socket.socket], None]:
    """Answers the first request with these bytes, and closes."""

    def serve(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        line.recv(1)

    return serve


def test_a_request_is_written_as_rocketmq_reads_it() -> None:
    data = _rocketmq_frame.request(203, 7, FIELDS)
    total, mark = struct.unpack(">iI", data[:8])
    header = json.loads(data[8:])
    assert (total, mark >> 24, mark & 0xFFFFFF) == (len(data) - 4, 0, len(data) - 8)
    assert {name: header[name] for name in ("code", "opaque", "flag", "extFields")} == {
        **{"code": 203, "opaque": 7, "flag": 0},
        "extFields": FIELDS,
    }


def test_who_asks_is_signed_as_their_own_client_does_it() -> None:
    """The value is that of AclSignerTest.java: HMAC-SHA1 of RocketMQ with 12345678."""
    who = Credentials("MQ", "12345678")
    found = _rocketmq_frame.signed({"z": "Rocket"[6:], "A": "Rocket"}, who)
    assert found["Signature"] == "IUc8rrO/0gDch8CjObLQsW2rsiA=" and found["AccessKey"] == "MQ"
    assert "12345678" not in repr(who) + json.dumps(found)


def test_an_answer_is_read() -> None:
    with server(says(reply(body=b"{}", remark="fine"))) as address:
        found = Line(address).ask(CONNECTIONS, FIELDS)
    assert (found.code, found.remark, found.body) == (0, "fine", b"{}")


def test_what_a_server_asks_of_us_is_no_answer() -> None:
    """Nor is the answer to something else."""
    asks = frame({"code": 40, "opaque": 1, "flag": 0})
    with server(says(asks + reply(opaque=9) + reply(body=b"x"))) as address:
        assert Line(address).ask(CONNECTIONS, FIELDS).body == b"x"


def test_several_are_asked_at_once_and_told_apart() -> None:
    with server(says(reply(opaque=2, body=b"two") + reply(opaque=1, body=b"one"))) as address:
        found = Line(address).ask_all(CONNECTIONS, [FIELDS, FIELDS])
    assert [one.body for one in found] == [b"one", b"two"]


@pytest.mark.parametrize("code", [10, 17, 200, 310])
def test_a_request_that_writes_is_never_sent(code: int) -> None:
    with pytest.raises(ValueError, match="not one that only reads"):
        Line("127.0.0.1:1").ask(code, {})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
        (b"", "closed the connection. Where it wants TLS, give tls"),
        (b"\x15\x03\x03\x00\x02\x02\x50", "sends a message of 352518912 bytes, which is none of RocketMQ's"),
        (struct.pack(">i", -1), "a message of -1 bytes"),
        (struct.pack(">i", 3), "a message of 3 bytes"),
        (struct.pack(">i", _rocketmq_frame.LIMIT + 1), "which is none of RocketMQ's"),
        (frame({}, size=5000), "a header of 5000 bytes in a message of"),
        (frame({}, kind=1), "writes its header in a way numbered 1"),
        (frame({}), "a header that is none"),
        (frame(b"\xff\xfe"), "a header that is none"),
        (frame([]), "a header that is none"),
        (frame({"code": "x", "opaque": 1, "flag": 1}), "a header that is none"),
        (frame(b"[" * 100000), "a header that is none"),
        (reply()[:-3], "closed the connection"),
        (reply(opaque=5) * 2000, "none of it answers what was asked"),
        (reply(code=16, remark="no right, org.apache.rocketmq.X"), "refuses requests without auth: no right. Look at"),
        (
            reply(code=1, remark="org.apache.rocketmq.acl.common.AclException: No accessKey"),
            "refuses requests without auth: No accessKey. Look",
        ),
    ],
)
def test_what_is_no_answer_is_one_clear_error(data: bytes, said: str) -> None:
    with server(says(data)) as address, pytest.raises(MqError) as failed:
        Line(address, patience=5).ask(CONNECTIONS, FIELDS)
    assert str(failed.value).startswith(address) and said in str(failed.value), failed.value


def test_a_port_that_nobody_listens_on() -> None:
    with socket.create_server((HOST, 0)) as listener:
        address = f"{HOST}:{listener.getsockname()[1]}"
    with pytest.raises(MqError, match=f"{address}: connection refused"):
        Line(address).ask(CONNECTIONS, FIELDS)


def test_tls_spoken_to_who_speaks_none() -> None:
    with server(says(reply())) as address, pytest.raises(MqError, match="no TLS there"):
        Line(address, tls=ssl.create_default_context()).ask(CONNECTIONS, FIELDS)


def test_bytes_that_come_slowly_have_an_end() -> None:
    def drip(line: socket.socket) -> None:
        for one in reply(body=b"x" * 1000):
            line.sendall(bytes([one]))
            time.sleep(0.01)

    began = time.monotonic()
    with server(drip) as address, pytest.raises(MqError, match=r"no whole answer within 0\.3 s"):
        Line(address, patience=0.3).ask(CONNECTIONS, FIELDS)
    assert time.monotonic() - began < 3


def test_a_line_that_failed_is_made_anew() -> None:
    answers = iter([b"HTTP", reply(opaque=2)])
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            for data in answers:
                line, _address = listener.accept()
                with line:
                    says(data)(line)

        threading.Thread(target=serve, daemon=True).start()
        line = Line(f"{HOST}:{listener.getsockname()[1]}")
        with pytest.raises(MqError):
            line.ask(CONNECTIONS, FIELDS)
        assert line.ask(CONNECTIONS, FIELDS).code == 0
        line.close()


GOOD = reply(body=b'{"a":1}')


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.binary(max_size=40).map(lambda data: GOOD[:9] + data)))
def test_no_bytes_at_all_do_anything_but_one_error_or_an_answer(data: bytes) -> None:
    with server(says(data)) as address, contextlib.suppress(MqError):
        assert Line(address, patience=5).ask(CONNECTIONS, FIELDS).opaque == 1


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
def test_an_answer_that_was_changed_or_cut(place: int, value: int, end: int) -> None:
    data = bytearray(GOOD)
    data[place] = value
    with contextlib.suppress(FrameError, struct.error):
        size = _rocketmq_frame.length(bytes(data[:4]))
        found = _rocketmq_frame.answer(bytes(data[4 : min(end, 4 + size)]))
        assert isinstance(found.code, int) and len(found.body) <= len(GOOD)


def test_a_size_that_is_only_claimed_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        with server(says(struct.pack(">i", _rocketmq_frame.LIMIT) + b"x" * 1000)) as address, pytest.raises(MqError):
            Line(address).ask(CONNECTIONS, FIELDS)
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
