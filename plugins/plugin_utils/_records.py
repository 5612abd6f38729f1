# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs of the past as lines for people: a list of them, and the receipt of one once more. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _receipt, _receipt_facts, _settings


def times(fleet: Mapping[str, Any]) -> dict[str, float]:
    """When the runs began that are wanted. Raises Invalid."""
    given = {name: _settings.moment(fleet[f"fleet_{name}"], f"fleet_{name}") for name in ("begin", "end")}
    return {name: at for name, at in given.items() if at is not None}


def list_lines(service: str, history: Mapping[str, Any]) -> list[str]:
    """A line for each run, the newest first."""
    if not history["runs"]:
        return [f"{service}: no run is on record in that time"]
    return [f"{service}: {history['msg']}", *map(_line, history["runs"])]


def _line(run: Mapping[str, Any]) -> str:
    done = len(set(run["planned"]) & set(run["done"]))
    parts = [f"{run['kind']}, {done} of {len(run['planned'])} done, {run['state']}"]
    parts += [f"by {run['account']}"]
    parts += [f"approved by {run['approved']['by']}"] if run["approved"] else []
    parts += [text for text in (run["change"], run["reason"]) if text]
    parts += [f"BROKE THE GLASS: {run['glass']}"] if run["glass"] else []
    parts += [run["why"]] if run["why"] else []
    return f"  {run['id']}  {_moment(run['began'])}  {'; '.join(parts)}"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def facts(status: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The receipt of the run `name` as values, from the status that was asked for with it."""
    run = run_of(status, name)
    return _receipt_facts.facts(run, status["events"], _held(status, name), None, "")


def run_of(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The run itself, past or live."""
    found: Mapping[str, Any] = status["past"] or next(one for one in status["runs"] if one["id"] == name)
    return found


def _held(status: Mapping[str, Any], name: str) -> dict[str, str]:
    return {lease["host"]: f"at step {lease['step']}" for lease in status["leases"] if lease["run"] == name}


def run_lines(status: Mapping[str, Any], name: str) -> list[str]:
    """The same as lines."""
    run, held = run_of(status, name), _held(status, name)
    left = [host for host in run["planned"] if host not in set(run["done"])]
    outcome = {"run": run["id"], "planned": run["planned"], "done": run["done"], "left": left, "out": held}
    ended = run["ended"] or status["at"]
    who = f"  {run['kind']} restart of {run['service']} by {run['account']} ({run['owner']['name']})"
    told: Sequence[str] = [f"{name}: {run[name]}" for name in ("reason", "change", "glass") if run[name]]
    approved = run["approved"]
    told = [*told, f"approved by {approved['by']}, request {approved['id']}"] if approved else told
    origin = _receipt_facts.origin(status["events"])
    told = [*told, *(f"AWX {name}: {value}" for name, value in origin["awx"].items())]
    told = [*told, f"from: {origin['link']}"] if origin["link"] else told
    receipt = _receipt.receipt_lines({**outcome, "why": run["why"]}, status["events"], None, ended - run["began"])
    return [*receipt[:2], who, *(f"  {text}" for text in told), *receipt[2:]]
