# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells people and monitoring what this process found of the services that it looked at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.module_utils import _files
from ansible_collections.lossless.restart.plugins.plugin_utils import _monitor, _own, _status_lines
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction

# The format of the JSON document.
_FORMAT = 1
_READABLE = 0o644


class ActionModule(FleetAction):
    """`tell`: status, watchdog or restore."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        services, wrong = _own.read("services"), _own.read("services wrong")
        if services is None:
            return {"failed": True, "msg": "nothing was looked at: run fleet_description with an entry before this"}
        looks = {one: look for one in dict.fromkeys(services.values()) if (look := _own.read(f"look {one}"))}
        wrong |= {one: "it could not be looked at" for one in services.values() if one not in looks}
        try:
            if args["tell"] == "status":
                return self._status(args.get("json"), looks, wrong)
            if args["tell"] == "watchdog":
                return self._watchdog(args.get("textfile"), looks, wrong)
        except OSError as error:
            return {"failed": True, "msg": f"{error.filename}: cannot be written: {error.strerror}"}
        return self._restore(looks, wrong)

    def _status(self, path: str | None, looks: dict[str, Any], wrong: dict[str, str]) -> dict[str, Any]:
        lines = [line for look in looks.values() for line in _status_lines.status_lines(look)]
        Display().display("\n".join([*lines, *(f"{service}: NOT LOOKED AT: {why}" for service, why in wrong.items())]))
        if path and not self._task.check_mode:
            _files.write_json(path, {"format": _FORMAT, "services": looks, "wrong": wrong}, mode=_READABLE)
        return {"changed": False, "services": looks, "wrong": wrong}

    def _watchdog(self, path: str | None, looks: dict[str, Any], wrong: dict[str, str]) -> dict[str, Any]:
        """The last line of all is this one, whatever the outcome."""
        if path and not self._task.check_mode:
            old = Path(path).read_text("utf-8") if Path(path).exists() else ""
            _files.write_text(path, _monitor.textfile(looks, wrong, time.time(), old), mode=_READABLE)
        line = _monitor.line(looks, wrong)
        Display().display(line)
        return {"changed": False, "failed": not line.startswith("OK: "), "msg": line, "told": True}

    def _restore(self, looks: dict[str, Any], wrong: dict[str, str]) -> dict[str, Any]:
        failures = {
            note["host"]: f"{note['task']}: {' '.join(note['msg'].split())}"
            for note in _own.journal()
            if note["failed"] and "Read" not in note["task"]
        }
        lines: list[str] = []
        remains: list[str] = []
        for service, look in looks.items():
            recovered = _own.read(f"recovered {service}")
            if recovered is None:
                wrong[service] = f"the ledger could not be asked: {look['ledger_trouble'] or 'see above'}"
                continue
            outcome = _status_lines.restored(recovered, self._held(look))
            lines += _status_lines.restored_lines(service, outcome, failures, bool(self._task.check_mode))
            remains += outcome["remains"]
        lines += [f"{service}: NOTHING WAS RESTORED: {why}" for service, why in wrong.items()]
        Display().display("\n".join(["", *lines, ""]))
        msg = f"still out: {', '.join(remains)}" if remains else "; ".join(wrong.values())
        return {"changed": False, "failed": bool(remains or wrong), "msg": msg or "nothing of what was left out is out"}

    def _held(self, look: dict[str, Any]) -> list[str]:
        """What leases hold; in check mode without what is found healthy and would go back."""
        held = [lease["host"] for lease in look["leases"]]
        if not self._task.check_mode:
            return held
        return [host for host, lease in _own.leases(held).items() if lease["step"] != _own.ATTACHING] + [
            host for host in held if not _own.leases([host])
        ]
