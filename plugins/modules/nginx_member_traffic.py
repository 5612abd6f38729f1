#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge members of nginx upstreams by nginx's own access log."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_member_traffic
short_description: Judge members of nginx upstreams by the balancer's own access log
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Counts the requests that nginx sent to each of O(members) since O(since), as its access logs tell, until there are
    enough of them to judge each, or O(deadline) has passed.
  - The logs and their C(log_format) are read from the configuration. They must have C($upstream_addr), a status
    (C($upstream_status) or C($status)) and a time (C($upstream_response_time) or C($request_time)); in C(stream)
    C($upstream_addr), C($status) and C($upstream_connect_time). Several formats and rotated logs are understood.
  - A request that nginx tried on several members counts for each of them with its own status and time.
  - Reads only. A bad verdict is an answer, and no failure of the module.
extends_documentation_fragment:
  - lossless.restart.common.info
  - lossless.restart.nginx
  - lossless.restart.leases
options:
  members:
    description: The members to judge. This or O(leases).
    type: list
    elements: dict
    suboptions:
      upstream:
        description: The upstream's name.
        type: str
        required: true
      member:
        description: The member as it is listed there.
        type: str
        required: true
  since:
    description:
      - Where to begin, as RV(positions) or C(log_positions) of M(lossless.restart.nginx_upstream_member) say.
      - By default where the logs end now.
    type: list
    elements: dict
    default: []
  began:
    description:
      - Count only requests that began after this moment, in seconds since the epoch by this host's clock, as
        RV(lossless.restart.firewall_member_info#module:opened) has it. Needs C($request_time) and a time in the format;
        where they are missing all are counted. A time in whole seconds leaves out those of the second in which it lies.
    type: float
    version_added: "0.1.0"
  requests:
    description: How many requests each member must have got.
    type: int
    default: 20
  error_rate:
    description: Percent of answers of 500 and above that each must stay below.
    type: float
    default: 1.0
  p95:
    description: Seconds that the 95th percentile of each must stay below, by nearest rank.
    type: float
    default: 1.0
  against_others:
    description:
      - Judge each member against the other members of its upstream, by the requests of the same time. O(error_rate) and
        O(p95) hold only where the others have had fewer than O(requests).
      - Of few requests the 95th percentile says little. Ask for 100 O(requests) or more.
    type: dict
    version_added: "0.1.0"
    suboptions:
      error_rate:
        description: Percent of answers of 500 and above that each must stay below, beyond the others' own.
        type: float
        default: 1.0
      slowdown:
        description:
          - How many times the others' 95th percentile its own must stay below. Less than 0.1 seconds more than theirs
            is never too much.
        type: float
        default: 3.0
  accept:
    description:
      - With O(leases), the verdicts with which an inventory host passes. With another verdict on one of its members the
        task fails for it. By default it passes with every one.
    type: list
    elements: str
    choices: [good, inconclusive, bad]
  deadline:
    description: Seconds to wait for requests. With V(0) what is there now is judged.
    type: float
    default: 30.0
  interval:
    description: Seconds between two looks at the logs.
    type: float
    default: 0.2
seealso:
  - module: lossless.restart.nginx_upstream_member
"""

EXAMPLES = r"""
- name: Put the member back
  lossless.restart.nginx_upstream_member:
    members:
      - {upstream: order_svc, member: "10.0.0.3:8080", state: up}
  register: attached

- name: See how it answers
  lossless.restart.nginx_member_traffic:
    members:
      - {upstream: order_svc, member: "10.0.0.3:8080"}
    since: "{{ attached.log_positions }}"
    requests: 50
    deadline: 60
  register: traffic
  failed_when: traffic.verdict == 'bad'
"""

RETURN = r"""
msg:
  description: What each member got and how it answered, with numbers.
  type: str
  returned: always
verdict:
  description:
    - V(bad) as soon as one member's answers broke a limit that the requests still wanted cannot mend;
      V(good) when all have their requests and kept the limits; else V(inconclusive).
  type: str
  returned: success
  sample: good
members:
  description: Each member, in the order asked for.
  type: list
  elements: dict
  returned: success
  contains:
    upstream:
      description: The upstream's name.
      type: str
    member:
      description: The member.
      type: str
    requests:
      description: How many requests nginx sent to it.
      type: int
    errors:
      description: How many of them were answered with 500 or above.
      type: int
    error_rate:
      description: The same in percent.
      type: float
    p95:
      description: The 95th percentile of the times in seconds; null without any.
      type: float
    verdict:
      description: V(good), V(bad) or V(inconclusive).
      type: str
    msg:
      description: The same for people.
      type: str
positions:
  description: Where the logs were read up to, for the O(since) of the next call.
  type: list
  elements: dict
  returned: success
waited:
  description: Seconds spent waiting for requests.
  type: float
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _grammar,
    _leased,
    _nginx_address,
    _nginx_conf,
    _nginx_follow,
    _nginx_host,
    _nginx_log,
    _nginx_state,
    _nginx_traffic,
    _nginx_upstream,
    _poll,
)
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

