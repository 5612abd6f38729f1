# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose instances take their work from everywhere at once."""

from __future__ import annotations

from .both import Both
from .consuming import Consuming
from .jobs import Jobs
from .listed import Listed
from .registered import Registered
from .timed import Timed


class Everything(Timed, Jobs, Consuming, Both, Registered, Listed):
    """Jobs of cron and of XXL-JOB, a consumer group, Dubbo, Nacos, nginx, and Spring Boot that is told itself.

    By keyword what each of its parts takes: admin, brokers, zookeeper, registry, nacos.
    """
