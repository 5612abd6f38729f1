# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real Nacos, 2.x and 3.x, with instances that Nacos's own client registers, and a caller who takes its list."""
