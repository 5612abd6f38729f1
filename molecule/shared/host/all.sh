#!/bin/sh
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# A host as it is handed over: an account that people and tools come in as, with their key.
useradd --create-home --shell /bin/bash deploy
install --directory --owner=deploy --group=deploy --mode=0700 /home/deploy/.ssh
install --owner=deploy --group=deploy --mode=0600 /key.pub /home/deploy/.ssh/authorized_keys
systemctl --quiet enable --now ssh
