# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether this host can ask a ZooKeeper, and as whom."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping

from . import _password_file
from ._zookeeper_session import HAS_KAZOO, Identity


def check(what: str, scheme: str | None, certificates: Mapping[str, str]) -> None:
    """Whether this host has what it takes to ask `what`. Raises ValueError."""
    sasl = scheme == "sasl" and importlib.util.find_spec("puresasl") is None
    for library, missing in (("kazoo", not HAS_KAZOO), ("pure-sasl", sasl)):
        if missing:
            raise ValueError(
                f"{what} needs the Python library {library} on {os.uname().nodename}, and it is not "
                f"there or too old: pip install --upgrade {library}"
            )
    for name, path in certificates.items():
        if not os.access(path, os.R_OK):
            raise ValueError(f"tls: {name} {path} cannot be read")


def identity(scheme: str, path: str) -> Identity:
    """Who asks, from a file that only this account reads. Raises ValueError, which shows nothing of it."""
    return Identity(scheme, *_password_file.read(path))
