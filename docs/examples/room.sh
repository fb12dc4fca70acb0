#!/bin/sh
# A room without a socket: one message said, and what is said from then on, as Server-Sent Events.
set -eu
: "${RALLYPOINT:=http://127.0.0.1:8000}" "${TOKEN:?the token of a sign-in}" "${ROOM:=lobby}"

api() { curl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" "$@"; }

ME=$(api "$RALLYPOINT/api/auth/me" | jq -r .user.id)
api -X PUT "$RALLYPOINT/api/rooms/$ROOM/members/$ME" | jq -r '"In as \(.role)"'
api "$RALLYPOINT/api/rooms/$ROOM/messages" -d '{"body": "Hello from curl"}' | jq -r '"Said as number \(.seq)"'

# From the beginning; `Last-Event-ID: 41` brings what followed message 41. Without an end of its own.
api -N --max-time "${FOR_SECONDS:-3600}" -H "Last-Event-ID: 0" "$RALLYPOINT/api/rooms/$ROOM/events" || test $? -eq 28
