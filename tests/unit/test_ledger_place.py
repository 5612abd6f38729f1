# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the ledger is: what a user may write, and what every slip is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _ledger_place
from ansible_collections.lossless.restart.plugins.module_utils._ledger_place import Ensemble

AUTH = {"scheme": "sasl", "file": "/etc/restart/zk"}
READER = "audit:DJ3Qq3k0VYTEtcvCqEDyKDi1iR0="
ZK = "zookeeper://zk1:2181,10.0.0.2:2181,[fd00::3]:2181/team/restart"


def test_a_directory() -> None:
    assert _ledger_place.parse("/var/lib/ledger/", None, None, []) == "/var/lib/ledger"


def test_an_ensemble() -> None:
    tls = {"ca": "/etc/ca.pem", "cert": None, "key": None}
    place = _ledger_place.parse(ZK, AUTH, tls, [READER])
    servers = ["zk1:2181", "10.0.0.2:2181", "[fd00::3]:2181"]
    assert place == Ensemble(servers, "/team/restart", "sasl", "/etc/restart/zk", {"ca": "/etc/ca.pem"}, [READER])
    assert str(place) == ZK


@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        ("zookeeper:zk1:2181/restart", "is no ensemble with a path, as in 'zookeeper://zk1:2181,zk2:2181/restart'"),
        ("zookeeper://zk1:2181", "is no ensemble with a path"),
        ("zookeeper:///restart", "'' has no port"),
        ("zookeeper://zk1/restart", "'zk1' has no port: write host:port"),
        ("zookeeper://zk1:0/restart", "port '0' is not a number from 1 to 65535"),
        ("zookeeper://zk1:2181,/restart", "'' has no port"),
        ("zookeeper://zk1:2181,zk1:2181/restart", "names a server twice"),
        ("zookeeper://zk1:2181, zk2:2181/restart", "' zk2' is neither an address nor a host name"),
        ("zookeeper://[fe80::1%eth0]:2181/restart", "is no IPv6 address"),
        ("zookeeper://zk1:2181/", "ledger '/' is not an absolute path"),
        ("zookeeper://zk1:2181/a//b", "'/a//b' is no path of a node"),
        ("zookeeper://zk1:2181/a/", "'/a/' is no path of a node"),
        ("zookeeper://zk1:2181/a/../b", "without '..'"),
        ("zookeeper://zk1:2181/a/./b", "'/a/./b' is no path of a node"),
        ("zookeeper://zk1:2181/zookeeper/quota", "is no path of a node"),
        ("zookeeper://zk1:2181/a?b=c", "is not an absolute path"),
        ("zookeeper://zk1:2181/\u00fc", "is not an absolute path"),
        ("etcd://e1:2379/restart", "'etcd://e1:2379/restart' is not an absolute path"),
        (None, "ledger None is not an absolute path"),
    ],
)
def test_a_bad_place(ledger: Any, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        _ledger_place.parse(ledger, AUTH if _ledger_place.is_ensemble(ledger) else None)
    assert said in str(refused.value)


def test_a_password_in_it_is_never_shown() -> None:
    with pytest.raises(ValueError, match="has a user or password in it: give them by a file") as refused:
        _ledger_place.parse("zookeeper://ops:hunter2@zk1:2181/restart", AUTH)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"auth": None}, "ledger needs auth in ZooKeeper, or anybody could change it: {scheme: digest, file: /PATH}"),
        ({"auth": {"scheme": "digest"}}, "auth has no file: it names one that holds user:password"),
        ({"auth": {"scheme": "world", "file": "/a"}}, "auth: scheme 'world' is not one of digest, sasl"),
        ({"auth": {"file": "secret"}}, "auth: file 'secret' is not an absolute path"),
        ({"auth": {"file": "/a", "password": "hunter2"}}, "auth has password, and knows only scheme, file"),
        ({"auth": "restart:hunter2"}, "auth is no mapping, as in {file: /PATH}"),
        ({"tls": {"cert": "/a", "key": "/b"}}, "tls has no ca"),
        ({"tls": {"ca": "/a", "cert": "/b"}}, "tls has only one of cert and key"),
        ({"tls": True}, "tls is no mapping"),
        ({"readers": ["audit:hunter2"]}, "readers 'audit:...' is no 'user:digest' with the SHA-1 of 'user:password'"),
        ({"readers": ["audit"]}, "readers 'audit:...' is no 'user:digest'"),
    ],
)
def test_bad_settings(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        _ledger_place.parse(ZK, **{"auth": AUTH, **settings})
    assert said in str(refused.value) and "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", _ledger_place.EXTRA)
def test_what_a_directory_does_not_have(name: str) -> None:
    value = [READER] if name == "readers" else {"file": "/a", "ca": "/b"}
    with pytest.raises(ValueError, match=f"is a directory, and {name} is for ZooKeeper"):
        _ledger_place.parse("/var/lib/ledger", **{name: value})
