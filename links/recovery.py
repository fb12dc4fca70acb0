"""What links looks after when the database was restored: see RESTORED_INSTANCE in the settings."""

from collections.abc import Iterator

from django.db import connection

from links.clicks import streams
from links.clicks.reconciliation import spooled_batches
from links.clicks.stream import waiting_batches
from links.redirect.click import ClickBatch
from links.redirect.directory import CACHE_PREFIX, CHANNEL
from monitoring.redis import durable

# Compared by a drill: where the dump stands in the stream, and how many clicks were on their way.
FIGURES = {
    "click stream": "SELECT coalesce(max(last_id), '0-0') FROM links_clickstream",
    "clicks waiting": (
        "SELECT coalesce(sum(issued - stored - dropped), 0)::bigint FROM links_clickissuer"
    ),
}
_LEAVE_OUT = """
SELECT setval(sequence, %s)
FROM CAST(pg_get_serial_sequence('links_link', 'id') AS regclass) AS sequence
WHERE %s > coalesce(pg_sequence_last_value(sequence), 0)
"""


def catch_up() -> str:
    """Shared targets have versions that the restored links have not reached: they would win. And
    what waits in the stream may be of links that are not there any more: no new link may get the
    number of one of those, or their clicks would be counted as its own."""
    forgotten = _forget_targets()
    highest = max((event.link for batch in _waiting() for event in batch.events), default=0)
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE_OUT, [highest, highest])
    return f"{forgotten:,} targets of links were forgotten."


def _forget_targets() -> int:
    redis, forgotten = durable(), 0
    for key in redis.scan_iter(match=f"{CACHE_PREFIX}*", count=500):
        redis.unlink(key)
        redis.publish(CHANNEL, key.removeprefix(CACHE_PREFIX.encode()))
        forgotten += 1
    return forgotten


def _waiting() -> Iterator[ClickBatch]:
    yield from spooled_batches()
    yield from waiting_batches(durable(), streams.names())
