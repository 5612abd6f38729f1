# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The account of all that was sent, once everything was consumed or nothing comes any more."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from pathlib import Path

from ..demo import wait_for
from . import messages
from .brokers import Producer

SENT = 600.0
# What a killed process had in hand is given to another only after a while.
PATIENCE = 60.0


def account(producer: Producer, journals: Iterable[Path], leavers: Collection[int]) -> messages.Account:
    """leavers: the pids of the processes that were drained and stopped."""
    wait_for("the producer", lambda: not producer.alive, SENT)
    sent, files = producer.sent(), list(journals)

    def so_far() -> messages.Account:
        return messages.account(sent, messages.steps(files), leavers)

    since, last = time.monotonic(), so_far()
    while last.lost and time.monotonic() - since < PATIENCE:
        time.sleep(1)
        now = so_far()
        since = time.monotonic() if len(now.lost) < len(last.lost) else since
        last = now
    return last
