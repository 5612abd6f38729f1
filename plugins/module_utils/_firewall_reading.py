# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module firewall_member_info does on a balancer: its conditions, its members as it meets them, its proof."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import (
    _firewall_balancer,
    _firewall_host,
    _firewall_reach,
    _grammar,
    _nginx_log,
    _nginx_state,
    _nginx_upstream,
    _poll,
)
from ._firewall_reach import ACCEPTED, REFUSED
from ._firewall_rule import OPEN, SHUT
from ._levels import GONE
from ._nginx_state import Reading
from ._nginx_upstream import Upstream

_WANTED = {SHUT: REFUSED, OPEN: ACCEPTED}
# For so long each batch waits for nginx to come back: see instance_attach_held.
_LONGEST = 60.0
_KEEPS = (
    "keeps idle connections to its members: one is out only when they have ended, so its application has to answer "
    "'Connection: close' while it is shut, or the upstream has to be without keepalive"
)


class NotMet(Exception):
    """Members are not as they should be; `result` is what the module returns besides."""

    def __init__(self, text: str, result: dict[str, Any]) -> None:
        super().__init__(text)
        self.result = result


def run(params: Mapping[str, Any], clock: _poll.Clock = time) -> dict[str, Any]:
    """What the module returns. Raises NotMet, or ValueError and its kin where something is refused."""
    reading = _nginx_state.from_params(params).read()
    reading.master()
    members = [_grammar.member(one, "members") for one in params["members"] or []]
    names = [_grammar.word(one, "upstreams") for one in params["upstreams"]]
    chosen = [one for one in reading.upstreams if one.name in names]
    for name in names:
        _nginx_upstream.named(reading.upstreams, name)
    if names and params["state"] is None:
        _refuse(reading, chosen, members)
    targets = {one: sorted(reading.resolver.addresses(one)) for one in _all(chosen, members)}
    lost = [f"{one} ({why})" for one, why in reading.resolver.failed.items()]
    if lost:
        raise ValueError(f"this balancer does not resolve {', '.join(lost)}")
    bound = _firewall_balancer.binds(reading.config)
    own = _firewall_reach.sources(
        _firewall_host.sources(params["from"]), [address for found in targets.values() for address in found], bound
    )

    def look() -> dict[str, str]:
        return _firewall_reach.sweep(targets, own, params["timeout"])

    fail_timeout = _firewall_balancer.fail_timeout(chosen or reading.upstreams)
    result: dict[str, Any] = {
        "fail_timeout": fail_timeout,
        "log_troubles": _nginx_log.all_troubles(reading.config, chosen),
        "waited": 0.0,
        "warnings": [f"upstream {one.name} {_KEEPS}" for one in chosen if _firewall_balancer.keeps(reading, one)],
    }
    if params["state"]:
        _wait(params, look, clock, result)
        # What was refused before may be logged only when another member has answered it.
        result["opened"] = time.time()
    else:
        result["met"] = look()
        result["msg"] = _text(result["met"])
    result["log_positions"] = _nginx_log.positions(reading.config)
    if params["source"]:
        result["readings"] = [_for_guard(reading, params["source"], one, result["met"]) for one in chosen]
    return result


def _all(chosen: Sequence[Upstream], members: Sequence[str]) -> list[str]:
    """Every member that is asked for or that is in an upstream that is."""
    return list(dict.fromkeys([*(server.member for one in chosen for server in one.servers), *members]))


def _refuse(reading: Reading, chosen: Sequence[Upstream], members: Sequence[str]) -> None:
    why = [text for one in chosen for text in _firewall_balancer.refusals(reading, one, members)]
    if _firewall_balancer.fail_timeout(chosen) > _LONGEST:
        why.append(f"fail_timeout is above {_LONGEST:g} s, for which nginx would avoid each member that has come back")
    if why:
        raise ValueError(f"nginx would lose what a shut member refuses: {'; '.join(dict.fromkeys(why))}")


def _wait(params: Mapping[str, Any], look: Any, clock: _poll.Clock, result: dict[str, Any]) -> None:
    """Until all are met as they should be; after they were opened, for as long as nginx may still avoid them."""
    wanted = _WANTED[params["state"]]
    window = max(0.0, result["fail_timeout"] - params["since"]) if wanted == ACCEPTED else 0.0
    outcome = _poll.poll(
        look,
        lambda met: set(met.values()) == {wanted},
        deadline=params["deadline"] + window,
        interval=params["interval"],
        window=window,
        clock=clock,
    )
    result["met"] = outcome.last
    result["waited"] = round(outcome.waited if outcome.attempts > 1 else 0.0, 3)
    result["msg"] = f"{_text(outcome.last)} after {outcome.waited:.1f} s"
    if not outcome.ok:
        others = {one: how for one, how in outcome.last.items() if how != wanted}
        raise NotMet(f"NOT {params['state']} to this balancer: {_text(others)}, not {wanted}", result)


def _text(met: Mapping[str, str]) -> str:
    hosts: dict[str, list[str]] = {}
    for member, how in met.items():
        hosts.setdefault(how, []).append(member)
    return "; ".join(f"{', '.join(names)} {how}" for how, names in hosts.items())


def _for_guard(reading: Reading, source: str, upstream: Upstream, met: Mapping[str, str]) -> dict[str, Any]:
    members = []
    for server in upstream.servers:
        addresses = sorted(reading.resolver.addresses(server.member))
        away = server.live and met[server.member] != ACCEPTED
        state = GONE if away else server.state
        known = {"addresses": addresses}
        found = {"member": server.member, "state": state, "weight": server.weight, "addresses": addresses}
        members.append({**found, "ledger": None, "known": known})
    return {"kind": "firewall", "pool": f"firewall/{upstream.name}", "source": source, "members": members}
