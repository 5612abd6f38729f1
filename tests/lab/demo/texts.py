# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configurations of a fleet's supervisor and balancers."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence

NGINX = """\
{user}worker_processes 1;
pid nginx.pid;
error_log logs/error.log notice;

events {{
    worker_connections 2048;
}}

http {{
    log_format upstream '$remote_addr [$time_iso8601] "$request" $status '
                        '$upstream_addr $upstream_status $upstream_response_time $request_time';
    access_log logs/access.log upstream;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;

    # A client must not be cut off by anything but a reload, and a reload must not cut it off.
    keepalive_timeout 300s;
    keepalive_requests 1000000;
{min_timeout}
    # Nothing hides a loss.
    proxy_next_upstream off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";

    include conf.d/*.conf;
}}
"""

SERVER = """\
server {{
    listen {address};

{locations}}}
"""

SUPERVISOR = """\
[supervisord]
nodaemon = true
directory = {folder}
logfile = {folder}/logs/supervisord.log
pidfile = {folder}/supervisord.pid
{user}
[unix_http_server]
file = {socket}
chmod = 0700

[supervisorctl]
serverurl = unix://{socket}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command = {command}
directory = {folder}
stopsignal = TERM
startretries = 1
redirect_stderr = true
stdout_logfile = {folder}/logs/{name}.out
"""


def nginx(keepalive_min_timeout: str | None) -> str:
    """nginx.conf. Started by root, its workers stay root, or they could not reach into a checkout in /root."""
    return NGINX.format(
        user="user root;\n" if os.geteuid() == 0 else "",
        min_timeout=f"    keepalive_min_timeout {keepalive_min_timeout};\n" if keepalive_min_timeout else "",
    )


def upstreams(pools: Mapping[str, Sequence[str]], words: str) -> str:
    """One block for each pool, one line for each member, with the same words on each."""
    blocks = []
    for name, members in pools.items():
        lines = "".join(f"    server {member}{words and ' '}{words};\n" for member in members)
        keep = "    keepalive 32;\n    keepalive_requests 1000000;\n    keepalive_timeout 300s;\n"
        blocks.append(f"upstream {name} {{\n{lines}{keep}}}\n")
    return "\n".join(blocks)


def server(address: str, pools: Sequence[str]) -> str:
    """The first pool serves `/`, each other one `/NAME/`."""
    locations = [f"    location / {{\n        proxy_pass http://{pools[0]};\n    }}\n"]
    locations += [f"    location /{name}/ {{\n        proxy_pass http://{name}/;\n    }}\n" for name in pools[1:]]
    return SERVER.format(address=address, locations="".join(locations))


def supervisor(folder: str, socket: str, commands: Mapping[str, Sequence[str]]) -> str:
    """supervisord.conf with one program for each instance."""
    user = f"user = {pwd.getpwuid(0).pw_name}\n" if os.geteuid() == 0 else ""
    programs = [
        PROGRAM.format(name=name, command=" ".join(command), folder=folder) for name, command in commands.items()
    ]
    return SUPERVISOR.format(folder=folder, socket=socket, user=user) + "".join(programs)
