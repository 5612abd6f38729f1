# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx_upstream_member and nginx_upstream_info on a real nginx under requests.

Whether it worked is asked of nginx (which backend answers), of the files' bytes, of ps and of nginx's own log.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _nginx_member, _rewrite
from ansible_collections.lossless.restart.plugins.module_utils._fence import Fenced
from ansible_collections.lossless.restart.plugins.module_utils._files import LockTimeout
from ansible_collections.lossless.restart.plugins.module_utils._nginx_conf import ConfigError
from ansible_collections.lossless.restart.plugins.module_utils._nginx_host import HostError
from ansible_collections.lossless.restart.plugins.module_utils._nginx_upstream import MemberError

from tests.lab import adhoc
from tests.lab.nginx import BINARIES, Backend, Nginx, backends, free_port, until

MEMBER = {"state": None, "weight": None, "weight_written": None, "token": None}
SERVER = """
    server { listen 127.0.0.1:%port; location / { proxy_pass http://order_svc; proxy_next_upstream off; } }
"""


class Fleet:
    """One nginx, its backends, and the module."""

    def __init__(self, nginx: Nginx, servers: list[Backend]) -> None:
        self.nginx, self.servers = nginx, servers

    def ask(self, *members: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
        """What the module returns for members of order_svc (unless they name another), each {member, state, ...}."""
        params = {
            **self.nginx.params(), "token": None, "deadline": 10.0, "interval": 0.05, "cut": False, "recheck": False,
            "ledger": None, "allow_empty": False,
            "state_dir": str(self.nginx.folder / "state"), **options,
            "members": [{**MEMBER, "upstream": "order_svc", **member} for member in members],
        }  # fmt: skip
        return _nginx_member.run(_nginx_member.task(params, check))

    def refused(self, kind: type[Exception], *members: dict[str, Any], **options: Any) -> str:
        """The text of the refusal; the configuration and nginx's workers are as they were."""
        before, workers, reloads = self.bytes(), self.nginx.workers(), self.nginx.reloads()
        with pytest.raises(kind) as caught:
            self.ask(*members, **options)
        assert self.bytes() == before
        assert (self.nginx.workers(), self.nginx.reloads()) == (workers, reloads)
        return str(caught.value)

    def bytes(self) -> dict[str, bytes]:
        """Every file that nginx may read, drafts as well."""
        return {str(path): path.read_bytes() for path in self.nginx.folder.rglob("*conf*") if path.is_file()}

    def first(self, **wanted: Any) -> dict[str, Any]:
        return {"member": self.servers[0].address, **wanted}


def upstream(name: str, servers: list[Backend], more: str = "") -> str:
    return f"upstream {name} {{ {' '.join(f'server {one.address};' for one in servers)} {more} }}\n"


@contextlib.contextmanager
def fleet(http: str = "", binary: str = BINARIES[0], count: int = 3, top: str = "", more: str = "") -> Iterator[Fleet]:
    folder = Path(tempfile.mkdtemp(prefix="lossless-nginx-"))
    folder.chmod(0o755)
    with backends(count) as servers:
        nginx = Nginx(folder, upstream("order_svc", servers, more) + SERVER + http, binary, top)
        try:
            nginx.start()
            yield Fleet(nginx, servers)
        finally:
            nginx.stop()
            subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def three() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Makes a command that does what a line of shell says: a stand-in for `test` or `reload`."""

    def make(line: str) -> list[str]:
        path = tmp_path / f"command-{len(list(tmp_path.iterdir()))}"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return [str(path)]

    return make


@pytest.mark.parametrize("binary", BINARIES)
@pytest.mark.parametrize("keepalive", ["", "keepalive 8;"])
def test_down_and_up_again(binary: str, keepalive: str) -> None:
    with fleet(binary=binary, more=keepalive) as made:
        out, *others = (server.address for server in made.servers)
        before = made.bytes()
        assert set(made.nginx.answers()) == {out, *others}

        assert made.ask(made.first(state="down"), check=True)["changed"]
        assert made.bytes() == before

        taken = made.ask(made.first(state="down"))
        assert (taken["changed"], taken["reloaded"]) == (True, True)
        assert made.nginx.config.read_bytes() == before[str(made.nginx.config)].replace(
            f"server {out};".encode(), f"server {out} down;".encode()
        )
        assert set(made.nginx.answers()) == set(others)
        assert made.nginx.reloads() == 1

        again = made.ask(made.first(state="down"))
        assert (again["changed"], again["reloaded"], made.nginx.reloads()) == (False, False, 1)
        made.ask(made.first(state="down"), recheck=True)

        back = made.ask(*taken["before"])
        assert back["changed"]
        assert made.bytes() == before
        assert set(made.nginx.answers()) == {out, *others}
        assert made.nginx.reloads() == 2


def test_weight_moves_traffic_and_back(three: Fleet) -> None:
    before = three.bytes()
    three.ask(three.first(weight=10))
    assert three.nginx.answers(count=24)[three.servers[0].address] == 20
    three.ask(three.first(weight=1))
    assert three.bytes() == before
    assert set(three.nginx.answers(count=6).values()) == {2}


def test_absent_and_present(three: Fleet) -> None:
    out = three.servers[0].address
    three.ask(three.first(state="absent"))
    assert out not in three.nginx.answers()
    assert three.ask(three.first(state="absent"))["changed"] is False
    three.ask(three.first(state="present"))
    assert out in three.nginx.answers()


def test_two_members_of_two_upstreams_in_two_files_are_one_reload() -> None:
    with fleet("include mor[e].conf;") as made:
        (made.nginx.folder / "more.conf").write_text(upstream("pay_svc", made.servers))
        made.nginx.reload()
        before, out = made.bytes(), [server.address for server in made.servers]
        taken = made.ask(
            {"member": out[0], "state": "down"},
            {"member": out[0], "upstream": "pay_svc", "state": "down"},
            {"member": out[1], "upstream": "pay_svc", "state": "down", "weight": 2},
        )
        assert made.nginx.reloads() == 2
        assert (made.nginx.folder / "more.conf").read_text().count(" down;") == 2
        assert out[0] not in made.nginx.answers()
        made.ask(*taken["before"])
        assert (made.nginx.reloads(), made.bytes()) == (3, before)


def test_a_linked_file_stays_a_link_with_owner_mode_and_attributes() -> None:
    with fleet("include sites-enabled/*;") as made:
        available = made.nginx.folder / "sites-available"
        for folder in (available, made.nginx.folder / "sites-enabled"):
            folder.mkdir()
        target, link = available / "pay.conf", made.nginx.folder / "sites-enabled" / "pay"
        target.write_text(upstream("pay_svc", made.servers))
        link.symlink_to("../sites-available/pay.conf")
        target.chmod(0o640)
        owner = (65534, 65534) if os.geteuid() == 0 else (os.getuid(), os.getgid())
        os.chown(target, *owner)
        os.setxattr(target, "user.note", b"kept")
        made.ask(made.first(upstream="pay_svc", state="down"))
        there = target.stat()
        assert link.is_symlink()
        assert b" down;" in target.read_bytes()
        assert (stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid) == (0o640, *owner)
        assert os.getxattr(target, "user.note") == b"kept"
        assert [path.name for path in available.iterdir()] == ["pay.conf"]


def test_a_configuration_broken_before_us(three: Fleet) -> None:
    with three.nginx.config.open("a") as config:
        config.write("no_such_directive on;\n")
    text = three.refused(HostError, three.first(state="down"))
    assert "failed before any change of ours" in text
    assert 'unknown directive "no_such_directive"' in text
    with three.nginx.config.open("a") as config:
        config.write("http {")
    text = three.refused(ConfigError, three.first(state="down"))
    assert "cannot be read as it stands; nothing was changed" in text
    assert "a block is opened here and never closed" in text


def test_a_failed_test_puts_the_old_file_back(three: Fleet, shell: Any) -> None:
    test = shell(f"if grep -q ' down;' {three.nginx.config}; then echo it is bad; exit 1; fi")
    text = three.refused(HostError, three.first(state="down"), test=test)
    assert "it is bad" in text
    assert "The old files were put back and pass the test" in text
    assert three.servers[0].address in three.nginx.answers()


def test_a_reload_command_that_fails_puts_the_old_file_back(three: Fleet) -> None:
    text = three.refused(HostError, three.first(state="down"), reload=["/bin/false"])
    assert "'/bin/false' failed (rc 1)" in text
    assert "The old files were put back" in text
    text = three.refused(HostError, three.first(state="down"), reload=["/no/such/program"])
    assert "'/no/such/program' cannot be run: No such file or directory" in text


def test_a_reload_that_silently_does_nothing(three: Fleet) -> None:
    text = three.refused(HostError, three.first(state="down"), reload=["/bin/true"], deadline=0.5)
    assert "answered well but did nothing within 0.5 s" in text


def test_a_reload_that_nginx_itself_drops(three: Fleet, shell: Any) -> None:
    """The file breaks between test and reload: the signal succeeds, and the master keeps what it has."""
    config = three.nginx.config
    reload = shell(f"echo broken >> {config}; kill -HUP {three.nginx.master}")
    with pytest.raises(HostError) as caught:
        three.ask(three.first(state="down"), reload=reload, deadline=0.5)
    assert "did nothing within 0.5 s" in str(caught.value)
    assert f"THE OLD FILES COULD NOT BE PUT BACK: {config} was changed by someone else" in str(caught.value)
    assert config.read_text().endswith("broken\nbroken\n")
    assert three.servers[0].address in three.nginx.answers()


def test_a_file_that_changes_under_us(three: Fleet, shell: Any) -> None:
    test = shell(f"grep -q '# by hand' {three.nginx.config} || echo '# by hand' >> {three.nginx.config}")
    with pytest.raises(_rewrite.WriteError) as caught:
        three.ask(three.first(state="down"), test=test)
    assert "was changed by someone else while we worked on it" in str(caught.value)
    config = three.nginx.config.read_text()
    assert config.endswith("# by hand\n")
    assert " down;" not in config
    assert three.nginx.reloads() == 0


def test_a_test_command_that_looks_elsewhere(three: Fleet, shell: Any) -> None:
    test = shell("echo 'nginx: configuration file /etc/nginx/nginx.conf test is successful'")
    text = three.refused(HostError, three.first(state="down"), test=test)
    assert "looks at /etc/nginx/nginx.conf" in text


def test_a_full_disk(three: Fleet) -> None:
    """The file may grow no larger than it is: the word does not fit."""
    size = three.nginx.config.stat().st_size
    with limited(resource.RLIMIT_FSIZE, size):
        text = three.refused(_rewrite.WriteError, three.first(state="down"))
    assert "nginx.conf: cannot be written: " in text
    assert "Nothing was changed." in text


@contextlib.contextmanager
def limited(kind: int, value: int) -> Iterator[None]:
    old = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, old)


def test_a_folder_that_may_not_be_written(three: Fleet) -> None:
    """As an account that may read the file and not replace it."""
    three.nginx.folder.chmod(0o555)
    with tempfile.TemporaryDirectory() as state, nobody(state):
        stubs = {"state_dir": state, "test": ["true"], "reload": ["true"], "version": ["echo", "version: nginx/1.31.3"]}
        text = three.refused(_rewrite.WriteError, three.first(state="down"), **stubs)
    assert "nginx.conf: cannot be written: Permission denied. Nothing was changed." in text


@contextlib.contextmanager
def nobody(folder: str) -> Iterator[None]:
    """Without root's rights, with `folder` as its own."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, 65534, 65534)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_a_long_request_keeps_the_member_until_it_ends(three: Fleet) -> None:
    held, client = hold(three)
    timer = threading.Timer(0.6, held.released.set)
    timer.start()
    began = time.monotonic()
    answer = three.ask({"member": held.address, "state": "down"})
    assert time.monotonic() - began >= 0.6
    assert answer["waited"] > 0.2
    assert "proved out after" in answer["msg"]
    client.join(10)
    assert held.address not in three.nginx.answers()


def hold(made: Fleet) -> tuple[Backend, threading.Thread]:
    """A request that one of the backends holds; which one, and the client's thread."""

    def get() -> None:
        with contextlib.suppress(OSError):
            made.nginx.get("/hold")

    client = threading.Thread(target=get, daemon=True)
    client.start()
    return until(lambda: next((one for one in made.servers if one.held.acquire(blocking=False)), None)), client


def test_a_deadline_that_passes_names_what_is_left(three: Fleet) -> None:
    held, _client = hold(three)
    old = three.nginx.workers()
    with pytest.raises(_nginx_member.NotOut) as caught:
        three.ask({"member": held.address, "state": "down"}, deadline=0.5)
    text = str(caught.value)
    assert "NOT proved out within 0.5 s" in text
    assert f"old workers still shutting down: pid {old[0]}" in text
    assert f"1 to {held.address}" in text
    assert caught.value.result["before"][0]["state"] == "up"
    assert f"server {held.address} down;" in three.nginx.config.read_text()
    assert held.address not in three.nginx.answers()

    cut = three.ask({"member": held.address, "state": "down"}, deadline=0.2, cut=True)["cut"]
    assert [(one["member"], one["connections"], one["workers"]) for one in cut] == [(held.address, 1, old)]
    with pytest.raises(_nginx_member.NotOut):
        three.ask({"member": held.address, "state": "down"}, recheck=True)
    held.released.set()
    until(lambda: three.nginx.workers() and not set(old) & set(three.nginx.workers()))
    assert three.ask({"member": held.address, "state": "down"}, recheck=True)["changed"] is False


def test_putting_in_does_not_wait_for_old_workers(three: Fleet) -> None:
    three.ask(three.first(state="down"))
    held, _client = hold(three)
    answer = three.ask(three.first(state="up"), deadline=5.0)
    assert answer["waited"] < 5.0, "the held request ends only below: waiting for it would take the whole deadline"
    assert three.servers[0].address in three.nginx.answers()
    held.released.set()


def test_recheck_writes_nothing_and_fails_for_what_is_in(three: Fleet) -> None:
    text = three.refused(_nginx_member.NotOut, three.first(state="down"), recheck=True)
    assert f"not out in the configuration: {three.servers[0].address} of order_svc is up" in text


def test_a_file_that_nginx_has_not_read_yet(three: Fleet) -> None:
    """Written by someone who did not reload, or by us, killed before the reload."""
    time.sleep(0.05)
    config, out = three.nginx.config, three.servers[0].address
    config.write_text(config.read_text().replace(f"server {out};", f"server {out} down;"))
    text = three.refused(_nginx_member.NotOut, three.first(state="down"), recheck=True)
    assert "nginx has not read" in text
    answer = three.ask(three.first(state="down"))
    assert (answer["changed"], answer["reloaded"], three.nginx.reloads()) == (True, True, 1)
    assert out not in three.nginx.answers()


def test_the_fence_refuses_an_older_token(three: Fleet) -> None:
    one, two = ({"member": server.address, "state": "down"} for server in three.servers[:2])
    three.ask(one, token=7)
    text = three.refused(Fenced, {**one, "state": "up"}, token=6)
    assert "token 6 is older than 7" in text
    text = three.refused(Fenced, two, {**one, "state": "up", "token": 6}, token=9)
    assert "token 6 is older than 7" in text
    three.ask(two, token=3)
    three.ask({**one, "state": "up"}, token=7)
    three.ask({**two, "state": "up"})


def test_the_last_live_server_stays(three: Fleet) -> None:
    text = three.refused(MemberError, *({"member": server.address, "state": "down"} for server in three.servers))
    assert "would be left without a live server: of its 3 servers 3 are live" in text
    three.ask(*({"member": server.address, "state": "down"} for server in three.servers[:2]))
    text = three.refused(MemberError, {"member": three.servers[2].address, "state": "absent"})
    assert "of its 3 servers 1 are live" in text


def test_a_lock_that_is_held(three: Fleet, shell: Any) -> None:
    waiting = three.nginx.folder / "waiting"
    test = shell(f"touch {waiting}; while [ -e {waiting} ]; do sleep 0.05; done")
    first = threading.Thread(target=three.ask, args=(three.first(state="down"),), kwargs={"test": test}, daemon=True)
    first.start()
    until(waiting.exists)
    with pytest.raises(LockTimeout):
        three.ask({"member": three.servers[1].address, "state": "down"}, deadline=0.3)
    end = time.monotonic() + 10
    while first.is_alive() and time.monotonic() < end:
        waiting.unlink(missing_ok=True)
        time.sleep(0.02)
    assert three.nginx.reloads() == 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "nginx is not running: its pid file"),
        ("", "no pid can be read from it"),
        ("4194303\n", "which does not exist (a stale pid file)"),
        ("{own}\n", "and no nginx master"),
    ],
)
def test_a_stale_pid_file(three: Fleet, content: str | None, text: str) -> None:
    pid_file = three.nginx.folder / "nginx.pid"
    right = pid_file.read_text()
    before = three.bytes()
    pid_file.unlink() if content is None else pid_file.write_text(content.format(own=os.getpid()))
    try:
        with pytest.raises(HostError) as caught:
            three.ask(three.first(state="down"))
        assert text in str(caught.value)
        assert three.bytes() == before
        assert text in adhoc.call("nginx_upstream_info", three.nginx.params())["workers"]["error"]
    finally:
        pid_file.write_text(right)


