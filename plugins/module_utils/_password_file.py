# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file with one line `user:password` that nobody else may read."""

from __future__ import annotations

from . import _ledger_trust
from ._ledger import Refused


def read(path: str) -> tuple[str, str]:
    """(user, password). Raises ValueError, which shows nothing of it."""
    try:
        data = _ledger_trust.private(path, None)
        text = (data or b"").decode().rstrip("\r\n")
    except Refused as error:
        raise ValueError(f"auth: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"auth: file {path} cannot be read: {error}") from error
    user, colon, password = text.partition(":")
    if data is None:
        raise ValueError(f"auth: file {path} is not there")
    if not user or not colon or not password or not text.isprintable():
        raise ValueError(f"auth: file {path} is not one line user:password")
    return user, password
