# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the labs of message queues have in common: consumers that write down what they did, and who judges it."""

from pathlib import Path

# What those in Java have in common.
JAVA = Path(__file__).parent / "java"
