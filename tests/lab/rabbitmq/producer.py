# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sends messages whose bodies are ids, and ends.

Arguments: port, user, password, queue, prefix, count, rate (a second; 0: as fast as it goes), sent (a file: the ids
that the broker has taken, a line each).
"""

from __future__ import annotations

import time

import pika

from ..mq.worker import options


def main() -> None:
    asked = options()
    credentials = pika.PlainCredentials(asked["user"], asked["password"])
    rate, began = int(asked["rate"]), time.monotonic()
    with (
        pika.BlockingConnection(
            pika.ConnectionParameters("127.0.0.1", int(asked["port"]), credentials=credentials)
        ) as connection,
        open(asked["sent"], "a", encoding="utf-8", buffering=1) as sent,
    ):
        channel = connection.channel()
        # Each is taken by the broker, or raises.
        channel.confirm_delivery()
        for number in range(int(asked["count"])):
            id_ = f"{asked['prefix']}-{number}"
            channel.basic_publish(
                "", asked["queue"], id_.encode(), pika.BasicProperties(delivery_mode=2), mandatory=True
            )
            sent.write(f"{id_}\n")
            if rate:
                connection.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))


if __name__ == "__main__":
    main()
