# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this process does on its own where the ledger gives no answer.

It puts back what it was granted: that needs only the token, which the hosts hold too. It takes nothing out, which
needs an answer. Where the ledger does answer, and refuses, the run is no longer this process's: it touches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.plugin_utils import _own, _receipt


def unanswered(result: Mapping[str, Any]) -> bool:
    """Whether the call failed without an answer of the ledger's: its host, its files or the way there are gone."""
    return bool(result.get("failed")) and not result.get("answered")


def unreached(result: Mapping[str, Any]) -> bool:
    """Whether it is known that the ledger does not answer now."""
    return bool(result.get("failed")) and (bool(result.get("lost")) or result.get("answered") is False)


def attach(hosts: Iterable[str], held: float, why: str) -> dict[str, Any]:
    """Go on to put back what was restarted and is healthy."""
    leases = {host: {**lease, "step": _own.ATTACHING} for host, lease in _own.leases(hosts).items()}
    _own.keep_leases(leases, held)
    text = f"{', '.join(leases)}: healthy, and put back although the ledger does not answer ({why})"
    Display().warning(text)
    return {"changed": False, "warned": [text], "msg": text, "leases": leases}


def report(outcome: dict[str, Any], planned: Iterable[str], ledger: str) -> dict[str, Any]:
    """Say what this process knows of its run, since the ledger gave no account of it."""
    msg = str(outcome["msg"])
    then = "The run is no longer this process's: whoever has it now puts back what is out."
    if unanswered(outcome):
        msg = f"the ledger {ledger} does not answer: {msg}"
        then = "Nothing more goes out. Once it answers, the same command again goes on, and restarts nobody twice."
    granted = _own.leases(planned)
    steps = {host: granted[host]["step"] if host in granted else "" for host in planned}
    Display().display("\n".join(_receipt.alone_lines(steps, _own.journal(), msg, then)))
    return {**outcome, "msg": msg, **_account(steps)}


def _account(steps: Mapping[str, str]) -> dict[str, Any]:
    """The same for machines, as the ledger would have it: {planned, done, left, out}."""
    done = [host for host, step in steps.items() if step == _own.DONE]
    out = {host: f"at step {step}" for host, step in steps.items() if step not in ("", _own.DONE, _own.RESTORED)}
    return {"planned": list(steps), "done": done, "left": [host for host in steps if host not in done], "out": out}
