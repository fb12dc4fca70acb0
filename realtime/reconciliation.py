"""E5: a room's messages are numbered from the first that it keeps to its newest, without a gap."""

from dataclasses import dataclass, field

from django.db import connection, transaction

from monitoring.equations import Difference

_ROOMS = """
SELECT 'room ' || room.slug || ': ' || part.name, part.expected, part.found
FROM realtime_room room
CROSS JOIN LATERAL (
    SELECT count(*) AS messages, min(seq) AS first, max(seq) AS last
    FROM realtime_message WHERE room_id = room.id
) kept
CROSS JOIN LATERAL (VALUES
    ('messages', room.last_seq - room.first_seq + 1, kept.messages),
    ('first number', room.first_seq, coalesce(kept.first, room.first_seq)),
    ('last number', room.last_seq, coalesce(kept.last, room.last_seq))
) part (name, expected, found)
WHERE part.expected <> part.found
ORDER BY room.id
"""


@dataclass
class Report:
    rooms: int = 0
    messages: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.differences


def reconcile() -> Report:
    """Check E5 on the running system: one statement, so one snapshot, and nobody waits. A number
    can stand only once (a constraint): first, last and count leave no room for a gap."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            "SELECT (SELECT count(*) FROM realtime_room), (SELECT count(*) FROM realtime_message)"
        )
        report = Report(*cursor.fetchone())
        cursor.execute(_ROOMS)
        report.differences += [Difference("E5", *row) for row in cursor.fetchall()]
    return report
