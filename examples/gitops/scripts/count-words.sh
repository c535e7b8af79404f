#!/usr/bin/env bash
set -euo pipefail

words=$(jq -r '.text // ""' "$SCRIPTRUN_VARIABLES" | wc -w)
jq -n --argjson words "$words" '{words: $words}' > "$SCRIPTRUN_OUTPUT"
