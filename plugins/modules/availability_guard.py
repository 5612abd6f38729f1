#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask the ledger whether an instance may be taken out of traffic."""

from __future__ import annotations

DOCUMENTATION = r"""
module: availability_guard
short_description: Ask the ledger whether instances may be taken out of traffic, and hold that right
version_added: "0.1.0"
author: "The lossless.restart authors (@lossless-restart)"
description:
  - Keeps the floor of every pool over all runs and controllers. It is the only gate, and the ledger is its memory.
  - Run it on the host that holds the ledger, as the account that owns the ledger's directory; where the ledger is in
    ZooKeeper, on any host that reaches the ensemble and every member, and has the Python library kazoo.
  - A grant measures. It needs a C(ticket) that was taken before the sources were read and is at most 10 seconds old,
    it probes every member of every pool at once, and it is given only if nothing changed in the ledger meanwhile.
  - Out is what a lease holds (an expired one too), what a source does not say is up, and what its probe does not find
    healthy. Everything is counted from the configured members.
  - It refuses where a source cannot be read, where nothing was found, and where the inventory and a source do not
    have the same members.
options:
  batch:
    description: Inventory hosts that share this call. The collection's action plugin makes it once for them all.
    type: list
    elements: str
  action:
    description:
      - V(status) says what stands in the ledger. With O(run) also that run's events.
      - V(look) measures, and says how the service stands. What cannot be read is named, the rest is told.
      - V(plan) measures and says what a run would do. It grants nothing.
      - V(ask) asks for another person's word for what V(begin) would begin, where the policy wants one.
      - V(begin) begins a run, or goes on with a stopped, dead or silent one of which something is left to do
        among O(planned), and takes over the leases that such runs of the service left.
      - V(ticket) is what V(acquire) needs. Take it before the sources are read.
      - V(acquire) grants leases.
      - V(renew) keeps leases for another step. An expired one is acquired again instead.
      - V(release) gives leases back. What is not held is no error.
      - V(recover) takes over, to put it back, what runs left out that have no process any more, where its probe is
        well. They are granted nothing more until they are resumed.
      - V(journal) says whether the journal of all events is whole. V(history) lists the runs of O(service).
      - V(push) hands over to Loki or Elasticsearch what of the journal it has not taken yet.
      - V(told) puts on record who was told of a run, and who could not be.
      - V(approve) gives one's word for a request that V(begin) refused for want of it.
      - V(wait) says that a run waits for a person's word after its canary, and whether it has one. V(go_on) gives it.
      - V(stop) lets a run be granted nothing more, without O(run) every live run of O(service). What it holds it can
        still finish.
      - V(finish) ends a run. It is past when all of it is done and it holds nothing, and can be resumed otherwise.
    type: str
    required: true
    choices:
      - status
      - plan
      - ask
      - begin
      - ticket
      - acquire
      - renew
      - release
      - stop
      - finish
      - look
      - recover
      - approve
      - wait
      - go_on
      - journal
      - history
      - told
      - push
  ledger:
    description:
      - Absolute path of the ledger's directory, or a node of a ZooKeeper ensemble, as in
        V(zookeeper://zk1:2181,zk2:2181,zk3:2181/restart).
      - V(begin) makes it where only the last part is missing, a directory with mode 0700.
      - Refused are a symbolic link, a directory of another account or open to others, a network file system, and nodes
        that others may change.
      - "In ZooKeeper the time is that of the server that leads. It shows only when something is written, so the node
        C(clock) is touched; in check mode, and for who may only read, the time is the host's own."
      - After M(lossless.restart.fleet_description) the collection's action plugin fills in this and whatever else the
        service's description says, the run that this process began, and what the sources were just read to say.
    type: str
  readers:
    description:
      - Who else may read what is made in ZooKeeper, as digest identities C(user:base64(sha1(user:password))).
      - All other rights to it has only the identity of O(auth).
    type: list
    elements: str
    default: []
  service:
    description: Name of the service. Needed by V(plan), V(begin) and V(acquire).
    type: str
  run:
    description: The run's id, as V(begin) returned it.
    type: str
  owner:
    description: The process that makes the run. Only it goes on with its run, until the run is resumed by another.
    type: dict
    suboptions:
      name:
        description: Who started it, for people.
        type: str
        required: true
      machine:
        description: The controller's name.
        type: str
        required: true
      boot:
        description: The controller's boot id.
        type: str
        required: true
      pid:
        description: The process's number.
        type: int
        required: true
      start:
        description: When the process started, in any form that tells it from another one of the same number.
        type: raw
        required: true
  reason:
    description: Why the service is restarted, for the record. At most 200 printable characters.
    type: str
    default: ""
  change:
    description: The change or incident that it is done for, as in V(CHG-4711), for the record.
    type: str
    default: ""
  glass:
    description:
      - Why this run may go below the floor. Told to V(begin) it is on record, and only then V(acquire) heeds it.
      - One member of every pool stays in traffic all the same.
    type: str
    default: ""
  empty:
    description: With O(glass), that a pool of a single member may be empty for as long as its restart takes.
    type: bool
    default: false
  kind:
    description: What the run is, which the policy allows or not. V(forced) cuts work off.
    type: str
    choices: [rolling, single, canary, forced]
    default: rolling
  selected:
    description: All hosts that were selected, to which an approval is bound. Needed by V(begin) where one is needed.
    type: list
    elements: str
  confirm:
    description: The service's name once more, where the policy wants it before V(begin).
    type: str
    default: ""
  within:
    description: Seconds for which V(wait) waits, from its first call on.
    type: float
  awx:
    description:
      - What AWX says of its job. It is believed only where the login at the ledger's host is one of the policy's
        C(awx_accounts).
    type: dict
    suboptions:
      user:
        description: AWX's user.
        type: str
      template:
        description: The job template's name.
        type: str
      job:
        description: The job's id.
        type: str
  link:
    description: Where people see more of the run, such as a pipeline's address, for the record of V(begin).
    type: str
    default: ""
  about:
    description: What V(told) is about, a word such as V(started).
    type: str
  heard:
    description: The names of those who were told.
    type: list
    elements: str
    default: []
  unheard:
    description: By name, why somebody could not be told.
    type: dict
    default: {}
  push:
    description: Who takes the journal, for V(push).
    type: dict
    suboptions:
      kind:
        description: Which API it has.
        type: str
        required: true
        choices: [loki, elasticsearch]
      url:
        description: Where it answers, without the path of its API.
        type: str
        required: true
      labels:
        description: Of Loki's stream, by default C(job=lossless_restart).
        type: dict
      index:
        description: Elasticsearch's index, by default V(lossless-restart).
        type: str
      headers_file:
        description: "A file with a line C(Name: value) for each header of the request, as for a token or a tenant."
        type: str
      ca_file:
        description: Certificates (PEM) of the authorities that are trusted. By default those of the system.
        type: str
      timeout:
        description: Seconds for one answer.
        type: float
        default: 5.0
  cursor:
    description: Absolute path of the file that V(push) keeps, with the number of the last line that was taken.
    type: str
  request:
    description: Id of the request that V(approve) approves.
    type: str
  heads:
    description: Heads of the journal that receipts told, as in V(1234:3f9c1a2b7d40aa10), which V(journal) compares.
    type: list
    elements: str
    default: []
  begin:
    description: V(history) lists runs that began then or later, in seconds since the epoch.
    type: float
  end:
    description: V(history) lists runs that began then or before, in seconds since the epoch.
    type: float
  signature:
    description: What C(ssh-keygen -Y sign -n lossless.restart) made of the request's text, for V(approve).
    type: str
  planned:
    description: The hosts that the run is to restart. Needed by V(begin).
    type: list
    elements: str
  since:
    description: Only older processes are restarted, as seconds since the epoch by the ledger's clock. By default now.
    type: float
  dead:
    description: The owners, as O(owner), of runs whose process the caller has proved to be dead.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Who started it, for people.
        type: str
        required: true
      machine:
        description: The controller's name.
        type: str
        required: true
      boot:
        description: The controller's boot id.
        type: str
        required: true
      pid:
        description: The process's number.
        type: int
        required: true
      start:
        description: When the process started, in clock ticks from the boot.
        type: raw
        required: true
  new:
    description: Begin a new run although another one could be resumed. Its leases are taken over all the same.
    type: bool
    default: false
  take_over:
    description:
      - Id of a run of the service that V(plan) and V(begin) take for dead, although nothing proves it. For a run of
        another machine. It goes on the record.
    type: str
  wanted:
    description: Inventory hosts, in the order in which they are wanted.
    type: list
    elements: str
  pools:
    description: Every pool that the service's instances are in, and the service itself as C(service/NAME).
    type: list
    elements: dict
    suboptions:
      id:
        description: As traffic points and readings name it.
        type: str
        required: true
      kind:
        description: Kind of traffic point, or V(service).
        type: str
        required: true
      name:
        description: The pool's name for people.
        type: str
        required: true
      floor:
        description: Its own floor instead of O(floor).
        type: str
      hosts:
        description: All configured members, whatever was selected.
        type: list
        elements: str
        required: true
  instances:
    description:
      - "By inventory host of every pool's member: C(address), C(probe) (an C(url) or C(tcp) target of
        M(lossless.restart.health_gate)) and C(points), a list of C(kind), C(pool), C(source) and C(member)."
    type: dict
  readings:
    description:
      - "What each source says of each pool: C(kind), C(pool), C(source) and C(members), a list of C(member), C(state)
        (V(up), V(down), V(drain) or V(backup)), C(weight) and C(addresses)."
      - C(source) and C(error) for a source that could not be read.
    type: list
    elements: dict
  floor:
    description: Least share of every pool's configured members that stays in traffic, as in V(30%). Below 100%.
    type: str
  max_out:
    description: Most instances of the service that may be in work at once over all runs, as a count or a share.
    type: str
  fit:
    description:
      - V(refuse) grants all that is wanted, or fails.
      - V(wait) keeps a place in the queue until all that is wanted fits. First come, first served, among those that
        fit. Whoever was passed for a minute is not passed any more.
      - V(shrink) grants the largest safe part, and fails where that is none. Beyond 12 instances it takes one after
        the other in their order, which is as safe, and may grant fewer only where pools overlap in part.
    type: str
    choices: [refuse, shrink, wait]
    default: refuse
  patience:
    description: Seconds for which V(ticket) waits until it is the turn of O(run), which wants O(wanted) of O(pools).
    type: float
    default: 0.0
  drained:
    description: What to do with a wanted instance that a person took out of traffic.
    type: str
    choices: [skip, include]
    default: skip
  ticket:
    description: What V(ticket) returned.
    type: dict
  held:
    description: Seconds for which leases are held from now on. Needed by V(acquire) and V(renew).
    type: float
  step:
    description:
      - The step that V(renew) notes.
      - With it, the collection's action plugin lets V(release) give back only what is at this step.
    type: str
  process:
    description: By host, the identity of its process before the restart, for the record.
    type: dict
  tokens:
    description: By host, the token that the caller was granted. Where given, V(renew) and V(release) compare it.
    type: dict
  done:
    description: That V(release) notes the hosts as restarted and in traffic again.
    type: bool
    default: false
  stopped:
    description:
      - With O(action=recover), that it also takes over what runs kept out that stopped and reported.
      - With O(action=finish), that the run is to be resumed by the same command, also where all of it is done.
    type: bool
    default: false
  why:
    description: Why the run is stopped, or ended early. Cut to 200 characters.
    type: str
  pace:
    description: Batch sizes for V(plan), as counts or shares of O(wanted). The last one repeats.
    type: list
    elements: raw
  resumes:
    description:
      - The run that V(plan) was to resume, as it returned it, with C(run) and C(done); empty for a new one.
      - V(begin) goes on with that run, if nothing was done in it since, or begins a new one; never with another.
      - Where it is not given, V(begin) chooses as V(plan) would now.
    type: dict
  replaces:
    description: Id of the ledger that this one replaces, where sources still know members under it.
    type: str
    default: ""
  probe_deadline:
    description: Seconds that one probe may take.
    type: float
    default: 2.0
attributes:
  diff_mode:
    description: The ledger's records are not shown.
    support: none
extends_documentation_fragment:
  - lossless.restart.common
  - lossless.restart.zookeeper
seealso:
  - module: lossless.restart.nginx_upstream_info
  - module: lossless.restart.health_gate
"""

