# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a server with an HTTP API is reached."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of module_utils/_api.py."""

    DOCUMENTATION = r"""
options:
  url:
    description: Where the server answers, without the path of its API. Proxies of the environment are not used.
    type: str
    required: true
  headers_file:
    description:
      - "A file with a line C(Name: value) for each header of the request, so that no secret is in an argument."
    type: str
  ca_file:
    description: Certificates (PEM) of the authorities that are trusted. By default those of the system.
    type: str
  timeout:
    description: Seconds for one answer.
    type: float
    default: 5.0
"""
