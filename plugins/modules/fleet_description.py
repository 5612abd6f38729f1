#!/usr/bin/python
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# The work is done by the action plugin of the same name, on the controller.
"""Documentation of the action fleet_description."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_description
short_description: Read and check the description of a service
version_added: "0.1.0"
description:
  - Reads the C(fleet_*) and C(instance_*) variables of all instances of the service whose hosts are selected,
    checks them against the argument specs of the roles, and returns what they say.
  - Fails with one error that names the host, the variable and the value. It touches nothing.
options:
  entry:
    description:
      - The role C(fleet)'s entry point for which it is read, where that is no restart. Its options are then known too.
      - All services among the selected hosts are read then; hosts without C(fleet_service) are left aside.
    type: str
    choices: [status, stop, approve, records, restore, watchdog]
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would return otherwise.
    support: full
  diff_mode:
    description: Returns details on what has changed in C(diff_mode).
    support: none
  platform:
    description: Where it can run.
    support: full
    platforms: posix
notes:
  - Run it once for a play, on a play whose hosts are the selected instances.
author:
  - The lossless.restart authors (@lossless-restart)
seealso:
  - module: lossless.restart.availability_guard
"""

EXAMPLES = r"""
- name: Read the service's description
  lossless.restart.fleet_description:
  run_once: true
  register: described
"""

RETURN = r"""
services:
  description: By its name the description of every service, each with what is returned here of one.
  returned: with an entry
  type: dict
wrong:
  description: By its name, what is wrong with the description of a service. The others are read all the same.
  returned: with an entry
  type: dict
service:
  description: Name of the service.
  returned: success
  type: str
  sample: order-svc
ledger_host:
  description: Inventory host of the ledger.
  returned: success
  type: str
selected:
  description: The selected instances, in the order of the inventory.
  returned: success
  type: list
  elements: str
instances:
  description: Every instance of every pool, with its address, probe and traffic points.
  returned: success
  type: dict
pools:
  description: Every pool with its configured members and its floor.
  returned: success
  type: list
  elements: dict
sources:
  description: Every place that says who is in a pool, with the names of those pools.
  returned: success
  type: list
  elements: dict
verified:
  description: The selected instances whose traffic is to be judged after their restart.
  returned: success
  type: list
  elements: str
checked:
  description: The selected instances on whose host something must be read before the plan.
  returned: success
  type: list
  elements: str
"""