def test_an_upgrade_of_the_binary_under_way(three: Fleet) -> None:
    (three.nginx.folder / "nginx.pid.oldbin").write_text("1")
    text = three.refused(HostError, three.first(state="down"))
    assert "an upgrade of nginx's binary is under way" in text


def test_another_line_for_the_same_address() -> None:
    """Another upstream goes on sending there: its connections are not waited for, and it is said."""
    with fleet() as made:
        out = made.servers[0]
        made.nginx.edit("server { listen", upstream("pay_svc", [out]) + "server { listen")
        answer = made.ask({"member": out.address, "state": "down"})
        assert list(answer["still_sent_to"]) == [out.address]
        assert "pay_svc" in answer["warnings"][-1]
        assert out.address not in made.nginx.answers()


def test_a_line_past_every_upstream() -> None:
    with fleet(count=2) as made:
        out, other = made.servers
        made.nginx.edit("location / {", f"location /x {{ proxy_pass http://{out.address}/y; }} location / {{")
        text = made.refused(MemberError, made.first(state="down"))
        assert f"nginx.conf:9: 'proxy_pass http://{out.address}/y' leads to {out.address} past every upstream" in text
        assert "past every upstream" in adhoc.call("nginx_upstream_info", made.nginx.params())["warned"][-1]
        made.ask({"member": other.address, "state": "down"})


