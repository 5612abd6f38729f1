# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for a person's word after the canary: on this terminal, or by approve.yml from anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError, AnsiblePromptInterrupt
from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.plugin_utils import _alone, _own
from ansible_collections.lossless.restart.plugins.plugin_utils._status_lines import word_command

Result = dict[str, Any]
# Seconds between two looks into the ledger, without and with a terminal on which a key is waited for.
_EVERY = 5.0
_ON_TERMINAL = 30
_GO, _STOP = b"g", b"s"
# Ctrl-C is a key while one is waited for.
_ENDS = (_STOP, b"\x03")


@dataclass(frozen=True)
class Ledger:
    """What is asked of it: ask, whether there is a word; give, this terminal's; tell, that people are told."""

    ask: Callable[[], Result]
    give: Callable[[str], Result]
    tell: Callable[[str], None]


def wait(ledger: Ledger, service: str, run: str, within: float) -> tuple[Result, str]:
    """The ledger's last answer, and why the run is to be stopped; empty where it goes on, is stopped already, or the
    ledger refused. within: seconds."""
    result, end = ledger.ask(), time.monotonic() + within
    if not result.get("failed") and not result["given"]:
        text = f"{result['msg']}. To go on: {word_command(run, service)}. To stop: stop.yml -l {service}"
        Display().display(f"  CANARY: run {run} {text}")
        ledger.tell(text)
    while not result.get("failed") and not result["given"] and not result["stopped"]:
        halted = _own.halted()
        if halted:
            return result, halted
        if result["denied"]:
            return result, result["denied"]
        if result["over"]:
            return result, "nobody said after the canary that it goes on"
        key = _key(f"  {service}: press g to let the run go on after its canary, s to stop it")
        if key == _STOP:
            return result, "stopped after its canary, on its own terminal"
        if key == _GO:
            given = ledger.give(run)
            if given.get("failed"):
                return given, ""
        now = ledger.ask()
        # A ledger that is away for a while takes nothing back that it has said.
        result = {**result, "over": time.monotonic() > end} if _alone.unreached(now) else now
    return result, ""


def _key(question: str) -> bytes:
    """The key that was pressed on this terminal; nothing where none was in time, or there is no terminal."""
    try:
        began = time.monotonic()
        keys: dict[str, Any] = {"interrupt_input": _ENDS, "complete_input": (_GO,)}
        Display().prompt_until(question, private=True, seconds=_ON_TERMINAL, **keys)
        return _GO if time.monotonic() - began < _ON_TERMINAL - 0.5 else b""
    except AnsiblePromptInterrupt:
        return _STOP
    except AnsibleError:
        time.sleep(_EVERY)
        return b""
