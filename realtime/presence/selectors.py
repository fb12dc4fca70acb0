"""Who is connected and present, and who was, for those who have no event loop: the API, commands,
the admin."""

import socket
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import connection
from redis.exceptions import RedisError

from monitoring.redis import durable
from monitoring.wire.problems import Problem
from realtime.models import Room
from realtime.presence.register import EVERYWHERE, LEASE, PAGE, PREFIX, SCRIPT, Page

_NOBODY = "-"
# A process renews its lease every five seconds.
SILENT_AFTER = 12.0

_MERGED = """
SELECT lower(part), upper(part) FROM unnest((
    SELECT range_agg(tstzrange(began_at, seen_at)) FROM realtime_stay
    WHERE user_id = %(user)s AND room_id = %(room)s
      AND began_at < %(until)s AND seen_at > %(since)s
) * tstzmultirange(tstzrange(%(since)s, %(until)s))) part
"""


@dataclass(frozen=True, slots=True)
class Presence:
    """Of one person, by her public id: what she shows of herself, "" when she is not connected, and
    the slugs of the rooms that she is in."""

    user_id: str
    connected: bool
    status: str
    note: str
    rooms: list[str]


class Process(msgspec.Struct):
    """What a process that serves sockets last said of itself; `since` is Unix time.

    `degraded`: it is cut off from the others, or silent. `leaving`: it is replaced by another, and
    those who were connected to it count as present while they come back.
    """

    host: str
    pid: int
    since: float
    connections: int
    rooms: int
    degraded: bool
    leaving: bool = False

    @property
    def state(self) -> str:
        """For people."""
        if self.leaving:
            return "leaving"
        return "cut off" if self.degraded else ""


def get_user_presence(user_id: str) -> Presence:
    """Problem (503) `presence_unavailable`."""
    person, rooms = _ask("look", str(user_id))
    shown = msgspec.json.decode(person) if person else {}
    ids = [int(room) for room in rooms if int(room) != EVERYWHERE]
    slugs = Room.objects.filter(pk__in=ids).order_by("slug").values_list("slug", flat=True)
    status, note = shown.get("status", ""), shown.get("note", "")
    return Presence(str(user_id), bool(rooms), status, note, list(slugs))


def get_connected_users(*, after: str = "", limit: int = PAGE) -> Page:
    """Whoever has a connection, in the order of their ids. Problem as above."""
    return people_in(EVERYWHERE, after=after, limit=limit)


def people_in(room_id: int, *, after: str = "", limit: int = PAGE) -> Page:
    """Who is present in a room. Problem as above."""
    return Page.read(_ask("page", room_id, after, limit + 1), limit)


def fullest_rooms(limit: int) -> dict[int, int]:
    """The ids of rooms in which somebody is, and how many, fullest first. Problem as above."""
    try:
        found: Any = durable().zrevrange(f"{PREFIX}rooms", 0, limit - 1, withscores=True)
    except RedisError:
        raise _unavailable() from None
    return {int(room): int(count) for room, count in found}


def count_rooms() -> int:
    """In how many rooms somebody is. Problem as above."""
    try:
        found: Any = durable().zcard(f"{PREFIX}rooms")
    except RedisError:
        raise _unavailable() from None
    return int(found)


def merged_stays(
    *, user_id: int, room_id: int, since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """When somebody was in a room, between these two moments: in their order, and whatever tabs and
    processes it was through, no two overlap or touch."""
    if until <= since:
        return []
    values: Any = {"user": user_id, "room": room_id, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_MERGED, values)
        return [(began_at, ended_at) for began_at, ended_at in cursor.fetchall()]


def processes() -> dict[str, Process]:
    """Those that live, by the name that each gave itself. Problem as above."""
    try:
        with durable().pipeline(transaction=False) as pipeline:
            pipeline.zrangebyscore(f"{PREFIX}processes", time.time(), "+inf", withscores=True)
            pipeline.hgetall(f"{PREFIX}figures")
            leases, figures = pipeline.execute()
    except RedisError:
        raise _unavailable() from None
    found = {name.decode(): _process(figures[name], until) for name, until in leases}
    return {name: process for name, process in found.items() if not _is_dead(process)}


def _process(figures: bytes, lease: float) -> Process:
    """One that is cut off from Redis cannot say so: its lease tells."""
    said = msgspec.json.decode(figures, type=Process)
    silent = LEASE - (lease - time.time()) > SILENT_AFTER
    return msgspec.structs.replace(said, degraded=said.degraded or (silent and not said.leaving))


def _is_dead(process: Process) -> bool:
    """Killed, on this machine; of another one's the lease will tell."""
    is_here = process.host == socket.gethostname()
    return is_here and not process.leaving and not Path(f"/proc/{process.pid}").exists()


def _ask(operation: str, *arguments: Any) -> Any:
    redis = durable()
    try:
        script = redis.register_script(SCRIPT)
        return script(keys=[PREFIX], args=(operation, _NOBODY, *arguments))
    except RedisError:
        raise _unavailable() from None


def _unavailable() -> Problem:
    detail = "Who is present cannot be told for a moment. Try again shortly."
    headers = {"Retry-After": "2"}
    return Problem("presence_unavailable", detail, status=503, headers=headers)
