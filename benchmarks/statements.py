"""The SQL of a completion for those who do it without Rallypoint, the very same text; and that of
a message, one at a time.

psycopg tells PostgreSQL the type of every value; the others say it in the text, as a cast.
"""

import json
import re
from pathlib import Path
from typing import Any

_TYPES = {
    "now": "timestamptz",
    "quest": "bigint",
    "version": "integer",
    "season": "bigint",
    "player": "bigint",
    "public_id": "uuid",
    "period": "text",
    "status": "text",
    "xp": "integer",
    "reason": "text",
    "evidence": "bigint[]",
    "category": "text",
    "number": "integer",
    "payload": "text",
    "amount": "integer",
    "completions": "integer",
    "event": "text",
    "correlation": "text",
}
_PLACE = re.compile(r"%\((\w+)\)s")
_QUEST = """
SELECT id, version, season_id, number, title, category, xp_reward FROM quests_quest
WHERE number = $1 AND status <> 'draft'
"""
# Of a room, for whoever may be in it. $1 is its slug, $2 the person.
_ENTER = """
WITH room AS (
    SELECT id, last_seq FROM realtime_room
    WHERE slug = $1 AND closed_at IS NULL AND kind = 'public' AND NOT EXISTS (
        SELECT FROM realtime_member member
        WHERE room_id = realtime_room.id AND user_id = $2 AND banned_at IS NOT NULL
    )
), made AS (
    INSERT INTO realtime_member (room_id, user_id, role, joined_at, read_seq)
    SELECT id, $2, 'member', now(), last_seq FROM room
    ON CONFLICT (room_id, user_id) DO NOTHING
)
SELECT id, last_seq FROM room
"""
# The plainest that gives what realtime.messages.statement does, one message at a time: $1 is the
# room, $2 the sender, $3 the message's id, $4 the client's id of it, $5 what is said.
_SAY = """
WITH room AS (
    UPDATE realtime_room SET last_seq = last_seq + 1
    WHERE id = $1 AND closed_at IS NULL AND EXISTS (
        SELECT FROM realtime_member member JOIN accounts_user person ON person.id = member.user_id
        WHERE member.room_id = $1 AND member.user_id = $2 AND member.banned_at IS NULL
          AND (member.muted_until IS NULL OR member.muted_until <= now()) AND person.is_active
    )
    RETURNING id, last_seq
)
INSERT INTO realtime_message
    (room_id, seq, public_id, sender_id, client_id, body, mentions, created_at)
SELECT id, last_seq, $3, $2, $4, $5, '{}', now() FROM room
RETURNING seq, public_id, created_at
"""
_SAID = """
SELECT seq, public_id, created_at FROM realtime_message
WHERE room_id = $1 AND sender_id = $2 AND client_id = $3
"""
_BADGES = "SELECT slug FROM quests_achievement WHERE id = ANY($1) ORDER BY id"


def write_for_node(*, path: str) -> dict[str, int]:
    """What the Node peer needs: statements with $1 and so on, and what tokens are signed with."""
    from django.conf import settings

    from quests.completions import statement

    names = list(_TYPES)
    text = _PLACE.sub(lambda m: f"${names.index(m[1]) + 1}::{_TYPES[m[1]]}", statement.COMPLETE)
    found = {
        "secret": settings.SECRET_KEY,
        "issuer": settings.SIMPLE_JWT["ISSUER"],
        "hashKey": "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash",
        "signIn": _sign_in(),
        "quest": _QUEST,
        "complete": text,
        "badges": _BADGES,
        "values": names,
    }
    return _write_secret(path, found)


def write_for_rooms(*, path: str) -> dict[str, int]:
    """What the Node peer of rooms needs: its statements, and what tokens are signed with."""
    from django.conf import settings

    found = {
        "secret": settings.SECRET_KEY,
        "issuer": settings.SIMPLE_JWT["ISSUER"],
        "signIn": _sign_in(),
        "enter": _ENTER,
        "store": _SAY,
        "known": _SAID,
    }
    return _write_secret(path, found)


def write_for_pgbench(*, path: str, quest: int, first: int, last: int) -> dict[str, Any]:
    """A script in which somebody of `first` to `last` does the quest, each time in a new period;
    and the variables for pgbench's -D."""
    from quests.completions import statement
    from quests.models import Quest

    found = Quest.objects.get(number=quest)
    # What pgbench cannot make or hold: ids, as the server makes others, nulls and empty texts.
    made = {
        "now": "clock_timestamp()",
        "public_id": "gen_random_uuid()",
        "season": "NULL::bigint",
        "reason": "''::text",
        "correlation": "''::text",
    }
    text = _PLACE.sub(lambda m: made.get(m[1], f":{m[1]}::{_TYPES[m[1]]}"), statement.COMPLETE)
    script = f"""\\set player random({first}, {last})
\\set done :done + 1
\\set period :client_id * 10000000 + :done
{text};
"""
    Path(path).write_text(script, encoding="utf-8")
    payload = {"questNumber": quest, "questName": found.title, "xpEarned": found.xp_reward}
    return {
        "done": 0,
        "quest": found.pk,
        "version": found.version,
        "status": "paid",
        "xp": found.xp_reward,
        "evidence": "{}",
        "category": found.category,
        "number": quest,
        "payload": json.dumps(payload),
        "amount": found.xp_reward,
        "completions": 1,
        "event": "quest.completed",
    }


def _write_secret(path: str, found: dict[str, Any]) -> dict[str, int]:
    file = Path(path)
    file.touch(mode=0o600)
    return {"written": file.write_text(json.dumps(found), encoding="utf-8")}


def _sign_in() -> str:
    """That of accounts.selectors.find_family, which asks for one value."""
    from accounts import selectors

    return _PLACE.sub("$1::uuid", selectors.FAMILY)
