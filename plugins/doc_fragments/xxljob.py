# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that ask XXL-JOB's admin: see plugins/module_utils/_xxljob.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Which admins, which group, and who asks."""

    DOCUMENTATION = r"""
options:
  admin:
    description:
      - The admins of XXL-JOB that share one database, each up to its context path, as
        V(http://xxl-job:8080/xxl-job-admin). The first that answers is asked, by the paths of its own pages.
    type: list
    elements: str
    required: true
  application:
    description: The C(appname) of the group of executors.
    type: str
    required: true
  auth:
    description: Who asks. It has to be an administrator, since groups are shown to no one else.
    type: dict
    required: true
    suboptions:
      file:
        description: Path of a file with one line C(user:password) that belongs to this account alone (mode 0600).
        type: path
        required: true
  tls:
    description: Files for TLS. Without it an C(https) admin is checked with the authorities that this host trusts.
    type: dict
    suboptions:
      ca:
        description: Certificates that sign those of the admins, whose names are verified.
        type: path
        required: true
      cert:
        description: The client's certificate, where the admins want one.
        type: path
      key:
        description: Its key.
        type: path
"""
