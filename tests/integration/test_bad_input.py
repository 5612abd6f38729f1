# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad input to the real command: one clear error, and nothing is touched.

The finer tables of bad values are unit tests (test_description, test_settings, test_names, test_inventory,
test_grammar, test_ledger, test_nginx_*); here each class of them goes the whole way at least once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bad_input import (
    PLAYBOOK,
    Change,
    Refusals,
    another_group,
    every,
    group,
    host,
    traffic,
    without,
)
from tests.lab.demo.playbook import ROOT
from tests.unit.guard_fleet import Fleet as Guarded

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusals]:
    refusals = Refusals(tmp_path_factory.mktemp("bad"))
    with refusals.fleet:
        yield refusals


@pytest.fixture(autouse=True)
def _no_ledger(fleet: Refusals) -> None:
    fleet.fresh()


# What the description and the command line say: refused by the preflight


def misspelt(described: dict[str, Any]) -> None:
    values = described["all"]["children"]["lb"]["hosts"]["lb-1"]
    values["nginx_relaod"] = values.pop("nginx_reload")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (group(fleet_floor="130%"), ("'130%'", "write less than 100%, as in '30%'")),
        (group(fleet_floor=-1), ("floor -1 is no share", "'30%'")),
        (group(fleet_floor="0.3%"), ("'0.3%'", "Did you mean '30%'?")),
        (group(fleet_floor=0.3), ("floor 0.3 is no share", "Did you mean '30%'?")),
        (group(fleet_floor="thirty"), ("'thirty'", "write it in percent, as in '30%'")),
        (group(fleet_pace=[]), ("fleet_pace: pace [] is no list of batch sizes", "[1, '25%']")),
        (group(fleet_pace=[0]), ("fleet_pace: pace step 0 must be at least 1",)),
        (group(fleet_pace=["0%"]), ("fleet_pace: pace step '0%' is not between 1% and 100%",)),
        (group(fleet_pace=["a"]), ("'a' is neither a count (2) nor a share ('25%')",)),
        (group(fleet_service="pay-svc"), ("fleet_service 'pay-svc': the inventory has no group of this name",)),
        (
            every(group(fleet_service="pay-svc"), another_group("pay-svc", {})),
            ("fleet_service 'pay-svc': the inventory has no group of this name with hosts in it",),
        ),
        (
            every(group(fleet_service="pay-svc"), another_group("pay-svc", {"pay-1": {}})),
            ("order-1, order-2, order-3: not in the group pay-svc, but fleet_service says so",),
        ),
        (without("fleet_service"), ("order-1, order-2, order-3: fleet_service is not set",)),
        (host("order-2", fleet_service="pay-svc"), ("of several services", "order-2: pay-svc", "one at a time")),
        (
            host("order-2", fleet_floor="50%"),
            ("order-2: fleet_floor is '50%' here and '30%' at order-1", "the group's"),
        ),
        (group(fleet_ledger_host="bastion"), ("fleet_ledger_host 'bastion' is no host of the inventory",)),
        (without("fleet_ledger_host"), ("fleet_ledger_host is not set: write the one host that has the ledger's",)),
        (
            group(fleet_ledger="zookeeper://zk1:2181/restart"),
            ("fleet_ledger: ledger needs auth in ZooKeeper", "{scheme: digest, file: /PATH}"),
        ),
        (group(fleet_fit="never"), ("fleet_fit must be one of: refuse, shrink, wait, got: never",)),
        (
            group(fleet_break_glass="it is always urgent here"),
            ("order-1: fleet_break_glass stands in the inventory, and is for one run only", "-e fleet_break_glass="),
        ),
        (host("order-2", fleet_ledger_replaces="5d2c6c3e"), ("order-2: fleet_ledger_replaces stands in the",)),
        (group(fleet_take_over="20261123T120301-7f3a2c"), ("order-1: fleet_take_over stands in the inventory",)),
        (group(fleet_since="yesterday"), ("fleet_since 'yesterday' is no moment", "2026-01-31T22:00:00+08:00")),
        (group(fleet_kind="single"), ("exactly one instance, and 3 are selected: use -l HOST",)),
        (host("order-2", instance_address="10.0.0.2"), ("order-2", "'10.0.0.2' has no port: write host:port")),
        (
            host("order-2", instance_address="10.0.0.2:99999"),
            ("order-2: instance_address", "'10.0.0.2:99999'", "'99999' is not a number from 1 to 65535"),
        ),
        (
            group(instance_address="10.0.0.2:8080"),
            ("order-2: instance_address '10.0.0.2:8080' is that of order-1 too",),
        ),
        (group(instance_address="{{ nowhere }}:8080"), ("order-1: instance_address", "'nowhere' is undefined")),
        (
            host("order-3", instance_traffic=traffic("a;b")),
            ("order-3: instance_traffic[0]: upstream 'a;b' is no name",),
        ),
        (host("order-3", instance_traffic=traffic("a}b")), ("upstream 'a}b' is no name: use letters",)),
        (
            host("order-3", instance_traffic=traffic(member="10.0.0.3:80\n;")),
            ("order-3: instance_traffic[0]: member '10.0.0.3:80\\n;'", "is not a number from 1 to 65535"),
        ),
        (host("order-3", instance_traffic=traffic(member='"x":80')), ("member '\"x\":80'", "neither an address")),
        (
            host("order-3", instance_traffic=traffic(member="$host:80")),
            ("member '$host:80'", "neither an address nor a"),
        ),
        (host("order-3", instance_traffic=[]), ("order-3: instance_traffic [] is no list with at least one entry",)),
        (
            host("order-3", instance_traffic=traffic(balancers=["lb-1", "lb-9"])),
            ("lb-9: named in instance_traffic, but no host of the inventory",),
        ),
        (group(instance_health=[{"url": "file:///etc/passwd"}]), ("instance_health[0]", "is no http or https URL")),
        (group(instance_health=[{"url": "http://x/", "expect": ["a"]}]), ('expect ["a"] is list', "write a mapping")),
        (group(instance_health=[{"url": "http://x/", "expect": {"a": "<= b"}}]), ("'<= b' has no number",)),
        (group(instance_health="http://x/"), ("instance_health 'http://x/' is a text, and must be a list",)),
        (group(instance_restart="order-svc"), ("instance_restart 'order-svc' is a text, and must be a mapping",)),
        (without("instance_restart"), ("order-1: missing required arguments: instance_restart",)),
        (
            group(instance_drain_deadline=-1),
            ("order-1: instance_drain_deadline -1.0 is not a number from 0.1 to 36000",),
        ),
        (host("order-1", instance_helth=[]), ("order-1: there is no variable instance_helth: write instance_health",)),
        (
            misspelt,
            ("lb-1: there is no variable nginx_relaod: write nginx_reload",),
        ),
        (host("lb-1", nginx_show_version="1.31.3"), ("lb-1: nginx_show_version '1.31.3' is no command: write a list",)),
    ],
)
def test_a_description(fleet: Refusals, change: Change, said: tuple[str, ...]) -> None:
    assert "Nothing was touched." in fleet.refused(change=change, said=said)


