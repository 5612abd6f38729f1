#!/bin/sh
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# A balancer before the instances at the given addresses (host:port).
# Clients keep no connection: an nginx before 1.27.4 may reset such a one at a reload, whoever reloads it.
{
    echo "upstream order_svc {"
    printf '    server %s;\n' "$@"
    echo "    keepalive 16;"
    echo "}"
    echo 'server { listen 80 default_server; keepalive_timeout 0; location / { proxy_pass http://order_svc; proxy_http_version 1.1; proxy_set_header Connection ""; } }'
} >/etc/nginx/conf.d/order.conf
rm /etc/nginx/sites-enabled/default
systemctl --quiet enable --now nginx
