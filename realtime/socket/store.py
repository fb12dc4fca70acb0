"""What the socket asks of PostgreSQL, without threads: a small pool, every wait bounded."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg_pool import PoolTimeout, TooManyRequests

from monitoring.maintenance import notice as maintenance
from monitoring.postgresql.async_pool import MeasuredPool
from realtime.messages import statement
from realtime.messages.statement import Draft, Stored
from realtime.socket.frames import Refusal
from realtime.socket.identity import unavailable

ANSWER_WITHIN = 5.0
# The server itself gives a statement up before.
SILENT_AFTER = ANSWER_WITHIN + 0.5

Connection = psycopg.AsyncConnection[Any]
Found = TypeVar("Found")

_ENTER = """
WITH room AS (
    SELECT id, kind, last_seq FROM realtime_room WHERE slug = %(slug)s AND closed_at IS NULL
), known AS (
    SELECT member.room_id, member.role, member.banned_at
    FROM realtime_member member JOIN room ON room.id = member.room_id
    WHERE member.user_id = %(user)s
), made AS (
    INSERT INTO realtime_member (room_id, user_id, role, joined_at, read_seq, muted_until)
    SELECT id, %(user)s, 'member', %(now)s, last_seq, (
        SELECT until FROM realtime_mute
        WHERE room_id = room.id AND user_id = %(user)s AND until > %(now)s
    )
    FROM room
    WHERE kind = 'public' AND NOT EXISTS (SELECT FROM known)
    ON CONFLICT (room_id, user_id) DO NOTHING
    RETURNING role
)
SELECT room.id, room.last_seq, room.kind, coalesce(known.role, made.role, ''),
    known.banned_at IS NOT NULL
FROM room LEFT JOIN known ON true LEFT JOIN made ON true
"""
# One frame has all that is found: so many bytes of bodies, but one message at least.
MOST_READ = 128 * 1024
_MESSAGES = """
WITH found AS (
    SELECT * FROM realtime_message
    WHERE room_id = %(room)s AND seq > %(after)s AND seq < %(before)s
    ORDER BY seq {order} LIMIT %(limit)s
), weighed AS (
    SELECT found.*, sum(octet_length(body)) OVER (ORDER BY seq {order}) - octet_length(body)
        AS before_it
    FROM found
)
SELECT message.seq, message.public_id, sender.public_id, sender.username, message.body,
    message.created_at, message.edited_at, message.deleted_at
FROM weighed message LEFT JOIN accounts_user sender ON sender.id = message.sender_id
WHERE message.before_it < %(most)s
ORDER BY message.seq {order}
"""
_NEWEST = "SELECT last_seq FROM realtime_room WHERE id = %(room)s"
_READ = """
UPDATE realtime_member member SET read_seq = least(%(seq)s, room.last_seq)
FROM realtime_room room
WHERE room.id = member.room_id AND member.room_id = %(room)s AND member.user_id = %(user)s
  AND member.banned_at IS NULL AND member.read_seq < least(%(seq)s, room.last_seq)
