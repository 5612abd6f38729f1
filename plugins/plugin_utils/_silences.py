# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Silences for the instances in work, from their grant to their release; at the latest they end with the lease.

Whom nobody could silence is said, and restarted all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.module_utils import _alertmanager, _grammar
from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid
from ansible_collections.lossless.restart.plugins.plugin_utils._settings import given, told

MODULE = "lossless.restart.alertmanager_silence"
Call = Callable[[dict[str, Any]], dict[str, Any]]


def alerts(server: Mapping[str, Any] | None, instances: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """By host the labels of its alerts; {} where nobody is to be silenced. Raises Invalid."""
    written = {host: own["instance_alerts"] for host, own in instances.items() if own.get("instance_alerts")}
    found = {host: told(host, _alertmanager.matchers, one, "instance_alerts") for host, one in written.items()}
    if server is None:
        return {}
    told("fleet_alertmanager", _grammar.url, server["url"], "url")
    without = [host for host in instances if host not in found]
    if without:
        raise Invalid(
            f"{without[0]}: fleet_alertmanager is set, and instance_alerts does not say which alerts are its own"
        )
    same: dict[tuple[tuple[str, str], ...], str] = {}
    for host, labels in found.items():
        other = same.setdefault(tuple(sorted(labels.items())), host)
        if other != host:
            raise Invalid(f"{host}: instance_alerts {labels!r} are those of {other} too: a silence is for one instance")
    return found


def keep(described: Mapping[str, Any], hosts: Iterable[str], seconds: float, call: Call) -> None:
    """Silence them for so long from now."""
    chosen = [host for host in hosts if host in described["alerts"]]
    if chosen and _asked(described, chosen, {"seconds": seconds}, call):
        for host in chosen:
            _own.write(f"silenced {host}", True)


def end(described: Mapping[str, Any], hosts: Iterable[str], call: Call) -> None:
    """End what this process silenced of them."""
    chosen = [host for host in hosts if _own.read(f"silenced {host}")]
    if chosen and _asked(described, chosen, {"state": "absent"}, call):
        for host in chosen:
            _own.write(f"silenced {host}", False)


def _asked(described: Mapping[str, Any], hosts: Iterable[str], more: Mapping[str, Any], call: Call) -> bool:
    fleet, run = described["fleet"], _own.read("run")["id"]
    server = given(fleet["fleet_alertmanager"])
    comment = f"restart of {described['service']}" + (f": {fleet['fleet_reason']}" if fleet["fleet_reason"] else "")
    silences = [described["alerts"][host] for host in hosts]
    result = call({**server, "silences": silences, "by": f"lossless.restart {run}", "comment": comment, **more})
    if result.get("failed"):
        what = "NOT SILENCED" if "seconds" in more else "STILL SILENCED, until the lease ends"
        Display().display(f"  {what}: {', '.join(hosts)}: {result['msg']}")
    return not result.get("failed")
