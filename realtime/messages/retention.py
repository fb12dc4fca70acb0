"""Messages that are past their time go, the oldest first, so that a room keeps an unbroken end."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from monitoring.postgresql.retries import retried

AT_ONCE = 5_000

# The newest message stays, whatever its age: it is the number that the next one follows.
_FORGET = """
WITH room AS (
    SELECT id, first_seq, last_seq FROM realtime_room
    WHERE id = (
        SELECT message.room_id FROM realtime_message message
        JOIN realtime_room room ON room.id = message.room_id AND message.seq = room.first_seq
        WHERE message.created_at < %(before)s AND room.first_seq < room.last_seq
        ORDER BY message.room_id LIMIT 1
    )
    FOR NO KEY UPDATE
), kept AS (
    SELECT least(room.last_seq, room.first_seq + %(most)s, coalesce((
        SELECT min(seq) FROM realtime_message
        WHERE room_id = room.id AND seq < room.first_seq + %(most)s AND created_at >= %(before)s
    ), room.first_seq + %(most)s)) AS first_seq FROM room
), gone AS (
    DELETE FROM realtime_message USING room, kept
    WHERE realtime_message.room_id = room.id AND realtime_message.seq < kept.first_seq
    RETURNING 1
), raised AS (
    UPDATE realtime_room SET first_seq = kept.first_seq FROM room, kept
    WHERE realtime_room.id = room.id
)
SELECT count(*) FROM gone
"""


def forget_old_messages() -> int:
    """How many went; at most AT_ONCE of one room, so that nobody who writes there waits long. 0
    when there is nothing more to do, or MESSAGE_RETENTION_DAYS is 0."""
    if not settings.MESSAGE_RETENTION_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.MESSAGE_RETENTION_DAYS)
    return _forget({"before": before, "most": AT_ONCE})


@retried
def _forget(values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, values)
        ((gone,),) = cursor.fetchall()
    return int(gone)