RETURNING member.read_seq
"""
_STILL_IN = """
SELECT member.room_id, member.user_id
FROM unnest(%(rooms)s::bigint[], %(users)s::bigint[]) AS asked(room, person)
JOIN realtime_member member ON member.room_id = asked.room AND member.user_id = asked.person
JOIN realtime_room room ON room.id = member.room_id
WHERE member.banned_at IS NULL AND room.closed_at IS NULL
"""
_BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """A room that somebody may be in, with the number of its newest message."""

    id: int
    last_seq: int
    role: str


class Store:
    """`open` never waits for the server; a call that finds it away is a Refusal `unavailable`.

    Who speaks does not stand in one line with who comes in: after a restart, thousands come.
    """

    def __init__(self, url: str, *, pgbouncer: bool = False) -> None:
        bouncing = {"pgbouncer": pgbouncer}
        self._writing = _pool(url, "rooms-writing", most=2, wait=1.0, waiting=500, **bouncing)
        self._reading = _pool(
            url, "rooms-reading", most=4, wait=ANSWER_WITHIN, waiting=10_000, **bouncing
        )

    async def open(self) -> None:
        for pool in (self._writing, self._reading):
            await pool.open(wait=False)

    async def close(self) -> None:
        for pool in (self._writing, self._reading):
            await pool.close(timeout=1)

    async def enter(self, slug: str, user: int) -> Place:
        """Let her into a public room, or one that she is in. Refusals: `room_not_found`,
        `banned`."""
        values = {"slug": slug, "user": user, "now": datetime.now(UTC)}
        for _ in range(2):
            rows = await self.rows(_ENTER, values)
            if not rows:
                break
            room, last_seq, kind, role, is_banned = rows[0]
            if is_banned:
                raise Refusal("banned", "You are banned from this room.")
            if role:
                return Place(room, last_seq, role)
            if kind != "public":
                break
            # Somebody let her in, or banned her, at this very moment: ask what it was.
        raise Refusal("room_not_found", "There is no such room for you.")

    async def post(self, room: int, drafts: Sequence[Draft]) -> list[Stored]:
        """What became of each, once it is committed: one round trip for all."""
        values = statement.parameters(room=room, drafts=drafts, now=datetime.now(UTC))

        async def store(connection: Connection) -> list[Stored]:
            async with connection.pipeline(), connection.transaction():
                await connection.execute(statement.LOCK, values, prepare=True)
                cursor = await connection.execute(statement.STORE, values, prepare=True)
            return [statement.read(row) for row in await cursor.fetchall()]

        return await _ask(self._writing, store)

    async def newest(self, room: int) -> int:
        """The number of its newest message."""
        ((newest,),) = await self.rows(_NEWEST, {"room": room})
        return int(newest)

    async def rows(self, query: str, values: Any) -> list[tuple[Any, ...]]:
        """All that any query finds."""

        async def read(connection: Connection) -> list[tuple[Any, ...]]:
            cursor = await connection.execute(query, values, prepare=True)
            return await cursor.fetchall()

        return await _ask(self._reading, read)

    async def row(self, query: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """The first one that any query finds."""
        rows = await self.rows(query, values)
        return rows[0] if rows else None

    async def messages(
        self, room: int, *, after: int = 0, before: int = _BIGGEST, limit: int, newest: bool = False
    ) -> list[tuple[Any, ...]]:
        """In their order: the first `limit` between the two numbers, or the last; fewer when they
        are more than MOST_READ."""
        query = _MESSAGES.format(order="DESC" if newest else "ASC")
        values = {"room": room, "after": after, "before": before, "limit": limit, "most": MOST_READ}
        rows = await self.rows(query, values)
        return rows[::-1] if newest else rows

    async def mark_read(self, room: int, user: int, seq: int) -> int | None:
        """The number up to which she has read now; None when that is nothing new."""
        rows = await self.rows(_READ, {"room": room, "user": user, "seq": seq})
        return rows[0][0] if rows else None

    async def still_in(self, places: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those (room, user) where she may be."""
        rooms, users = zip(*places, strict=True)
        rows = await self.rows(_STILL_IN, {"rooms": list(rooms), "users": list(users)})
        return {(room, user) for room, user in rows}


def _pool(
    url: str, name: str, *, most: int, wait: float, waiting: int, pgbouncer: bool
) -> MeasuredPool:
    return MeasuredPool(
        url,
        name=name,
        pgbouncer=pgbouncer,
        open=False,
        min_size=1,
        max_size=most,
        timeout=wait,
        max_waiting=waiting,
        reconnect_timeout=1,
        kwargs={
            "autocommit": True,
            "connect_timeout": 2,
            "application_name": "rallypoint-rooms",
            # Maintenance refuses frames and not statements: these connections outlive it.
            "options": f"-c statement_timeout={int(ANSWER_WITHIN * 1000)}"
            " -c default_transaction_read_only=off",
        },
    )


async def _ask(pool: MeasuredPool, work: Callable[[Connection], Awaitable[Found]]) -> Found:
    """When a connection was lost, once more over another one: all that is asked here may be, since
    messages carry the ids that their senders gave them. A pool whose server was restarted learns
    of each dead connection by its first user, so it looks at the others then."""
    try:
        async with asyncio.timeout(2 * ANSWER_WITHIN):
            try:
                return await _over_one(pool, work)
            except _LostError:
                await pool.check()
                return await _over_one(pool, work)
    except (TimeoutError, PoolTimeout, TooManyRequests, psycopg.OperationalError):
        raise unavailable() from None
    except psycopg.errors.ReadOnlySqlTransaction:  # behind PgBouncer the database's own lock holds
        raise Refusal(maintenance.CODE, maintenance.current().text) from None


class _LostError(psycopg.OperationalError):
    """The connection has ended, and with it whatever was asked over it."""


async def _over_one(pool: MeasuredPool, work: Callable[[Connection], Awaitable[Found]]) -> Found:
    """TimeoutError when the server keeps silent. psycopg would wait for it to confirm that it
    cancels, so the line is cut instead."""
    async with pool.connection() as connection:
        silence = asyncio.get_running_loop().call_later(SILENT_AFTER, _hang_up, connection)
        try:
            return await work(connection)
        except psycopg.OperationalError as error:
            if silence.when() <= asyncio.get_running_loop().time():
                raise TimeoutError from error
            if connection.closed:
                raise _LostError from error
            raise
        finally:
            silence.cancel()


def _hang_up(connection: Connection) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
