#!/usr/bin/env bash
# Writes the job's identity token where AWS's SDKs look for it (AWS_WEB_IDENTITY_TOKEN_FILE): no key of AWS is kept anywhere.
set -euo pipefail
: "${AWS_ROLE_ARN:?the environment of this job has no role: docs/ci.md says how to give it one}"
answer=$(curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
  "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com")
umask 077
python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["value"])' <<<"$answer" >"$AWS_WEB_IDENTITY_TOKEN_FILE"
