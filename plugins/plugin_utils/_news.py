# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people are told after each of the guard's answers, as events of the catalogue with what is known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _receipt

News = list[tuple[str, dict[str, Any]]]


def of(action: str, answer: Mapping[str, Any], fleet: Mapping[str, Any], notes: Iterable[Mapping[str, Any]]) -> News:
    """notes: of this process. Nothing for most answers."""
    if action in ("plan", "begin") and answer.get("failed"):
        return [("approval" if answer.get("approval") else "refused", {"said": [str(answer["msg"])]})]
    if action == "wait" and answer.get("said"):
        return [("canary", {"said": [str(answer["said"])], "run": answer["run"]})]
    if action == "begin" and answer.get("request"):
        return [("approval", {"said": [str(answer["msg"])]})]
    if action in ("begin", "finish") and answer.get("rehearsal"):
        return [_rehearsed(action, answer["planned"])]
    if action == "begin" and answer.get("run"):
        return _begun(answer, fleet)
    if action == "acquire" and answer.get("waiting") and not answer.get("failed"):
        return [("waiting", {"said": [str(answer["msg"])], "deadline": f"{fleet['fleet_wait_deadline']:g}"})]
    if action == "finish" and (answer.get("failed") or answer.get("run")):
        return [_ended(answer, notes)]
    return []


def _begun(answer: Mapping[str, Any], fleet: Mapping[str, Any]) -> News:
    facts = {"hosts": answer["planned"], "run": answer["run"], "journal": answer["journal"]}
    facts["said"] = [str(answer["msg"])] if answer["resumed"] else []
    broken = {**facts, "said": [fleet["fleet_break_glass"]]}
    return [*([("glass", broken)] if fleet["fleet_break_glass"] else []), ("started", facts)]


def _rehearsed(action: str, planned: Sequence[str]) -> tuple[str, dict[str, Any]]:
    facts: dict[str, Any] = {"rehearsal": True, "hosts": planned}
    return (
        ("started", facts) if action == "begin" else ("done", {**facts, "done": len(planned), "planned": len(planned)})
    )


def _ended(answer: Mapping[str, Any], notes: Iterable[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Of a run that has reported, or that could not."""
    failed, out = _receipt.failures(notes), answer.get("out", {})
    facts = {
        "planned": len(answer.get("planned", [])),
        "done": len(answer.get("done", [])),
        "left": [host for host in answer.get("left", []) if host not in out],
        "out": [f"{host} ({text})" for host, text in out.items()],
        "run": answer.get("run"),
        "journal": answer.get("journal"),
    }
    if not answer.get("failed"):
        return "done", facts
    said = [f"{note['host']}: {note['task']}: {' '.join(note['msg'].split())}" for note in failed]
    by_hand = not failed and bool(answer.get("why"))
    return ("stopped" if by_hand else "failed"), {**facts, "said": said or _why(answer)}


def _why(answer: Mapping[str, Any]) -> Iterable[str]:
    return [str(answer.get("why") or answer["msg"])]
