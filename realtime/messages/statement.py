"""Storing messages of one room: two statements in one transaction, for one message or a hundred.

LOCK makes those who write to a room take turns, until their commit. STORE is the next statement,
so that it sees everything that was stored before: who has sent the same `client_id` already, and
which number is next. A number is given to a message that is stored, and to nothing else; that is
why they have no gaps.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils import uuid7

MAX_MENTIONS = 20
# As accounts allow them; a dot or a dash at the end belongs to the sentence.
_MENTION = re.compile(r"(?<![\w@])@([\w.+-]*\w)")

LOCK = "SELECT id FROM realtime_room WHERE id = %(room)s FOR NO KEY UPDATE"

STORE = """
WITH room AS (
    SELECT id, last_seq, closed_at FROM realtime_room WHERE id = %(room)s
), draft AS (
    SELECT place, sender, client_id, id, body, names
    FROM ROWS FROM (jsonb_to_recordset(%(drafts)s::jsonb)
        AS (sender bigint, client_id text, id uuid, body text, names text[]))
        WITH ORDINALITY AS d(sender, client_id, id, body, names, place)
), judged AS (
    SELECT draft.*, CASE
        WHEN room.id IS NULL OR room.closed_at IS NOT NULL THEN 'room_closed'
        WHEN NOT person.is_active THEN 'user_inactive'
        WHEN member.id IS NULL THEN 'not_a_member'
        WHEN member.banned_at IS NOT NULL THEN 'banned'
        WHEN member.muted_until > %(now)s THEN 'muted'
        END AS refusal
    FROM draft
    LEFT JOIN room ON true
    LEFT JOIN accounts_user person ON person.id = draft.sender
    LEFT JOIN realtime_member member
        ON member.room_id = %(room)s AND member.user_id = draft.sender
), known AS (
    SELECT judged.place, past.seq, past.public_id, past.created_at
    FROM judged CROSS JOIN LATERAL (
        -- The index is partial, and a join would rather read the whole room.
        SELECT seq, public_id, created_at FROM realtime_message
        WHERE room_id = %(room)s AND sender_id = judged.sender
            AND client_id = judged.client_id AND client_id <> ''
        LIMIT 1
    ) past
), fresh AS (
    SELECT place, first_value(id) OVER (
        PARTITION BY sender, CASE WHEN client_id = '' THEN place::text ELSE 'c' || client_id END
        ORDER BY place
    ) AS first
    FROM judged
    WHERE refusal IS NULL AND NOT EXISTS (SELECT FROM known WHERE known.place = judged.place)
), made AS (
    INSERT INTO realtime_message
        (room_id, seq, public_id, sender_id, client_id, body, mentions, created_at)
    SELECT room.id, room.last_seq + row_number() OVER (ORDER BY judged.place), judged.id,
        judged.sender, judged.client_id, judged.body,
        CASE WHEN judged.names = '{}' THEN '{}' ELSE ARRAY(
            SELECT named.id FROM accounts_user named
            JOIN realtime_member present
                ON present.user_id = named.id AND present.room_id = room.id
            WHERE upper(named.username) = ANY(judged.names) AND present.banned_at IS NULL
                AND named.id <> judged.sender
            ORDER BY named.id
        ) END,
        %(now)s
    FROM fresh JOIN judged USING (place) CROSS JOIN room
    WHERE fresh.first = judged.id
    RETURNING seq, public_id, mentions, created_at, sender_id
), seen AS (
    -- Who speaks has read what was said before.
    UPDATE realtime_member member SET read_seq = newest.seq
    FROM (SELECT sender_id, max(seq) AS seq FROM made GROUP BY sender_id) newest
    WHERE member.room_id = %(room)s AND member.user_id = newest.sender_id
), raised AS (
    UPDATE realtime_room SET last_seq = last_seq + (SELECT count(*) FROM made)
    WHERE id = %(room)s AND EXISTS (SELECT FROM made)
)
SELECT judged.place,
    coalesce(known.seq, made.seq),
    coalesce(known.public_id, made.public_id),
    coalesce(known.created_at, made.created_at),
    made.public_id = judged.id,
    made.mentions,
    CASE WHEN known.seq IS NULL THEN judged.refusal END
FROM judged
LEFT JOIN known USING (place)
LEFT JOIN fresh USING (place)
LEFT JOIN made ON made.public_id = fresh.first
ORDER BY judged.place
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """What `sender` (an id) wants to say. The same `client_id` again is the same message."""

    sender: int
    body: str
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a draft: it is message number `seq`, or `refusal` says why it is not.

    `is_new` is false when it had been stored before, or stands twice among the drafts.
    """

    seq: int | None
    public_id: UUID | None
    created_at: datetime | None
    is_new: bool
    mentions: list[int]
    refusal: str | None


def parameters(*, room: int, drafts: Iterable[Draft], now: datetime) -> dict[str, Any]:
    """Of both statements."""
    rows = [
        {
            "sender": draft.sender,
            "client_id": draft.client_id,
            "id": str(uuid7()),
            "body": draft.body,
            "names": names_in(draft.body),
        }
        for draft in drafts
    ]
    return {"room": room, "drafts": msgspec.json.encode(rows).decode(), "now": now}


def names_in(body: str) -> list[str]:
    """Who is spoken to as @name, in the form in which names are compared."""
    return list(dict.fromkeys(map(str.upper, _MENTION.findall(body))))[:MAX_MENTIONS]


def read(row: tuple[Any, ...]) -> Stored:
    _, seq, public_id, created_at, is_new, mentions, refusal = row
    return Stored(seq, public_id, created_at, bool(is_new), mentions or [], refusal)
