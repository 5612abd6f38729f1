# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RocketMQ's own servers on loopback: name servers and master brokers."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..java import OPTIONS, Server, jars, program
from ..nginx import free_port
from ..zookeeper import HOST

PROFILE = "rocketmq-5"
# The ones before wanted to be told how to log.
BEFORE = "rocketmq-4"
LOGS = "<configuration><root level='warn'/></configuration>"
# A whole request in their protocol: which brokers there are (106).
_HEADER = b'{"code":106,"flag":0,"language":"PYTHON","opaque":1,"version":401,"serializeTypeCurrentRPC":"JSON"}'
_CLUSTER_INFO = struct.pack(">ii", 4 + len(_HEADER), len(_HEADER)) + _HEADER
BROKER = """\
brokerClusterName=lab
brokerName={name}
brokerId=0
namesrvAddr={names}
brokerIP1=127.0.0.1
bindAddress=127.0.0.1
listenPort={port}
haListenPort={ha}
autoCreateTopicEnable=true
autoCreateSubscriptionGroup=true
defaultTopicQueueNums=8
mappedFileSizeCommitLog=67108864
mappedFileSizeConsumeQueue=600000
timerWheelEnable=false
storePathRootDir={folder}/store
storePathCommitLog={folder}/store/commitlog
"""


class NameServer(Server):
    def __init__(self, folder: Path, options: Sequence[str] = (), profile: str = PROFILE) -> None:
        """options: more of the JVM's."""
        self.port = free_port()
        _logs(folder)
        (folder / "namesrv.conf").write_text(f"listenPort={self.port}\nbindAddress={HOST}\n")
        words = ["-Xmx64m", *options, f"-Drocketmq.home.dir={folder}", "org.apache.rocketmq.namesrv.NamesrvStartup"]
        words += ["-c", str(folder / "namesrv.conf")]
        super().__init__(folder.name, folder, profile, words, lambda: brokers(self) is not None)

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


class Broker(Server):
    """A master. names: of the name servers that it tells of itself. more: lines of its configuration."""

    # It takes 17 s to end in order.
    grace = 30.0

    def __init__(self, folder: Path, names: list[NameServer], more: str = "", profile: str = PROFILE) -> None:
        self.port = _port_with_another()
        _logs(folder)
        addresses = ";".join(one.address for one in names)
        text = BROKER.format(name=folder.name, names=addresses, port=self.port, ha=free_port(), folder=folder)
        (folder / "broker.conf").write_text(text + more)
        words = ["-Xmx256m", f"-Drocketmq.home.dir={folder}", "org.apache.rocketmq.broker.BrokerStartup"]
        words += ["-c", str(folder / "broker.conf")]
        super().__init__(folder.name, folder, profile, words, lambda: all(self.known(one) for one in names))

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def known(self, name: NameServer) -> bool:
        """Whether the name server tells its address: an open port is not enough."""
        return self.address in (brokers(name) or "")


def _logs(folder: Path) -> None:
    (folder / "conf").mkdir(exist_ok=True)
    for name in ("broker", "namesrv"):
        (folder / "conf" / f"logback_{name}.xml").write_text(LOGS)


def _port_with_another() -> int:
    """A free port of which the second below is free too: a broker listens there as well."""
    while True:
        port = free_port()
        with contextlib.suppress(OSError), socket.create_server((HOST, port - 2)):
            return port


def brokers(name: NameServer) -> str | None:
    """What a name server says of its cluster, in its own near-JSON; None where it does not answer."""
    with contextlib.suppress(OSError, struct.error), socket.create_connection((HOST, name.port), timeout=5) as line:
        line.sendall(_CLUSTER_INFO)
        (size,) = struct.unpack(">i", line.recv(4, socket.MSG_WAITALL))
        return line.recv(size, socket.MSG_WAITALL).decode()
    return None


def mqadmin(folder: Path, *words: str) -> str:
    """What RocketMQ's own tool prints, also where it fails."""
    command = [program("java"), *OPTIONS, f"-Duser.home={folder}", f"-Drocketmq.home.dir={folder}", "-cp"]
    command += [f"{jars(PROFILE)}/*", "org.apache.rocketmq.tools.command.MQAdminStartup", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    # It begins with a long account of how it logs.
    return "\n".join(line for line in done.stdout.splitlines() if "|-INFO" not in line)
