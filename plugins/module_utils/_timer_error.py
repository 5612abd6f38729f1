# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong with timers."""

from __future__ import annotations


class TimerError(Exception):
    """A timer cannot be read or switched; the message says which and why."""
