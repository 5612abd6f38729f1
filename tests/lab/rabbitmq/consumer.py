# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consumer of RabbitMQ: some messages at a time, each acknowledged when it is done.

Arguments: those of tests/lab/mq/worker.py, and port, user, password, queue, prefetch, auto_ack (yes or no).
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pika

from ..mq.worker import Worker, options


class RabbitLink:
    """One connection, one channel, and as many handlers as messages that it takes at a time."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        asked = worker.options
        self._prefetch, self._blind = int(asked["prefetch"]), asked.get("auto_ack") == "yes"
        self._connection = pika.BlockingConnection(
            pika.ConnectionParameters(
                "127.0.0.1",
                int(asked["port"]),
                credentials=pika.PlainCredentials(asked["user"], asked["password"]),
                client_properties={"connection_name": asked["name"]},
            )
        )
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=self._prefetch)
        self._leaving = threading.Event()
        self._in_hand = 0
        self._handlers = ThreadPoolExecutor(self._prefetch)
        self._tag = self._channel.basic_consume(asked["queue"], self._take, auto_ack=self._blind)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Takes nothing more, and stays: what it was given it keeps."""
        self._connection.add_callback_threadsafe(lambda: self._channel.basic_qos(prefetch_count=1, global_qos=True))

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join()

    def _take(self, channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        self._in_hand += 1
        self._handlers.submit(self._work, method.delivery_tag, body.decode())

    def _work(self, tag: int, id_: str) -> None:
        self._worker.handle(id_)
        self._connection.add_callback_threadsafe(lambda: self._done(tag))

    def _done(self, tag: int) -> None:
        self._in_hand -= 1
        if not self._blind:
            self._channel.basic_ack(tag)

    def _run(self) -> None:
        """All that touches the connection, in one thread."""
        while not self._leaving.is_set():
            self._connection.process_data_events(0.05)
        self._channel.basic_cancel(self._tag)
        while self._in_hand:
            self._connection.process_data_events(0.05)
        self._connection.close()


if __name__ == "__main__":
    Worker(options(), RabbitLink).serve()
