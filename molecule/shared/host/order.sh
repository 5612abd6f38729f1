#!/bin/sh
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# A host with the service: a unit that was there before us.
cat >/etc/systemd/system/order-svc.service <<'UNIT'
[Unit]
Description=The demo's service

[Service]
ExecStart=/usr/bin/python3 /opt/order/service.py %H 0.0.0.0:8080 --log /var/log/order/%H.log --switches /opt/order/switches
# Its end takes as long as there is a file NAME.holds.
ExecStopPost=/bin/sh -c 'while test -e /opt/order/switches/%H.holds; do sleep 0.1; done'

[Install]
WantedBy=multi-user.target
UNIT
systemctl --quiet enable --now order-svc
