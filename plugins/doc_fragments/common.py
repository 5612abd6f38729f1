# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the documentation of several modules has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of every module; INFO for those that read only."""

    DOCUMENTATION = r"""
options: {}
attributes:
  platform:
    description: Target systems.
    support: full
    platforms: posix
  check_mode:
    description: Reads for real, writes nothing, and says what would change.
    support: full
  diff_mode:
    description: Shows what was or would be written.
    support: full
"""

    INFO = r"""
options: {}
attributes:
  platform:
    description: Target systems.
    support: full
    platforms: posix
  check_mode:
    description: Changes nothing in any mode.
    support: full
  diff_mode:
    description: There is nothing to show, since nothing is written.
    support: N/A
"""
