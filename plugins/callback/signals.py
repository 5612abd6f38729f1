# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ctrl-C and SIGTERM: the first one lets the batch in work finish, the second one acts as usual."""

from __future__ import annotations

DOCUMENTATION = r"""
name: signals
type: aggregate
short_description: The first Ctrl-C lets the batch in work finish
version_added: "0.1.0"
description:
  - After the first Ctrl-C or SIGTERM the instances in work finish their turn, the guard grants the run nothing more, it
    is stopped in the ledger, and the report says what is left. The exit code is 2 unless all was done already.
  - The second one acts as usual. So does the first while nothing is out yet, before the run has begun.
  - The same command again goes on either way.
author:
  - The lossless.restart authors (@lossless-restart)
requirements:
  - Enable it in the configuration, as in C(callbacks_enabled = lossless.restart.signals).
"""

import os
import signal
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.lossless.restart.plugins.plugin_utils import _own

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_LINE = (
    "\n{name}: the batch in work is finished, nothing more is taken out, and the report says what is left. "
    "A second one ends this at once, and leaves out what is out now.\n"
)


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lossless.restart.signals"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._process = os.getpid()
        self._usual: dict[int, Any] = {}

    def v2_playbook_on_start(self, playbook: Any) -> None:
        if not self._usual:
            self._usual = {number: signal.signal(number, self._came) for number in _NAMES}

    def _came(self, number: int, frame: Any) -> None:
        if os.getpid() != self._process:
            # A worker just forked, that the terminal's Ctrl-C still reaches: it belongs to the batch in work.
            return
        for each, usual in self._usual.items():
            signal.signal(each, usual)
        if _own.read("run") is None:
            signal.raise_signal(signal.Signals(number))
            return
        name = _NAMES[signal.Signals(number)]
        _own.halt(f"stopped by {name}")
        # Not by way of print: the signal may have come in the middle of one.
        os.write(2, _LINE.format(name=name).encode())
