#!/usr/bin/env bash
# One comment on the pull request, written anew by each run. Needs gh, GITHUB_REPOSITORY, NUMBER, REPORT and PAGE.
set -euo pipefail
mark="<!-- distillgate -->"
body=$(mktemp)
{
    echo "$mark"
    if [ -s "$REPORT" ]; then cat "$REPORT"; else echo "**distillgate**: nothing was evaluated; the job's log says why."; fi
    if [ -n "${PAGE:-}" ]; then printf '\n[The whole report as a page](%s)\n' "$PAGE"; fi
} | head -c 65000 > "$body"

comments="repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments"
earlier=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$mark\")) | .id" | head -n 1)
if [ -n "$earlier" ]; then
    gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$earlier" --field body=@"$body"
else
    gh api --silent --method POST "$comments" --field body=@"$body"
fi
