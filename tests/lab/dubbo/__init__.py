# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real Dubbo on loopback: providers, and consumers that account for every call. In Java: see java/lab."""

from .consumer import Call, Consumer
from .jvm import ECHO, ECHO2, LEVELS, address
from .provider import Provider, Served
from .scene import Scene

__all__ = ["ECHO", "ECHO2", "LEVELS", "Call", "Consumer", "Provider", "Scene", "Served", "address"]
