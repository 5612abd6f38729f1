#!/bin/sh
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Three units of one template, in the place of the one that the host has.
systemctl --quiet disable --now order-svc
cat >/etc/systemd/system/order@.service <<'UNIT'
[Service]
EnvironmentFile=/etc/order-%i
ExecStart=/usr/bin/python3 /opt/order/service.py order-%i 0.0.0.0:${PORT} --log /var/log/order/order-%i.log --switches /opt/order/switches

[Install]
WantedBy=multi-user.target
UNIT
port=8081
for one in a b c; do
    echo "PORT=$port" >/etc/order-$one
    port=$((port + 1))
    systemctl --quiet enable --now order@$one
    for word in stop start; do
        echo "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl $word order@$one.service" >>/etc/sudoers.d/lossless-restart
    done
done
