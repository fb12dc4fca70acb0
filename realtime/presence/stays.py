"""Who was in which room, kept: what one process holds, written to PostgreSQL every few seconds.

A stay is told of by the clock on the wall once, when it begins; from there on it is measured, so
that a clock which is set cannot make it longer. What ended waits until it is written; what goes on
is written again and again, so a process that is killed loses what happened since the last time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog

log = structlog.get_logger("rallypoint.rooms")

# How long those who leave wait for others who do.
WRITE_ENDED_AFTER = 0.5
# Together they are 5 s: of what goes on no more is lost with a process that is killed.
WRITE_EVERY = 4.5
TRY_AGAIN_AFTER = 1.0
WRITTEN_WITHIN = 10.0
LAST_WRITTEN_WITHIN = 2.0
AT_ONCE = 20_000
# While PostgreSQL is away; of stays that have ended the oldest are forgotten then.
MOST_ENDED = 100_000

# Moments are microseconds since 1970, and arrays are text, there and back: psycopg would look at
# each of ten thousand values, in the event loop. A room or a user that is gone has no stays.
WRITE = """
WITH written AS (
    INSERT INTO realtime_stay (room_id, user_id, process, began_at, seen_at)
    SELECT room.id, person.id, %(process)s,
        'epoch'::timestamptz + noted.began * interval '1 microsecond',
        'epoch'::timestamptz + noted.seen * interval '1 microsecond'
    FROM unnest(
        %(rooms)s::bigint[], %(users)s::bigint[], %(began)s::bigint[], %(seen)s::bigint[]
    ) AS noted (room, person, began, seen)
    JOIN realtime_room room ON room.id = noted.room
    JOIN accounts_user person ON person.id = noted.person
    ON CONFLICT (process, room_id, user_id, began_at)
    DO UPDATE SET written_at = now(),
        seen_at = greatest(realtime_stay.seen_at, excluded.seen_at)
    RETURNING id
)
SELECT string_agg(id::text, ',') FROM written
"""

# A room and a user in it, by their ids.
_Entry = tuple[int, int]
Ask = Callable[[str, dict[str, Any]], Awaitable[Sequence[tuple[Any, ...]]]]


class _Begun(NamedTuple):
    """The same moment by both clocks: microseconds, and seconds."""

    at: int
    measured: float

    def end(self, measured: float) -> int:
        return self.at + round((measured - self.measured) * 1e6)


class _Columns(NamedTuple):
    """Lists of numbers and no rows: ten thousand tuples would call the garbage collector."""

    rooms: list[int]
    users: list[int]
    began: list[int]
    seen: list[int]

    def part(self, first: int) -> "_Columns":
        return _Columns(*(column[first : first + AT_ONCE] for column in self))


class Stays:
    """`ask(query, values)` gives the rows; `on_written(ids)` hears which stays are stored now.
    `dropped` counts what was forgotten because it could not be written for too long."""

    def __init__(
        self,
        process: str,
        ask: Ask,
        on_written: Callable[[list[int]], None],
        *,
        now: Callable[[], float] = time.time,
        measure: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process, self._ask, self._on_written = process, ask, on_written
        self._now, self._measure = now, measure
        self.dropped = 0
        self._connections: Counter[_Entry] = Counter()
        self._begun: dict[_Entry, _Begun] = {}
        self._ended: dict[tuple[int, int, int], int] = {}
        self._has_ended = asyncio.Event()
        self._written_at = -WRITE_EVERY
        self._is_in_trouble = False

    def come(self, room: int, user: int) -> None:
        """One more connection of hers is there."""
        self._connections[room, user] += 1
        if self._connections[room, user] == 1:
            self._begun[room, user] = _Begun(round(self._now() * 1e6), self._measure())

    def go(self, room: int, user: int) -> None:
        """One less."""
        self._connections[room, user] -= 1
        if self._connections[room, user] <= 0:
            del self._connections[room, user]
            self._end((room, user))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            wait = max(0.0, self._written_at + WRITE_EVERY - self._measure())
            try:
                await asyncio.wait_for(self._has_ended.wait(), wait)
                await asyncio.sleep(WRITE_ENDED_AFTER)
            except TimeoutError:
                pass
            if not await self.write():
                await asyncio.sleep(TRY_AGAIN_AFTER)

    async def write(self) -> bool:
        """What has ended, and every WRITE_EVERY what goes on. False when PostgreSQL did not take
        it all: nothing is lost by that, until there is too much of it."""
        self._has_ended.clear()
        before, now = self._written_at, self._measure()
        if goes_on := now >= before + WRITE_EVERY:
            self._written_at = now
        columns = self._columns(goes_on=goes_on)
        for first in range(0, len(columns.rooms), AT_ONCE):
            if not await self._store(columns.part(first)):
                self._written_at = before
                self._has_ended.set()
                return False
        return True

    async def close(self) -> None:
        """The last ones; nobody is here any more."""
        for entry in tuple(self._begun):
            self._end(entry)
        self._connections.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITTEN_WITHIN):
                await self.write()
        if self._ended:
            log.warning("stays_lost", count=len(self._ended))

    def _end(self, entry: _Entry) -> None:
        if (begun := self._begun.pop(entry, None)) is None:
            return  # this process has closed
        self._ended[*entry, begun.at] = begun.end(self._measure())
        self._has_ended.set()
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]
            self.dropped += 1

    def _columns(self, *, goes_on: bool) -> _Columns:
        """As of this moment."""
        columns = rooms, users, began, seen = _Columns([], [], [], [])
        for (room, user, at), until in self._ended.items():
            rooms.append(room)
            users.append(user)
            began.append(at)
            seen.append(until)
        measured = self._measure()
        for (room, user), begun in self._begun.items() if goes_on else ():
            rooms.append(room)
            users.append(user)
            began.append(begun.at)
            seen.append(begun.end(measured))
        return columns

    async def _store(self, columns: _Columns) -> bool:
        values = {name: _array(column) for name, column in columns._asdict().items()}
        try:
            async with asyncio.timeout(WRITTEN_WITHIN):
                ((ids,),) = await self._ask(WRITE, {"process": self._process, **values})
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._note_trouble(error)
            return False
        self._note_trouble(None)
        self._forget_written(columns)
        self._on_written([int(one) for one in ids.split(",")] if ids else [])
        return True

    def _forget_written(self, columns: _Columns) -> None:
        for room, user, began_at, until in zip(*columns, strict=True):
            # Who was here when we asked may have gone since: that is to be written still.
            if self._ended.get((room, user, began_at)) == until:
                del self._ended[room, user, began_at]

    def _note_trouble(self, error: Exception | None) -> None:
        if error and not self._is_in_trouble:
            log.warning("stays_not_written", error=type(error).__name__)
        elif self._is_in_trouble and not error:
            log.info("stays_written_again", dropped=self.dropped)
        self._is_in_trouble = error is not None


def _array(values: Iterable[int]) -> str:
    return f"{{{','.join(map(str, values))}}}"
