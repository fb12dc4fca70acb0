#!/bin/sh
# A short link and its statistics. Needs curl, jq, and a key with links:read and links:write.
set -eu
: "${RALLYPOINT:=http://127.0.0.1:8000}" "${KEY:?an API key}"

api() { curl -sS --fail-with-body -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" "$@"; }

# The key makes it safe to send again: the second answer is the first one.
LINK=$(api "$RALLYPOINT/api/links" -H "Idempotency-Key: $(date +%s)-$$" \
  -d '{"url": "https://www.python.org/", "title": "Python", "tags": ["example"]}')
ID=$(echo "$LINK" | jq -r .id)
echo "Made $(echo "$LINK" | jq -r .shortUrl)"

api "$RALLYPOINT/api/links/$ID/stats?interval=day&groupBy=country&bots=include" |
  jq -r '"Clicks: \(.totals.clicks), of people: \(.totals.humans)"'
