# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real servers that the tests run against: `with lab.zookeeper() as zk`."""

from .dubbo.consumer import dubbo_consumer
from .dubbo.provider import dubbo_provider
from .dubbo.scene import dubbo
from .kafka.scene import kafka
from .rabbitmq.scene import rabbitmq
from .rocketmq.scene import rocketmq
from .zookeeper import zookeeper

__all__ = ["dubbo", "dubbo_consumer", "dubbo_provider", "kafka", "rabbitmq", "rocketmq", "zookeeper"]
