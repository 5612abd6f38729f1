#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# The work is done by the action plugin of the same name, on the controller.
"""Documentation of the action fleet_watch."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_watch
short_description: Tell people and monitoring how services stand
version_added: "0.1.0"
description:
  - Tells what M(lossless.restart.availability_guard) with C(action=look) found in this process of the services that
    M(lossless.restart.fleet_description) described.
  - It reads and changes nothing but the file that it is told to write.
options:
  tell:
    description:
      - V(status) prints all of it for people.
      - V(watchdog) prints one line, C(OK) or C(CRITICAL), and fails where it is the latter.
      - V(restore) prints what a restore put back, and fails where something remains out that was left out.
    type: str
    required: true
    choices: [status, watchdog, restore]
  json:
    description: With O(tell=status), the path of a file on the controller that gets all of it as JSON.
    type: path
  textfile:
    description: With O(tell=watchdog), the path of a file on the controller for Prometheus' textfile collector.
    type: path
attributes:
  check_mode:
    description: Can run in C(check_mode). It writes no file then.
    support: full
  diff_mode:
    description: Returns details on what has changed in C(diff_mode).
    support: none
  platform:
    description: Where it can run.
    support: full
    platforms: posix
notes:
  - Run it once for a play.
author:
  - The lossless.restart authors (@lossless-restart)
seealso:
  - module: lossless.restart.availability_guard
  - module: lossless.restart.fleet_description
"""

EXAMPLES = r"""
- name: Say how the services stand
  lossless.restart.fleet_watch:
    tell: status
    json: /var/tmp/restart-status.json
  run_once: true
"""

RETURN = r"""
msg:
  description: The line for monitoring, or what remains out.
  returned: with watchdog and restore
  type: str
  sample: "OK: order-svc: order-svc 6 of 6 in traffic, 0 runs, 0 out under a lease"
services:
  description: By its name, all that the look found of a service, C(alarms) among it.
  returned: with status
  type: dict
wrong:
  description: By its name, why a service could not be looked at.
  returned: with status
  type: dict
"""