SPEC: dict[str, Any] = {
    "argument_spec": {
        **_nginx_state.OPTIONS,
        **_leased.OPTIONS,
        "accept": {"type": "list", "elements": "str", "choices": ["good", "inconclusive", "bad"]},
        "members": {
            "type": "list",
            "elements": "dict",
            "options": {"upstream": {"type": "str", "required": True}, "member": {"type": "str", "required": True}},
        },
        "since": {"type": "list", "elements": "dict", "default": []},
        "began": {"type": "float"},
        "requests": {"type": "int", "default": 20},
        "error_rate": {"type": "float", "default": 1.0},
        "p95": {"type": "float", "default": 1.0},
        "against_others": {
            "type": "dict",
            "options": {
                "error_rate": {"type": "float", "default": 1.0},
                "slowdown": {"type": "float", "default": 3.0},
            },
        },
        "deadline": {"type": "float", "default": 30.0},
        "interval": {"type": "float", "default": 0.2},
    },
    "supports_check_mode": True,
}
RANGES = (("requests", 1, 1e6), ("error_rate", 0.001, 100), ("p95", 0.001, 3600), ("deadline", 0, 86400))
BESIDE = (("error_rate", 0.001, 100), ("slowdown", 1, 1000))


def validate(params: dict[str, Any]) -> None:
    """Raise ValueError for the first argument that cannot be meant."""
    if not _leased.members(params):
        raise ValueError("members is empty: name at least one, as in {upstream: order_svc, member: '10.0.0.3:8080'}")
    for wanted in params["members"]:
        _grammar.word(wanted["upstream"], "members: upstream")
        _grammar.member(wanted["member"], "members: member")
    for key, least, most in (*RANGES, ("interval", 0.01, 3600)):
        if not least <= params[key] <= most:
            raise ValueError(f"{key} {params[key]!r} is not a number from {least:g} to {most:g}")
    worse = params["against_others"] or {}
    for key, least, most in BESIDE:
        if not least <= worse.get(key, least) <= most:
            raise ValueError(f"against_others: {key} {worse[key]!r} is not a number from {least:g} to {most:g}")
    for position in params["since"]:
        kinds = (("path", str), ("inode", int), ("offset", int))
        if not all(isinstance(position.get(key), kind) for key, kind in kinds):
            raise ValueError(f"since {position!r} is no position: give what log_positions says")


def load(params: dict[str, Any]) -> _nginx_conf.Config:
    """The configuration; nginx itself is asked for its prefix only where a log's path needs it."""
    nginx = _nginx_state.from_params(params)
    config = _nginx_conf.load(nginx.config, nginx.prefix)
    if nginx.prefix or not _nginx_log.relative(config):
        return config
    return nginx.read().config


def tallies(config: _nginx_conf.Config, wanted: list[dict[str, str]], beside: bool) -> list[_nginx_traffic.Tally]:
    """A tally for each member. Raises ValueError for one that is not there or whose log cannot tell of it.

    beside: whether each has one of the others of its upstream with it.
    """
    upstreams, resolver = _nginx_upstream.upstreams(config), _nginx_address.Resolver()
    found = []
    for name, member in [(one["upstream"], one["member"]) for one in wanted]:
        for upstream, _server in _nginx_upstream.lines(config, upstreams, name, member):
            troubles = _nginx_log.troubles(config, name, upstream.context)
            if troubles:
                raise ValueError(f"the requests to upstream {name} cannot be judged: {'; '.join(troubles)}")
        addresses = resolver.addresses(member)
        if not addresses:
            raise ValueError(f"{member} in upstream {name} does not resolve: {'; '.join(resolver.failed.values())}")
        found.append(_nginx_traffic.Tally(name, member, addresses))
    if beside:
        ours = frozenset(address for tally in found for address in tally.addresses)
        for tally in found:
            tally.others = others(_nginx_upstream.named(upstreams, tally.upstream), ours, resolver)
    return found


def others(
    upstreams: list[_nginx_upstream.Upstream], ours: frozenset[str], resolver: _nginx_address.Resolver
) -> _nginx_traffic.Tally:
    """A tally of all in these upstreams but `ours`."""
    members = {server.member for upstream in upstreams for server in upstream.servers}
    addresses = frozenset(address for member in members for address in resolver.addresses(member))
    return _nginx_traffic.Tally(upstreams[0].name, "the others", addresses - ours)


def hints(count: _nginx_traffic.Count, found: list[_nginx_log.Log]) -> list[str]:
    """Why there may be fewer requests than there were."""
    strange = [f"{number} lines of {path} fit no log_format of it" for path, number in count.strange.items()]
    return strange + sorted({log.slow for log in found if log.reader and log.slow})


def judge(params: dict[str, Any]) -> dict[str, Any]:
    """Watch the logs until the members can be judged; the module's result."""
    config = load(params)
    against = params["against_others"]
    worse = _nginx_traffic.Worse(against["error_rate"], against["slowdown"]) if against else None
    limits = _nginx_traffic.Limits(params["requests"], params["error_rate"], params["p95"], worse)
    found = _nginx_log.logs(config)
    readers = _nginx_log.readable(found)
    count = _nginx_traffic.Count(tallies(config, params["members"], worse is not None), readers, params["began"])
    follower = _nginx_follow.Follower(readers, params["since"])

    def read() -> str:
        count.take(follower.lines())
        return count.verdict(limits)

    outcome = _poll.poll(
        read, lambda verdict: verdict != "inconclusive", deadline=params["deadline"], interval=params["interval"]
    )
    members = [tally.told(limits) for tally in count.tallies]
    said = [member["msg"] for member in members]
    if outcome.last == "inconclusive":
        said += hints(count, found)
    return {
        "verdict": outcome.last,
        "members": members,
        "positions": follower.positions(),
        "waited": round(outcome.waited, 3),
        "msg": f"{outcome.last} after {outcome.waited:.1f} s: {'; '.join(said)}",
    }


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Reads only: check mode is no different."""
    try:
        validate(params)
        return judge(params)
    except (ValueError, _nginx_host.HostError) as error:
        raise Failed(str(error), {"waited": 0.0}) from error
    except OSError as error:
        raise Failed(f"{error.filename}: cannot be read: {error.strerror}", {"waited": 0.0}) from error


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
