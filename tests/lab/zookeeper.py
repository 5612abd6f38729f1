# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real ZooKeeper on loopback: one server, or an ensemble of which servers can be killed and paused."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from .demo import wait_for
from .java import START, Place, Server
from .nginx import free_port
from .tls import Authority

HOST = "127.0.0.1"
# A tick in milliseconds: sessions last from 2 to 20, and a leader is given up after 4 without a word.
TICK = 500
CONFIG = """\
tickTime={tick}
initLimit=20
syncLimit=4
dataDir={folder}/data
clientPort={port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=srvr
"""
TLS = """\
secureClientPort={port}
secureClientPortAddress=127.0.0.1
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
ssl.keyStore.location={key}
ssl.trustStore.location={ca}
"""
SASL = "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
JAAS = "Server {{ org.apache.zookeeper.server.auth.DigestLoginModule required {users}; }};\n"
# Nothing has to survive a power cut.
OPTIONS = ("-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=1024", "-Dzookeeper.jmx.log4j.disable=true")


class ZooKeeper:
    """version: a profile of maven/pom.xml. users: for SASL, by name their password. authority: signs for TLS."""

    def __init__(
        self,
        folder: Path,
        *,
        servers: int = 1,
        version: str = "3.9",
        tls: bool = False,
        users: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.ports = [free_port() for _unused in range(servers)]
        self.tls_ports = [free_port() for _unused in range(servers)] if tls else []
        self.authority = Authority(folder / "tls") if tls else None
        self._version = version
        self._users = users or {}
        self._peers = [
            f"server.{number}={HOST}:{free_port()}:{free_port()}" for number in range(1, servers + 1) if servers > 1
        ]
        self.servers = [self._server(number) for number in range(servers)]

    @property
    def hosts(self) -> str:
        """As clients take them."""
        return ",".join(f"{HOST}:{port}" for port in self.ports)

    @property
    def tls_hosts(self) -> str:
        return ",".join(f"{HOST}:{port}" for port in self.tls_ports)

    def mode(self, server: Server) -> str:
        """What the server says of itself: standalone, leader, follower; empty where it does not serve."""
        if not server.alive or server.paused:
            return ""
        _head, _mark, rest = self._srvr(self.ports[self.servers.index(server)]).partition("Mode: ")
        return rest.split()[0] if rest else ""

    def leader(self) -> Server:
        """The server that leads, once one does."""
        return self._one("leader")

    def follower(self) -> Server:
        return self._one("follower")

    def _one(self, mode: str) -> Server:
        found: list[Server] = []

        def known() -> bool:
            found[:] = [server for server in self.servers if self.mode(server) == mode]
            return bool(found)

        wait_for(f"a {mode}", known, START)
        return found[0]

    def start(self) -> None:
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait()

    def stop(self) -> None:
        for server in self.servers:
            server.kill()

    def _server(self, number: int) -> Server:
        folder = self.folder / f"zk{number + 1}"
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "myid").write_text(f"{number + 1}\n")
        lines = CONFIG.format(tick=TICK, folder=folder, port=self.ports[number]) + "\n".join([*self._peers, ""])
        words = [*OPTIONS]
        if self.authority:
            key = self.authority.issue(folder.name, HOST)[2]
            lines += TLS.format(port=self.tls_ports[number], key=key, ca=self.authority.ca)
        if self._users:
            lines += SASL
            users = " ".join(f'user_{name}="{password}"' for name, password in self._users.items())
            (folder / "jaas.conf").write_text(JAAS.format(users=users))
            words.append(f"-Djava.security.auth.login.config={folder}/jaas.conf")
        (folder / "zoo.cfg").write_text(lines)
        main = "quorum.QuorumPeerMain" if self._peers else "ZooKeeperServerMain"
        words += [f"org.apache.zookeeper.server.{main}", str(folder / "zoo.cfg")]
        port = self.ports[number]
        return Server(folder.name, folder, f"zookeeper-{self._version}", words, lambda: "Mode:" in self._srvr(port))

    def _srvr(self, port: int) -> str:
        """The answer to the command `srvr`: as much of it as came."""
        answer = b""
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5) as line:
            line.sendall(b"srvr")
            while data := line.recv(4096):
                answer += data
        return answer.decode()


@contextlib.contextmanager
def zookeeper(
    folder: Path | None = None,
    *,
    servers: int = 1,
    version: str = "3.9",
    tls: bool = False,
    users: Mapping[str, str] | None = None,
) -> Iterator[ZooKeeper]:
    """ZooKeeper inside the block. Without a folder in one of its own, which is kept with its logs on a failure."""
    with Place(folder, "zookeeper") as where:
        zk = ZooKeeper(where, servers=servers, version=version, tls=tls, users=users)
        try:
            zk.start()
            yield zk
        finally:
            zk.stop()
