# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many instances that only answer that they are healthy, in one process: `listeners.py FILE-WITH-ADDRESSES`."""

from __future__ import annotations

import resource
import selectors
import socket
import sys
from pathlib import Path

BODY = b'{"status": "healthy"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    selector = selectors.DefaultSelector()
    for address in Path(sys.argv[1]).read_text().split():
        host, _unused, port = address.rpartition(":")
        listener = socket.create_server((host, int(port)), backlog=64)
        selector.register(listener, selectors.EVENT_READ, True)
    while True:
        for key, _events in selector.select():
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            if key.data:
                selector.register(ready.accept()[0], selectors.EVENT_READ, False)
            else:
                answer(ready)
                selector.unregister(ready)
                ready.close()


def answer(connection: socket.socket) -> None:
    try:
        if connection.recv(65536):
            connection.sendall(ANSWER)
    except OSError:
        pass


if __name__ == "__main__":
    main()
