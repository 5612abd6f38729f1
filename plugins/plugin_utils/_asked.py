# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this process asks the ledger with: its run, what the sources said; and what a plan or a grant leaves to do."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _controller, _own, _preflight


def in_time(result: dict[str, Any], deadline: float) -> dict[str, Any]:
    """The result of a grant; a failure where the batch has waited for it for too long."""
    began = _own.read("waiting")
    if not result["stale"] and not result["waiting"]:
        _own.write("waiting", None)
        return result
    if began is None:
        _own.write("waiting", began := time.monotonic())
    if time.monotonic() - began <= deadline:
        return result
    told = f"nothing was granted within {deadline:g} s (fleet_wait_deadline): {result['msg']}"
    return {**result, "failed": True, "msg": told}


def nothing(checks: _preflight.Checks) -> dict[str, Any]:
    """The plan where no selected host was reached."""
    empty: dict[str, Any] = {name: {} for name in ("lowest", "blocked", "unhealthy")}
    lists: dict[str, Any] = {name: [] for name in ("batches", "sizes", "notes", "levels", "resumed", "done")}
    return {**empty, **lists, "changed": False, "resumes": None, "msg": "no selected host was reached"}


def unreported(plan: Mapping[str, Any]) -> list[str]:
    """The hosts of a run that did all and was killed before its report: only that is left to do."""
    left = set(plan["resumes"]["planned"]) - set(plan["resumes"]["done"]) if plan["resumes"] else {""}
    return [] if left else list(plan["done"])


def unjudged(described: Mapping[str, Any]) -> list[str]:
    """The pools whose traffic no log tells of, where it is to be verified."""
    if not described["verified"]:
        return []
    return [
        f"{source['name']}: {text}; or set instance_verify_requests to 0, to go on without a look at the traffic"
        for source in described["sources"]
        for texts in (_own.read(f"troubles-{source['name']}") or {}).values()
        for text in texts
    ]


def run() -> dict[str, Any]:
    """The run that this process began: never one that a variable names."""
    run = _own.read("run")
    if run is None:
        raise RuntimeError("no run was begun")
    return {"run": run["id"], "owner": _controller.owner()}


def allowed(described: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the policy judges besides: the kind of restart as it really is, and what AWX says of its job."""
    kind = "forced" if described["cut"] else described["fleet"]["fleet_kind"]
    return {"kind": kind, "awx": awx(variables)}


def awx(variables: Mapping[str, Any]) -> dict[str, str] | None:
    """What AWX says of its job; None outside AWX.

    AWX puts the job's number into the process's environment, where no extra variable reaches it.
    """
    found = {name: _awx(variables, variable) for name, variable in _AWX.items()}
    found["job"] = os.environ.get("JOB_ID") or found["job"]
    return {name: value for name, value in found.items() if value} or None


_AWX = {"user": "user_name", "template": "job_template_name", "job": "job_id"}


def _awx(variables: Mapping[str, Any], name: str) -> str:
    """A variable of AWX's, which older ones call tower's."""
    return str(variables.get(f"awx_{name}") or variables.get(f"tower_{name}") or "")


def measured(described: Mapping[str, Any], after: float) -> dict[str, Any]:
    """What the guard judges by: the configured pools, and what each source said after that moment."""
    readings: list[Any] = []
    for source in described["sources"]:
        kept = _own.read(f"reading-{source['name']}")
        if kept is None or kept["asked"] < after:
            readings.append({"source": source["name"], "error": "was not read"})
        else:
            readings += kept["readings"]
    fleet = described["fleet"]
    return {
        "floor": fleet["fleet_floor"],
        "max_out": fleet["fleet_max_out"],
        "drained": fleet["fleet_drained"],
        "fit": fleet["fleet_fit"],
        "glass": fleet["fleet_break_glass"],
        "empty": fleet["fleet_break_glass_empty"],
        "replaces": fleet["fleet_ledger_replaces"],
        "pools": described["pools"],
        "instances": {
            host: {
                "address": one["address"],
                "probe": one["probe"],
                "points": [{**point, **(_own.read(f"point {host} {point['pool']}") or {})} for point in one["points"]],
            }
            for host, one in described["instances"].items()
        },
        "readings": readings,
    }
