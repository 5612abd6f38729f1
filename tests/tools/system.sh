#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# See that the packages of tests/debian-packages.txt are there; root may install them.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
    echo "LEFT OUT: a look at the system's packages; the tests want the commands of tests/debian-packages.txt"
    exit
fi
missing=()
while read -r package; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < <(grep -v '^#' tests/debian-packages.txt)
if [ ${#missing[@]} = 0 ]; then
    echo "Nothing is missing."
elif [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
else
    echo "The integration tests need packages. As root: apt-get install ${missing[*]}" >&2
    exit 1
fi
