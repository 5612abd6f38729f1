# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of every module that reads an nginx."""

from __future__ import annotations


class ModuleDocFragment:
    """Where nginx is, and its commands."""

    DOCUMENTATION = r"""
options:
  config:
    description:
      - nginx's main configuration file.
      - Where it is not nginx's own default, O(test) and O(reload) have to name it too, by C(-c).
    type: path
    default: /etc/nginx/nginx.conf
  prefix:
    description:
      - nginx's prefix, to which the paths of its pid file and logs are relative.
      - By default C(-p) of the commands, or what the O(version) command says that was built in.
    type: path
  test:
    description: The command that tests the configuration, as a list of words. It is run by no shell.
    type: list
    elements: str
    default: [nginx, -t]
  reload:
    description: The command that makes nginx read its configuration again.
    type: list
    elements: str
    default: [nginx, -s, reload]
  version:
    description: The command that tells nginx's version, and with C(-V) its built-in prefix and pid file.
    type: list
    elements: str
    default: [nginx, -V]
"""
