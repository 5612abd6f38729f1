#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Run a command with Docker: with the daemon that runs, or with one that is started for it and stopped after it.
# Meanwhile the kernel lets root watch more files: each systemd in a container does.
# Usage: docker.sh COMMAND...
set -euo pipefail

watches=$(sysctl -n fs.inotify.max_user_instances) daemon=''
end() {
    [ "$watches" -ge 1024 ] || sysctl -qw fs.inotify.max_user_instances="$watches"
    if [ -n "$daemon" ]; then kill "$daemon" && wait "$daemon" || true; fi
}
trap end EXIT
[ "$watches" -ge 1024 ] || sysctl -qw fs.inotify.max_user_instances=1024

if docker version >/dev/null 2>&1; then
    "$@"
    exit
fi

log=$PWD/.cache/dockerd.log
mkdir -p .cache
command -v dockerd >/dev/null || { echo "There is no Docker: install its daemon (Debian: docker.io)." >&2; exit 1; }
setsid dockerd >"$log" 2>&1 </dev/null &
daemon=$!
until docker version >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null || { daemon=''; echo "dockerd does not start:" >&2; tail -n 20 "$log" >&2; exit 1; }
    sleep 0.2
done
"$@"
