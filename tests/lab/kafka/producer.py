# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sends messages whose values are ids, and ends.

Arguments: servers, topic, prefix, count, rate (a second; 0: as fast as it goes), sent (a file: the ids that the broker
has taken, a line each).
"""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import Producer

from ..mq.worker import options


def main() -> None:
    asked = options()
    producer = Producer({"bootstrap.servers": asked["servers"], "acks": "all", "linger.ms": 5})
    rate, began = int(asked["rate"]), time.monotonic()
    with open(asked["sent"], "a", encoding="utf-8", buffering=1) as sent:

        def taken(error: Any, message: Any) -> None:
            assert error is None, error
            sent.write(f"{message.value().decode()}\n")

        for number in range(int(asked["count"])):
            producer.produce(asked["topic"], f"{asked['prefix']}-{number}".encode(), on_delivery=taken)
            producer.poll(0)
            if rate:
                time.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
        producer.flush()


if __name__ == "__main__":
    main()
