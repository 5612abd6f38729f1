# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person or a system does to a playbook that is at work."""

from __future__ import annotations

import os
import signal

from ..demo import Playbook, wait_for


def kill(playbook: Playbook, number: int = signal.SIGKILL) -> None:
    """As `kill` does it; with SIGINT as Ctrl-C does it, to the whole process group."""
    assert playbook.process
    if number == signal.SIGINT:
        os.killpg(playbook.process.pid, number)
    else:
        playbook.process.send_signal(number)


def interrupt(playbook: Playbook, number: int) -> None:
    """A first SIGINT or SIGTERM, as it is noticed while instances are in work."""
    kill(playbook, number)
    wait_for("what the first signal says", lambda: "A second one ends this at once" in playbook.text)