def test_a_password_is_never_shown(fleet: Refusals) -> None:
    said = ("instance_health[0]", "has a user or password in it", "headers_file")
    text = fleet.refused(change=group(instance_health=[{"url": "http://ops:hunter2@10.0.0.3/health"}]), said=said)
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ("no limit was given: say what to restart, as in -l order-svc",)),
        (("-l", "lb"), ("lb-1, lb-2: fleet_service is not set",)),
        (("-l", "order-svc:lb-1"), ("lb-1: fleet_service is not set", "limit the run to a service's hosts")),
        (("-l", "order-svc", "-e", "instance_helth=[]"), ("extra variables: there is no variable instance_helth",)),
        (
            ("-l", "order-svc", "-e", "fleet_pace=[1,2]"),
            ("'[1,2]' is a text", """-e '{"fleet_pace": [...]}'"""),
        ),
        (("-l", "order-svc", "-e", "fleet_run=20260101T000000-abcdef"), ("extra variables: fleet_run cannot be set",)),
        (
            ("-l", "order-svc", "-e", '{"instance_lease": {"order-1": {"token": 99}}}'),
            ("extra variables: instance_lease cannot be set", "Remove it"),
        ),
        (("-l", "order-svc", "-e", "fleet_break_glass="), ("fleet_break_glass is empty: say why",)),
        (("-l", "order-svc", "-e", "fleet_break_glass=true"), ("fleet_break_glass 'true' is no reason",)),
        (("-l", "order-svc", "-e", "fleet_break_glass_empty=true"), ("needs fleet_break_glass: say why",)),
        (("-l", "order-svc", "-e", "fleet_ledger_replaces=all"), ("fleet_ledger_replaces 'all' is no ledger's id",)),
        (("-l", "order-svc", "-e", "fleet_take_over=all"), ("fleet_take_over 'all' is no id of a run, as in '2026",)),
        (("-l", "order-svc", "-e", "fleet_take_over={{ x }}"), ("fleet_take_over '{{ x }}' has a template in it",)),
        (
            ("-l", "order-svc", "-e", "fleet_take_over=20261123T120301-7f3a2c"),
            ("is not in the ledger, or has finished",),
        ),
        (("-l", "order-svc", "-e", "fleet_change={{ 1 }}"), ("fleet_change '{{ 1 }}' has a template in it",)),
        (
            ("-l", "order-svc", "-e", f"fleet_reason={'x' * 201}"),
            ("fleet_reason 'xxx", "has 201 characters"),
        ),
    ],
)
def test_a_command_line(fleet: Refusals, words: tuple[str, ...], said: tuple[str, ...]) -> None:
    assert "Nothing was touched." in fleet.refused(words, said=said)


