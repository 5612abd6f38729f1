#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Copy the working tree (what git knows, and what it does not ignore) to where the tools expect a collection,
# FOLDER/ansible_collections/lossless/restart, as a git repository of its own.
# Usage: copy.sh FOLDER
set -euo pipefail

to=$1/ansible_collections/lossless/restart
git=(git -c "safe.directory=$PWD")

rm -rf "$to"
mkdir -p "$to"
"${git[@]}" ls-files --cached --others --exclude-standard --deduplicate -z >"$1/files"
tar --create --null --files-from="$1/files" --ignore-failed-read --warning=no-failed-read | tar --extract --directory="$to"
cd "$to"
git init --quiet --initial-branch=main
git add --all
