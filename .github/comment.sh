#!/usr/bin/env bash
# comment.sh FILE NUMBER: makes FILE a comment on pull request NUMBER, or replaces the one that begins with the same marker.
set -euo pipefail
file=$1 number=$2
marker=$(head -n 1 "$file")
# A plan that could not be made has no marker, and would take the place of any other comment. Its reason stands in the job's log.
if [ -z "$marker" ]; then
  echo "$file is empty: nothing to comment"
  exit 0
fi
found=$(MARKER=$marker gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$number/comments" \
  --jq '.[] | select(.user.type == "Bot" and (.body | startswith(env.MARKER))) | .id' | head -n 1)
if [ -n "$found" ]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$found" --field "body=@$file"
else
  gh api --silent "repos/$GITHUB_REPOSITORY/issues/$number/comments" --field "body=@$file"
fi