@pytest.mark.parametrize("limit", ["localhost", "nobody", "order-svc:!order-svc", "empty"])
def test_a_limit_that_selects_nobody(fleet: Refusals, limit: str) -> None:
    """The engine itself refuses; its words are its own."""
    before = fleet.seen()
    code, text = fleet.run(["-l", limit], another_group("empty", {}))
    assert fleet.seen() == before
    assert code != 0 and text.count("[ERROR]") == 1 and "no hosts" in text and "Traceback" not in text, text


def test_a_reason_is_never_templated(fleet: Refusals, tmp_path: Path) -> None:
    reason = "{{ lookup('pipe', 'touch %s') }}" % (tmp_path / "seen")
    said = ("fleet_reason", "lookup", "never templated")
    fleet.refused(["-l", "order-1", "-e", f'{{"fleet_reason": "{reason}"}}'], said=said)
    fleet.refused(["-l", "order-1"], group(fleet_reason=reason), said)
    assert not (tmp_path / "seen").exists()


# What balancers, instances and the ledger say: refused by the plan

ONE = ("-l", "order-1")


def remove(name: str) -> Change:
    return lambda described: described["all"]["children"]["order-svc"]["hosts"].pop(name)


def fourth(described: dict[str, Any]) -> None:
    address = described["all"]["children"]["order-svc"]["hosts"]["order-3"]["ansible_host"] + "3"
    described["all"]["children"]["order-svc"]["hosts"]["order-4"] = {
        "ansible_host": address,
        "instance_traffic": traffic(),
    }


