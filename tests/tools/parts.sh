#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Run make targets one after another, stop at the first that fails, and end with a summary.
# Usage: parts.sh TARGET...
# A part that has to leave something out prints a line "LEFT OUT: what and why"; with CI=true that is a failure.
set -uo pipefail

logs=.cache/log
rm -rf "$logs"
mkdir -p "$logs"
summary=() failed='' left_out=''
began=$SECONDS

for part in "$@"; do
    start=$SECONDS
    echo "=== $part"
    "${MAKE:-make}" --no-print-directory "$part" </dev/null 2>&1 | tee "$logs/$part"
    code=${PIPESTATUS[0]}
    missing=$(grep '^LEFT OUT: ' "$logs/$part")
    left_out+=${missing:+$missing$'\n'}
    [ -n "$missing" ] && [ "${CI:-}" = true ] && code=1
    result=ok
    [ -z "$missing" ] || result=partly
    [ "$code" = 0 ] || result=FAILED
    summary+=("$(printf '%-12s %-6s %4d s  %s' "$part" "$result" $((SECONDS - start)) "$(grep -vE '^($|make)' "$logs/$part" | tail -n 1 | cut -c1-100)")")
    [ "$code" = 0 ] || { failed=$part; break; }
done

if [ -n "$failed" ]; then
    printf '\n=== %s failed; the end of what it said:\n' "$failed"
    tail -n 120 "$logs/$failed"
fi
printf '\n=== Summary, %d s\n' $((SECONDS - began))
printf '%s\n' "${summary[@]}"
[ -z "$left_out" ] || printf '%s' "$left_out"
if [ -n "$failed" ]; then
    echo "FAILED: $failed"
    exit 1
fi
echo "Passed${left_out:+, but for what was left out}."
