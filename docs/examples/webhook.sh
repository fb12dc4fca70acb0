#!/bin/sh
# Asking to be told. The answer holds the secret, once: give it to whoever checks the signatures.
set -eu
: "${RALLYPOINT:=http://127.0.0.1:8000}" "${TOKEN:?the token of a sign-in}" "${URL:?where to be told}"

curl -sS --fail-with-body "$RALLYPOINT/api/webhooks" -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" -d "{\"url\": \"$URL\", \"events\": [\"quest.completed\"]}" |
  jq -r '"Webhook \(.id)\nSECRET=\(.secret)"'