def bastion(described: dict[str, Any]) -> None:
    nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    every(another_group("ops", {"bastion": nowhere}), group(fleet_ledger_host="bastion"))(described)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            host("order-1", instance_traffic=traffic("nosuch")),
            ("lb-1, lb-2: nothing was found of nginx/nosuch; the inventory has 1 there",),
            id="no such upstream",
        ),
        pytest.param(
            host("order-1", instance_traffic=traffic("order_svc", "order_admin", member="10.9.9.9:80")),
            ("lb-1, lb-2: nginx/order_svc does not list 10.9.9.9:80, which the inventory has as order-1",),
            id="a member that is listed nowhere",
        ),
        pytest.param(
            remove("order-3"),
            ("lb-1, lb-2: nginx/order_svc lists 127.", "which is no member in this inventory", "sliced"),
            id="fewer in the inventory",
        ),
        pytest.param(
            fourth,
            ("lb-1, lb-2: nginx/order_svc does not list 127.", "which the inventory has as order-4"),
            id="more in the inventory",
        ),
        pytest.param(
            group(fleet_floor="90%"),
            ("order-1: order-svc: 3 configured, floor 90% = 3: none may ever be out", "lower this pool's floor"),
            id="a floor that no batch can keep",
        ),
        pytest.param(
            host("lb-1", ansible_connection="ssh", ansible_port=1),
            ("lb-1 is unreachable", "Connection refused"),
            id="a balancer that is not reached",
        ),
        pytest.param(bastion, ("bastion is unreachable", "Connection refused"), id="a ledger host that is not reached"),
        pytest.param(
            host("lb-2", nginx_config="/nowhere/nginx.conf"),
            ("lb-2: nginx's configuration cannot be read", "/nowhere/nginx.conf: cannot be read: No such file"),
            id="no configuration",
        ),
        pytest.param(
            every(
                host("order-1", instance_restart={"command": ["true"], "pid_file": "/nowhere/pid"}),
                group(instance_state_deadline=0.5),
            ),
            ("Nothing was touched: order-1: service of /nowhere/pid: is not running",),
            id="a process that is not there",
        ),
    ],
)
def test_a_scene(fleet: Refusals, change: Change, said: tuple[str, ...]) -> None:
    fleet.refused(ONE, change, said)


def test_a_program_that_does_not_exist(fleet: Refusals) -> None:
    folder = fleet.fleet.folder
    restart = {
        "supervisor": "nosuch",
        "config": f"{folder}/supervisord.conf",
        "supervisorctl": [f"{folder}/bin/supervisorctl"],
    }
    said = ("Nothing was touched", "order-1: program nosuch does not exist")
    fleet.refused(ONE, host("order-1", instance_restart=restart), said)


def test_members_that_a_balancer_has_otherwise(fleet: Refusals) -> None:
    line = f"    server {fleet.fleet.instances['order-3']} max_fails=0;\n"
    address = fleet.fleet.instances["order-3"]
    with (
        fleet.configured("lb-1", lambda text: text.replace(line, f"    # {line.strip()}\n", 1)),
        fleet.configured("lb-2", lambda text: text.replace(line, 2 * line, 1)),
    ):
        said = (
            f"lb-1: nginx/order_svc does not list {address}, which the inventory has as order-3",
            f"lb-2: {address} is listed twice in nginx/order_svc",
        )
        fleet.refused(ONE, said=said)


def test_a_pool_of_one(fleet: Refusals) -> None:
    """Of one member the floor lets none be out, whatever the rest of the service has."""
    line = f"    server {fleet.fleet.instances['order-2']} max_fails=0;\n"

    def alone(text: str) -> str:
        head, name, rest = text.partition("upstream order_admin {\n")
        return head + name + rest.replace(line, "", 1)

    said = ("order-1: order_admin: 1 configured, floor 30% = 1: none may ever be out", "Add an instance")
    with ExitStack() as stack:
        for balancer in fleet.fleet.balancers:
            stack.enter_context(fleet.configured(balancer, alone))
        fleet.refused(ONE, host("order-2", instance_traffic=traffic()), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "upstream order_svc { server 10.0.0.9:80; }\n",
            (
                "lb-1: upstream order_svc is given twice with other members",
                "zz.conf:1 has 10.0.0.9:80",
                "Remove one of them",
            ),
        ),
        (
            "server {\n",
            ("lb-1: nginx's configuration cannot be read", "zz.conf:1: a block is opened here", "never closed"),
        ),
    ],
)
def test_a_configuration_that_cannot_be_read(fleet: Refusals, text: str, said: tuple[str, ...]) -> None:
    with fleet.configured("lb-1", lambda _nothing: text, name="zz.conf", live=False):
        fleet.refused(ONE, said=said)


