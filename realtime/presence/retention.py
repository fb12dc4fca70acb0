"""Stays that are past their time go."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from monitoring.postgresql.retries import retried

KEPT = timedelta(days=90)
AT_ONCE = 5_000

# Numbers are given as stays begin: the oldest are found by them, without an index on their ends.
_FORGET = """
DELETE FROM realtime_stay WHERE seen_at < %(before)s AND id IN (
    SELECT id FROM realtime_stay ORDER BY id LIMIT %(most)s
)
"""


@retried
def forget_old_stays() -> int:
    """How many went, at most AT_ONCE; 0 when there is nothing more to do."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"before": timezone.now() - KEPT, "most": AT_ONCE})
        return int(cursor.rowcount)
