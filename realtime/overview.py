"""Rooms on the operators' first page: who is there now, and how many were over the day."""

from datetime import datetime

from django.db import connection

from monitoring.cache import cacheable
from monitoring.overview import REDIS_AWAY, UNKNOWN, Chart, Figure, Line, Source
from monitoring.wire.problems import Problem
from realtime.presence import selectors

_ROOMS = "realtime.view_room"
_LIVE = "admin:realtime_room_live"

# Stays get their numbers as they begin: the newest are found without an index on their times. A
# house in which more than these begin in a day shows too few for its first hours.
_BY_HOUR = """
SELECT hour, count(DISTINCT stay.user_id)
FROM generate_series(date_trunc('hour', now()) - interval '23 hours', now(), '1 hour') hour
LEFT JOIN (
    SELECT user_id, began_at, seen_at FROM realtime_stay ORDER BY id DESC LIMIT 20000
) stay ON stay.seen_at >= hour AND stay.began_at < hour + interval '1 hour'
GROUP BY hour ORDER BY hour
"""


@cacheable(ttl=60)
def people_by_hour() -> list[tuple[datetime, int]]:
    """How many different people were in a room in each of the last 24 hours, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_HOUR)
        return [(hour, people) for hour, people in cursor.fetchall()]


def room_figures() -> list[Figure]:
    rooms = "admin:realtime_room_changelist"
    try:
        online = selectors.get_connected_users(limit=1).present
        used = selectors.count_rooms()
    except Problem:
        away = {"note": REDIS_AWAY, "tone": "warn"}
        return [
            Figure("People online", UNKNOWN, _ROOMS, _LIVE, **away),
            Figure("Rooms in use", UNKNOWN, _ROOMS, rooms, **away),
        ]
    return [
        Figure("People online", f"{online:,}", _ROOMS, _LIVE),
        Figure("Rooms in use", f"{used:,}", _ROOMS, rooms),
    ]


def room_charts() -> list[Chart]:
    hours = people_by_hour()
    labels = [f"{hour:%H}:00" for hour, _ in hours]
    lines = [Line("People", [people for _, people in hours])]
    return [Chart("People in rooms, by hour (UTC)", _ROOMS, _LIVE, "line", labels, lines)]


SOURCES = (Source((_ROOMS,), room_figures),)
CHARTS = (Source((_ROOMS,), room_charts),)