class Endpoints(BaseHTTPRequestHandler):
    """What no health endpoint should be."""

    ended = threading.Event()

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.send_response(302 if name == "redirect" else 200)
        if name == "redirect":
            self.send_header("Location", "/wrong")
        self.end_headers()
        if name == "wrong":
            self.wfile.write(b'{"queue": 7}')
        elif name == "hangs":
            self.ended.wait(60)
        else:
            self.endless()

    def endless(self) -> None:
        """A gigabyte, or as much as the other side takes."""
        try:
            for _number in range(1024):
                self.wfile.write(b" " * 1048576)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def endpoints() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoints)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Endpoints.ended.set()
    server.shutdown()
    server.server_close()


def test_endpoints_that_say_nothing_of_use(fleet: Refusals, endpoints: str) -> None:
    """All at once: each is named with what it said."""
    names = ("redirect", "wrong", "hangs", "huge")
    targets = [{"url": f"{endpoints}/{name}", "expect": {"queue": 0}, "timeout": 0.5} for name in names]
    said = (
        "Nothing was touched: order-1: 4 targets",
        f"{endpoints}/redirect: expected status 200, saw 302, a redirect to '/wrong', which is not followed",
        f"{endpoints}/wrong: queue: expected 0, saw 7",
        f"{endpoints}/hangs: ",
        f"{endpoints}/huge: the answer is longer than 64 KiB: too long to compare",
    )
    fleet.refused(ONE, host("order-1", instance_state=targets, instance_state_deadline=0.5), said)


# The ledger


def an_empty_state(ledger: Path) -> Path:
    """A ledger as a run leaves it that did nothing."""
    guarded = Guarded(ledger, size=3)
    guarded.now = time.time()
    guarded.begin(["order-1"])
    return ledger / "state.json"


def folder_of_mode(mode: int) -> Callable[[Path], object]:
    def make(ledger: Path) -> None:
        ledger.mkdir()
        ledger.chmod(mode)

    return make


def link(ledger: Path) -> None:
    ledger.with_name("elsewhere").mkdir(mode=0o700, exist_ok=True)
    ledger.symlink_to("elsewhere")


def damaged(ledger: Path) -> None:
    an_empty_state(ledger).write_text("{]")


def half_written(ledger: Path) -> None:
    state = an_empty_state(ledger)
    state.write_bytes(state.read_bytes()[:-20])


def written_by_others(ledger: Path) -> None:
    an_empty_state(ledger).chmod(0o666)