def test_drain_needs_sticky_and_a_version(three: Fleet, shell: Any) -> None:
    text = three.refused(MemberError, three.first(state="drain"))
    assert "has no 'sticky', without which nginx knows no drain" in text
    three.nginx.edit("upstream order_svc {", "upstream order_svc { sticky cookie srv;")
    text = three.refused(MemberError, three.first(state="drain"), version=shell("echo nginx version: nginx/1.28.0"))
    assert "needs nginx 1.29.6 or later and 'sticky' in the upstream; this is nginx/1.28.0" in text


def test_drain_keeps_the_sessions_that_stick() -> None:
    with fleet(more="sticky cookie srv;") as made:
        out = made.servers[0].address
        taken = made.ask(made.first(state="drain"))
        assert out not in made.nginx.answers()
        assert f"server {out} drain;" in made.nginx.config.read_text()
        made.ask(made.first(state="down"))
        assert f"server {out} down;" in made.nginx.config.read_text()
        made.ask(*taken["before"])
        assert out in made.nginx.answers()


def test_a_stream_upstream_of_the_same_name() -> None:
    with backends(2) as servers, fleet(top="include strea[m].conf;") as made:
        listen = free_port()
        server = f"server {{ listen 127.0.0.1:{listen}; proxy_pass order_svc; }}"
        (made.nginx.folder / "stream.conf").write_text(f"stream {{ {upstream('order_svc', servers)} {server} }}")
        made.nginx.reload()
        before, out = made.bytes(), servers[0].address
        taken = made.ask({"member": out, "state": "down"})
        assert set(made.nginx.answers(port=listen)) == {servers[1].address}
        assert len(made.nginx.answers()) == 3
        made.ask(*taken["before"])
        assert made.bytes() == before