EXAMPLES = r"""
- name: See who holds what out of traffic
  lossless.restart.availability_guard:
    action: status
    ledger: /var/lib/lossless_restart/ledger
  delegate_to: bastion
  register: ledger

- name: Let a run be granted nothing more
  lossless.restart.availability_guard:
    action: stop
    ledger: /var/lib/lossless_restart/ledger
    run: "{{ item.id }}"
    why: stopped by the person on call
  delegate_to: bastion
  loop: "{{ ledger.runs }}"
"""

RETURN = r"""
msg:
  description: For people, with numbers and names.
  returned: always
  type: str
  sample: "order_svc: 10 configured, 9 in traffic, 1 out (order-9: unhealthy: connection refused); floor 30% = 3;
    may take out 6 more"
run:
  description: The run's id.
  returned: for begin, stop and finish
  type: str
  sample: 20261123T120301-7f3a2c
ledger:
  description: The ledger's C(id) and C(place), which hosts remember with each member that was changed under it.
  returned: for begin
  type: dict
  sample: {"id": "5d2c6c3e-0d0b-4a6e-9a63-3f6f4d4f3c11", "place": "bastion:/var/lib/lossless_restart/ledger"}
resumed:
  description: Whether V(begin) goes on with an earlier run; V(plan) lists the hosts that such a run left out.
  returned: for begin and plan
  type: raw
since:
  description: Only processes older than this are restarted, by the ledger's clock.
  returned: for begin and finish
  type: float
elapsed:
  description: How many seconds ago that was, so that no other clock is needed.
  returned: for begin and renew
  type: float
leases:
  description:
    - By host what the run holds; for V(status) a list of all.
    - A lease has C(host), C(run), C(service), C(token), C(since), C(until), C(step), C(reason), C(pools), C(before)
      (each traffic point with its state and weight before the first grant) and C(process).
  returned: for begin, renew and status
  type: raw
left_out:
  description: By host, what is out by other runs of the service, or by this one beside what was planned.
  returned: for begin
  type: dict
ticket:
  description: The ledger's id, its revision, and its clock.
  returned: for ticket
  type: dict
stale:
  description: Whether the ticket was too old. Nothing was granted then; take a new one and measure again.
  returned: for acquire
  type: bool
waiting:
  description:
    - Whether the run is in the queue, for room or since others came before it. Nothing was granted then.
    - Take a new ticket, with O(patience), and measure again. RV(msg) says who holds what, and for how long.
  returned: for acquire, and for ticket where it is so
  type: bool
waited:
  description: Seconds that were waited for the run's turn.
  returned: for ticket with O(patience)
  type: float
granted:
  description: By host its lease.
  returned: for acquire and recover
  type: dict
refused:
  description: By host why it was not granted, and who can lift that.
  returned: for acquire
  type: dict
levels:
  description:
    - Where each pool stands, for V(acquire) with the grant in it. C(pool), C(name), C(configured), C(in_traffic),
      C(out), C(floor), C(least), C(room), C(below), C(msg).
    - For V(look) also C(at_most), whether something was not read, so that fewer may be in traffic.
  returned: for plan, acquire and look
  type: list
  elements: dict
strays:
  description: By host, C(why) and C(detail) of the service's members that are out of traffic and that no lease holds.
  returned: for look
  type: dict
troubles:
  description: What the sources could not say, and where they and the inventory disagree.
  returned: for look
  type: list
  elements: str
ledger_trouble:
  description: Why the ledger could not be read, or nothing.
  returned: for look
  type: str
closed:
  description: The policy's windows that keep anybody from taking something out now, as in RV(against).
  returned: for look
  type: list
  elements: str
policy_trouble:
  description: What is wrong with the policy itself, or nothing.
  returned: for look
  type: str
kept:
  description: By host why it was not taken over, C(detail), and whether nobody is at work with it, C(left).
  returned: for recover
  type: dict
recovered:
  description: The runs that were taken over.
  returned: for recover
  type: list
  elements: str
batches:
  description: Who would be restarted together, in this order.
  returned: for plan
  type: list
  elements: list
sizes:
  description: The steps of O(pace) as counts.
  returned: for plan
  type: list
  elements: int
notes:
  description: Which batches are smaller than their step.
  returned: for plan
  type: list
  elements: str
lowest:
  description: By pool, the fewest that would be in traffic, C(in_traffic), beside C(configured) and C(least).
  returned: for plan
  type: dict
blocked:
  description: By host why it cannot be restarted, and who can lift that.
  returned: for plan
  type: dict
unhealthy:
  description: By host what its probe saw, of all members that are not healthy and that no lease holds.
  returned: for plan
  type: dict
resumes:
  description: The run that V(begin) would go on with. C(run), C(since), C(began), C(done), C(planned), C(msg).
  returned: for plan
  type: dict
expected:
  description: Seconds that as many instances took in the service's newest finished run; null before the first.
  returned: for plan
  type: float
policy:
  description:
    - What the policy says of the service. C(environment), C(place), C(version), C(approval), C(confirm), C(at_most),
      C(contact), and for V(plan) C(who) asks as it knows them. Null where there never was a policy.
  returned: for plan and look
  type: dict
against:
  description: The policy's rules that are against it, each with its place, the number and who can lift it.
  returned: for plan
  type: list
  elements: str
requests:
  description:
    - Plans that wait for another person's word, or have it. C(id), C(plan), C(since), C(until), C(by), C(text).
  returned: for status and look
  type: list
  elements: dict
journal:
  description: The head of the journal, the number of its last line and that line's hash.
  returned: for begin and finish
  type: str
  sample: 1234:3f9c1a2b7d40aa10
whole:
  description: Whether every line of the journal is there as it was written.
  returned: for journal
  type: bool
wrong:
  description: The first thing that is wrong with the journal, with its place, or nothing.
  returned: for journal
  type: str
lines:
  description: How many lines the journal has. The first has the number C(first), and the last is the C(head).
  returned: for journal
  type: int
pushed:
  description: How many lines were taken.
  returned: for push
  type: int
trouble:
  description: Why the rest was not taken, or nothing.
  returned: for push
  type: str
by:
  description: Who approved, as the allowed signers have it.
  returned: for approve
  type: str
done:
  description: Hosts that are done already.
  returned: for plan, begin and finish
  type: list
  elements: str
planned:
  description: Hosts that the last command wanted to restart.
  returned: for begin and finish
  type: list
  elements: str
released:
  description: Hosts whose lease was given back.
  returned: for release
  type: list
  elements: str
complete:
  description: Whether everything planned is done.
  returned: for finish
  type: bool
left:
  description: Planned hosts that are not done; for V(push) how many lines are left.
  returned: for finish and push
  type: raw
out:
  description: By host, what the run still holds out.
  returned: for finish
  type: dict
runs:
  description:
    - Every live run with C(id), C(owner), C(state), C(why), C(planned), C(done), C(holds), C(silent).
    - For V(history) the past ones too, the newest first, without C(holds) and C(silent).
  returned: for status, look and history
  type: list
  elements: dict
events:
  description: The run's events, oldest first.
  returned: for status with a run
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _api, _guard, _zookeeper_place
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed

POOL = {
    "id": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "floor": {"type": "str"},
    "hosts": {"type": "list", "elements": "str", "required": True},
}
OWNER = {
    "name": {"type": "str", "required": True},
    "machine": {"type": "str", "required": True},
    "boot": {"type": "str", "required": True},
    "pid": {"type": "int", "required": True},
    "start": {"type": "raw", "required": True},
}
AWX = {name: {"type": "str"} for name in ("user", "template", "job")}
PUSH: dict[str, Any] = {
    "kind": {"type": "str", "required": True, "choices": ["loki", "elasticsearch"]},
    "labels": {"type": "dict"},
    "index": {"type": "str"},
    **_api.OPTIONS,
}
SPEC: dict[str, Any] = {
    "argument_spec": {
        "action": {
            "type": "str",
            "required": True,
            "choices": [
                "status",
                "plan",
                "ask",
                "begin",
                "ticket",
                "acquire",
                "renew",
                "release",
                "stop",
                "finish",
                "look",
                "recover",
                "approve",
                "wait",
                "go_on",
                "journal",
                "history",
                "told",
                "push",
            ],
        },
        "batch": {"type": "list", "elements": "str"},
        "ledger": {"type": "str"},
        **_zookeeper_place.OPTIONS,
        "readers": {"type": "list", "elements": "str", "default": []},
        "service": {"type": "str"},
        "run": {"type": "str"},
        "owner": {"type": "dict", "options": OWNER},
        "reason": {"type": "str", "default": ""},
        "change": {"type": "str", "default": ""},
        "glass": {"type": "str", "default": ""},
        "empty": {"type": "bool", "default": False},
        "kind": {"type": "str", "choices": ["rolling", "single", "canary", "forced"], "default": "rolling"},
        "selected": {"type": "list", "elements": "str"},
        "confirm": {"type": "str", "default": ""},
        "within": {"type": "float"},
        "awx": {"type": "dict", "options": AWX},
        "link": {"type": "str", "default": ""},
        "push": {"type": "dict", "options": PUSH},
        "cursor": {"type": "str"},
        "about": {"type": "str"},
        "heard": {"type": "list", "elements": "str", "default": []},
        "unheard": {"type": "dict", "default": {}},
        "request": {"type": "str"},
        "signature": {"type": "str"},
        "heads": {"type": "list", "elements": "str", "default": []},
        "begin": {"type": "float"},
        "end": {"type": "float"},
        "planned": {"type": "list", "elements": "str"},
        "since": {"type": "float"},
        "dead": {"type": "list", "elements": "dict", "options": OWNER, "default": []},
        "new": {"type": "bool", "default": False},
        "take_over": {"type": "str"},
        "wanted": {"type": "list", "elements": "str"},
        "pools": {"type": "list", "elements": "dict", "options": POOL},
        "instances": {"type": "dict"},
        "readings": {"type": "list", "elements": "dict"},
        "floor": {"type": "str"},
        "max_out": {"type": "str"},
        "fit": {"type": "str", "choices": ["refuse", "shrink", "wait"], "default": "refuse"},
        "patience": {"type": "float", "default": 0.0},
        "drained": {"type": "str", "choices": ["skip", "include"], "default": "skip"},
        "ticket": {"type": "dict"},
        "held": {"type": "float"},
        "step": {"type": "str"},
        "process": {"type": "dict"},
        "tokens": {"type": "dict", "no_log": False},
        "done": {"type": "bool", "default": False},
        "stopped": {"type": "bool", "default": False},
        "why": {"type": "str"},
        "pace": {"type": "list", "elements": "raw"},
        "resumes": {"type": "dict"},
        "replaces": {"type": "str", "default": ""},
        "probe_deadline": {"type": "float", "default": 2.0},
    },
    "supports_check_mode": True,
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Hand the parameters to the guard."""
    try:
        return _guard.run(params, check_mode=check_mode)
    except _guard.Refused as refusal:
        raise Failed(str(refusal), refusal.facts) from refusal


def main() -> None:
    _answer.give(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
