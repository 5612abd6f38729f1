#!/bin/sh
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Press the button in AWX, wait for the end, and show the link to the receipt. Needs curl and jq.
# Usage: restart.sh LIMIT REASON [CHANGE]
#   CONTROLLER_HOST          address of AWX
#   CONTROLLER_OAUTH_TOKEN   token of who presses
#   CONFIRM                  the service's name once more
#   TEMPLATE                 by default the workflow, "Restart a production service"
#   KIND, BAKE, FIT          as the survey has them: rolling, 60, refuse
# Exit code: 0 all of it is restarted, 1 not all, 2 not begun.
set -eu

stop() {
    echo "$*" >&2
    exit 2
}

ask() { # METHOD PATH [BODY]; the token is in no argument, where others could see it
    # What is not only asked is done once: it may have been done although no answer came.
    [ "$1" = GET ] && retry=5 || retry=0
    printf 'header = "Authorization: Bearer %s"\n' "$CONTROLLER_OAUTH_TOKEN" |
        curl --config - --silent --show-error --max-time 30 --retry "$retry" --request "$1" \
            --header 'Content-Type: application/json' ${3:+--data "$3"} "${CONTROLLER_HOST%/}$2"
}

field() { # JSON FILTER; echo would take the backslashes of the JSON for its own
    printf '%s' "$1" | jq -r "$2"
}

[ $# -ge 2 ] || stop "usage: restart.sh LIMIT REASON [CHANGE]"
[ "${CONTROLLER_HOST:+x}${CONTROLLER_OAUTH_TOKEN:+x}" = xx ] || stop "CONTROLLER_HOST and CONTROLLER_OAUTH_TOKEN must be set"
for needed in curl jq; do
    command -v "$needed" >/dev/null || stop "$needed is needed"
done
template=${TEMPLATE:-Restart a production service}

found=$(ask GET "/api/v2/unified_job_templates/?name=$(jq -rn --arg name "$template" '$name | @uri')") || stop "AWX does not answer"
launch=$(field "$found" '.results[0].related.launch // empty') || stop "AWX answered: $found"
[ -n "$launch" ] || stop "AWX has no template named $template that you may launch: $found"
body=$(jq -n --arg limit "$1" --arg reason "$2" --arg change "${3:-}" --arg confirm "${CONFIRM:-}" \
    --arg kind "${KIND:-rolling}" --arg bake "${BAKE:-60}" --arg fit "${FIT:-refuse}" \
    '{limit: $limit, extra_vars: {fleet_reason: $reason, fleet_change: $change, fleet_confirm: $confirm,
      fleet_kind: $kind, fleet_bake: $bake, fleet_fit: $fit}}')
job=$(ask POST "$launch" "$body") || stop "it is not known whether AWX launched it: look there first"
url=$(field "$job" '.url // empty') || url=''
[ -n "$url" ] || stop "AWX did not launch it: $job"

case $(field "$job" .type) in
workflow_job) shown=workflow ;;
*) shown=playbook ;;
esac
link="${CONTROLLER_HOST%/}/#/jobs/$shown/$(field "$job" .id)/output"
trap 'echo "The restart goes on in AWX, where it can be stopped: $link"; exit 1' INT TERM
echo "$1: $link"

status=new
while :; do
    # An answer that did not come is asked for again.
    now=$(ask GET "$url" | jq -r '.status // empty') || now=''
    case $now in
    '' | "$status") ;;
    *)
        status=$now
        echo "$(date -u +%H:%M:%SZ) $status"
        ;;
    esac
    case $status in
    successful) break ;;
    failed | error | canceled)
        echo "Not all is restarted. What is done and what is still out: $link"
        exit 1
        ;;
    esac
    sleep "${POLL:-5}"
done
echo "Restarted. The receipt: $link"