def an_hour_ahead(ledger: Path) -> None:
    guarded = Guarded(ledger, size=3)
    guarded.now = time.time() + 3600
    guarded.begin(["order-1"])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (folder_of_mode(0o500), ("is not writable for its owner (mode 0500). chmod 0700",)),
        (folder_of_mode(0o755), ("is open to others (mode 0755). Look who used it, then chmod 0700",)),
        (Path.touch, ("/ledger is no directory",)),
        (link, ("is a symbolic link. Name the directory itself",)),
        (damaged, ("state.json is damaged or of another version", "Nothing was changed, and nothing is guessed")),
        (half_written, ("state.json is damaged or of another version", "Put a good copy back")),
        (written_by_others, ("state.json is not a file of uid", "mode 0666", "somebody else may have changed it")),
        (an_hour_ahead, ("the clock of the ledger's host went back by 3", "Set the clock right")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_ledger(fleet: Refusals, make: Callable[[Path], object], said: tuple[str, ...]) -> None:
    make(fleet.ledger)
    mode = fleet.ledger.lstat().st_mode
    fleet.refused(ONE, said=said)
    assert fleet.ledger.lstat().st_mode == mode


def test_a_ledger_whose_parent_is_not_there(fleet: Refusals) -> None:
    said = ("ledger /nowhere/ledger cannot be made: its parent /nowhere is no directory. Make it first",)
    fleet.refused(ONE, group(fleet_ledger="/nowhere/ledger"), said)


def test_an_instance_that_another_run_holds(fleet: Refusals) -> None:
    guarded = Guarded(fleet.ledger, size=3)
    guarded.now = time.time()
    run = guarded.begin(["order-1"])
    guarded.acquire(run, ["order-1"])
    said = (f"order-1: held by run {run} of alice", "at step granted, for", "Wait for that run, or stop it")
    fleet.refused(ONE, said=said)


def test_a_moment_that_is_still_to_come(fleet: Refusals) -> None:
    said = ("ahead of the ledger's clock. Name a past moment",)
    fleet.refused((*ONE, "-e", "fleet_since=2033-05-18T03:33:19Z"), said=said)


def test_a_configuration_that_was_broken_before_us(fleet: Refusals) -> None:
    with fleet.configured("lb-1", lambda _nothing: "nonsense on;\n", name="zz.conf", live=False):
        fleet.refused(ONE, said=("failed before any change of ours", 'unknown directive "nonsense"', "zz.conf:1"))


def test_a_change_that_nginx_has_not_read_is_said(fleet: Refusals) -> None:
    """It is no error, but our reload makes it live."""
    with fleet.configured("lb-1", lambda _nothing: "# tried out by hand\n", name="zz.conf", live=False):
        code, text = fleet.run((*ONE, "--check"))
    assert code == 0 and "nginx has not read" in text and "our reload will make live what stands there" in text, text


# What shows only while it is done: put back, and nothing is held


def test_a_member_of_an_upstream_that_nobody_names(fleet: Refusals) -> None:
    only = [host(name, instance_traffic=traffic()) for name in fleet.fleet.instances]
    address = fleet.fleet.instances["order-1"]
    said = (f"still sends to {address}", "upstreams.conf:", "name that upstream in instance_traffic too")
    fleet.put_back(ONE, every(*only), said)


def test_a_reload_that_fails(fleet: Refusals) -> None:
    """What nginx runs with is not known then: the file is back, and the lease is kept, so that it is looked at."""
    text = fleet.put_back(ONE, host("lb-1", nginx_reload=["false"]), ("lb-1: 'false' failed (rc 1)",), held=["order-1"])
    assert "nginx may run with either" in text and "lease kept: order-1, at step granted" in text


def test_a_full_disk(fleet: Refusals, tmp_path: Path) -> None:
    """lb-1's conf.d is full, for this run alone: a file system in a name space of its own."""
    conf = fleet.fleet.folder / "lb-1" / "conf.d"
    inventory = fleet.inventory(dict)
    script = f"""
        set -e
        cp -a {conf}/. {tmp_path}/conf.d
        mount -t tmpfs -o size=32k none {conf}
        cp -a {tmp_path}/conf.d/. {conf}
        cat /dev/zero > {conf}/filler 2> /dev/null || true
        echo ready
        read go
        ansible-playbook {PLAYBOOK} -i {inventory} -l order-1 2>&1 || echo "ended with $?"
        rm {conf}/filler
        diff -r {conf} {tmp_path}/conf.d && echo same
    """
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "playbooks" / "ansible.cfg"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    (tmp_path / "conf.d").mkdir()
    before = fleet.kept()
    argv = ["unshare", "--mount", "--map-root-user", "sh", "-c", script]
    with subprocess.Popen(
        argv, cwd=ROOT / "playbooks", env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdin and shell.stdout
        assert shell.stdout.readline() == "ready\n"
        fleet.reload("lb-1")
        text, _none = shell.communicate("go\n", timeout=300)
    assert "upstreams.conf: cannot be written: the disk is full" in text and "Traceback" not in text, text
    assert text.endswith("ended with 2\nsame\n"), text
    assert fleet.kept() == before
    assert json.loads((fleet.ledger / "state.json").read_text())["leases"] == {}
