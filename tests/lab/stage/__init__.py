# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet on which things go wrong at exact moments, and hosts that can die."""

from __future__ import annotations

from .both import Both
from .consuming import Consuming
from .hands import interrupt, kill
from .long import long_request
from .moments import FAIL, Moments
from .ssh import Hosts
from .stage import LONG, Ended, Stage

__all__ = [
    "FAIL",
    "LONG",
    "Both",
    "Consuming",
    "Ended",
    "Hosts",
    "Moments",
    "Stage",
    "interrupt",
    "kill",
    "long_request",
]
