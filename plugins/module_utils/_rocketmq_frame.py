# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One message of RocketMQ's remoting protocol as bytes: a request, and an answer. Pure.

Four bytes with the length of the rest, one byte that says how the header is written, three with its length, the header,
the body. Source: RemotingCommand.java and NettyDecoder.java of apache/rocketmq, the same in 4.9 and 5.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

# As their own servers have it: com.rocketmq.remoting.frameMaxLength.
LIMIT = 16 * 1024 * 1024
LENGTH = 4
_JSON = 0
_IS_ANSWER = 1
# 4.9.4, from which on a name server writes JSON by the book where it is asked to.
_VERSION = 401


class FrameError(Exception):
    """These bytes are no message of this protocol; the text says why."""


@dataclass(frozen=True)
class Answer:
    """opaque: of the request that is answered. remark: why it failed. is_answer: false for what a server asks of us."""

    code: int
    opaque: int
    remark: str
    body: bytes
    is_answer: bool


@dataclass(frozen=True)
class Credentials:
    """Who asks: the secret never leaves this process."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Credentials({self.access_key!r})"


def request(code: int, opaque: int, fields: Mapping[str, str], who: Credentials | None = None) -> bytes:
    """A request without a body, signed where somebody asks."""
    header = {
        "code": code,
        "flag": 0,
        "language": "PYTHON",
        "opaque": opaque,
        "serializeTypeCurrentRPC": "JSON",
        "version": _VERSION,
        "extFields": signed(fields, who) if who else dict(fields),
    }
    data = json.dumps(header).encode()
    return struct.pack(">iI", LENGTH + len(data), _JSON << 24 | len(data)) + data


def signed(fields: Mapping[str, str], who: Credentials) -> dict[str, str]:
    """The fields with key and signature: HMAC-SHA1 of all values in the order of their names (AclUtils.java)."""
    known = {**fields, "AccessKey": who.access_key}
    content = "".join(known[name] for name in sorted(known)).encode()
    digest = hmac.new(who.secret_key.encode(), content, hashlib.sha1).digest()
    return {**known, "Signature": base64.b64encode(digest).decode()}


def length(data: bytes) -> int:
    """How many bytes follow these four. Raises FrameError."""
    (found,) = struct.unpack(">i", data)
    if data == b"HTTP":
        raise FrameError("speaks HTTP")
    if not LENGTH <= found <= LIMIT:
        raise FrameError(f"sends a message of {found} bytes, which is none of RocketMQ's")
    return int(found)


def answer(data: bytes) -> Answer:
    """What follows the length. Raises FrameError."""
    (mark,) = struct.unpack(">I", data[:LENGTH])
    kind, size = mark >> 24, mark & 0xFFFFFF
    if kind != _JSON:
        raise FrameError(f"writes its header in a way numbered {kind}, although it was asked in JSON")
    if size > len(data) - LENGTH:
        raise FrameError(f"sends a header of {size} bytes in a message of {len(data)}")
    try:
        header = json.loads(data[LENGTH : LENGTH + size].decode())
        code, opaque, flag = (int(header[name]) for name in ("code", "opaque", "flag"))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise FrameError(f"sends a header that is none: {str(error)[:100]}") from error
    remark = header.get("remark")
    return Answer(code, opaque, str(remark)[:500] if remark else "", data[LENGTH + size :], bool(flag & _IS_ANSWER))
