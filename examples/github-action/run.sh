#!/usr/bin/env bash
# Runs bnn-quantize as the inputs say, puts what it found into the job summary, and ends as it ended.
set -uo pipefail

# Words as a command line has them; no pattern is expanded, nothing in them is run.
set -f
# shellcheck disable=SC2206
arguments=($BNNQ_ARGUMENTS)
summary="${RUNNER_TEMP:-/tmp}/bnn-quantize-summary.md"
output=$(mktemp)
messages=$(mktemp)

bnn-quantize "$BNNQ_COMMAND" --config "$BNNQ_CONFIG" "${arguments[@]}" >"$output" 2> >(tee "$messages" >&2)
code=$?
cat "$output"

{
  if [ "$BNNQ_COMMAND" = sweep ] && [ -f "$BNNQ_REPORT/report.md" ]; then
    cat "$BNNQ_REPORT/report.md"
  else
    printf '### bnn-quantize %s\n\n```\n%s\n```\n' "$BNNQ_COMMAND" "$(cat "$output")"
  fi
  if [ "$code" -eq 3 ]; then
    printf '\n> [!WARNING]\n'
    grep -E 'gate not met|--target-' "$messages" | sed 's/^/> /'
  elif [ "$code" -ne 0 ]; then
    printf '\n> [!CAUTION]\n'
    sed 's/^/> /' "$messages"
  fi
} >"$summary"

cat "$summary" >>"$GITHUB_STEP_SUMMARY"
printf 'code=%s\nsummary=%s\n' "$code" "$summary" >>"$GITHUB_OUTPUT"
exit "$code"
