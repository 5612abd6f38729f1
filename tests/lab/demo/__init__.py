# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo fleet, and fleets like it for tests and benchmarks."""

from __future__ import annotations

from .addresses import Unusable
from .fleet import Fleet
from .playbook import Playbook
from .sessions import Client, Failed, Observer, Session, clean, receipt, wait_for

__all__ = ["Client", "Failed", "Fleet", "Observer", "Playbook", "Session", "Unusable", "clean", "receipt", "wait_for"]