def test_by_ansible(three: Fleet) -> None:
    """As a person calls it: check, change, nothing to change, restore; another module reads it back."""
    common, out = three.nginx.params(), three.servers[0].address
    ask = {**common, "state_dir": str(three.nginx.folder / "state"), "members": [
        {"upstream": "order_svc", "member": out, "state": "down"}
    ]}  # fmt: skip

    def standing() -> dict[str, str]:
        read = adhoc.call("nginx_upstream_info", {**common, "upstreams": ["order_svc", "none"], "source": "lb-1"})
        assert read["missing"] == ["none"]
        assert [one["pool"] for one in read["readings"]] == ["nginx/order_svc"]
        assert read["workers"]["pids"] == three.nginx.workers()
        return {one["member"]: one["state"] for one in read["upstreams"][0]["members"]}

    before = three.bytes()
    checked = adhoc.call("nginx_upstream_member", ask, adhoc.HERE, "--check", "--diff")
    assert (checked["changed"], three.bytes()) == (True, before)
    taken = adhoc.call("nginx_upstream_member", ask)
    assert (taken["changed"], standing()[out]) == (True, "down")
    assert adhoc.call("nginx_upstream_member", ask)["changed"] is False
    adhoc.call("nginx_upstream_member", {**ask, "members": taken["before"]})
    assert (standing()[out], three.bytes()) == ("up", before)


def test_a_master_that_dies_while_we_wait(three: Fleet) -> None:
    held, _client = hold(three)

    def kill() -> None:
        """Once the reload is done and the lock free."""
        until(lambda: three.nginx.reloads() == 1)
        (lock,) = (three.nginx.folder / "state" / "locks").iterdir()
        with lock.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            os.kill(three.nginx.master, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(_nginx_member.NotOut) as caught:
        three.ask({"member": held.address, "state": "down"}, deadline=15.0)
    killer.join()
    assert "nginx is not running" in str(caught.value)
    held.released.set()
