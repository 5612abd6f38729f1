# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Three ZooKeeper servers that keep a ledger, until SIGTERM: `servers.py FOLDER`. It writes:

ledger.yml    what an inventory says of them, as JSON
state.json    the ledger's state, read by a client of our own, twice a second
killed        there once the server that leads was killed, for which the file `kill` asks
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from kazoo.exceptions import NoNodeError

from tests import lab
from tests.integration.zookeeper_truth import Place, Truth
from tests.lab.zookeeper import HOST

PATH = "/restart"


def main(folder: Path) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with lab.zookeeper(folder / "servers", servers=3) as servers, Truth(servers.hosts) as truth:
        # The one that leads is named first: whoever knew only that one would be lost.
        leader = servers.leader()
        first = servers.ports[servers.servers.index(leader)]
        hosts = ",".join(f"{HOST}:{port}" for port in sorted(servers.ports, key=lambda port: port != first))
        (folder / "ledger.yml").write_text(json.dumps(Place(hosts, folder, PATH).variables))
        while not ended.wait(0.5):
            if (folder / "kill").exists() and not (folder / "killed").exists():
                leader.kill()
                (folder / "killed").touch()
            try:
                state = truth.state(PATH)
            except NoNodeError:
                continue
            (folder / "state.new").write_text(json.dumps(state))
            (folder / "state.new").rename(folder / "state.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
