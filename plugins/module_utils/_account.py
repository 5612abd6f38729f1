# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who came to this host, by its own word."""

from __future__ import annotations

import os
import pwd

_LONGEST = 200


def name() -> str:
    """The account from which sudo was used, else the one that this runs as; its number where it has no name."""
    before = os.environ.get("SUDO_USER", "")
    if before.isprintable() and 0 < len(before) <= _LONGEST:
        return before
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
