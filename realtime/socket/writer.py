"""Group commit: what a process is asked to store in a room while a transaction of it runs, the next
transaction stores together. So a busy room takes as many messages as it is sent, one commit at a
time."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field

import structlog

from monitoring.trace import bound, correlation_id
from realtime.messages.statement import Draft, Stored
from realtime.socket.frames import Refusal
from realtime.socket.identity import Person

log = structlog.get_logger("rallypoint.rooms")

TOGETHER = 200
# Everybody in the room is sent what is stored together at once.
CHARACTERS_TOGETHER = 64 * 1024
MOST_WAITING = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Draft):
    """A draft by somebody who is connected here."""

    person: Person
    # Of the connection over which it came: many are stored together, and each fails for itself.
    correlation: str = field(default_factory=correlation_id)


Post = Callable[[int, Sequence[Draft]], Awaitable[list[Stored]]]
# By the ids of their senders: why each must not be stored now, or None.
Judge = Callable[[Sequence[int]], Awaitable[list[Refusal | None]]]
After = Callable[[int, list[tuple[Said, Stored]]], Awaitable[None]]
_Waiting = deque[tuple[Said, "asyncio.Future[Stored]"]]
_Batch = list[tuple[Said, "asyncio.Future[Stored]"]]


class Writer:
    """`post` stores drafts of one room in one transaction; `after` hears of what is stored, now or
    before, before those who wait for it do. `judge` is asked once for what is stored together."""

    def __init__(self, post: Post, after: After, judge: Judge | None = None) -> None:
        self._post, self._after, self._judge = post, after, judge
        self._waiting: defaultdict[int, _Waiting] = defaultdict(deque)
        self._running: dict[int, asyncio.Task[None]] = {}

    async def write(self, room: int, draft: Said) -> Stored:
        """What became of it, once that is committed. Refusal `room_busy` when too many wait."""
        waiting = self._waiting[room]
        if len(waiting) >= MOST_WAITING:
            raise Refusal("room_busy", "Too much is being said here. Try again in a moment.")
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        waiting.append((draft, done))
        if room not in self._running:
            # In nobody's context: what others say meanwhile is stored by the same task.
            self._running[room] = asyncio.create_task(self._run(room), context=Context())
        return await done

    async def stop(self) -> None:
        """When what is waiting has been stored."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _run(self, room: int) -> None:
        waiting = self._waiting[room]
        try:
            while waiting:
                if batch := await self._admitted(_take_batch(waiting)):
                    await self._store(room, batch)
        finally:
            del self._running[room]
            if not waiting:
                del self._waiting[room]

    async def _admitted(self, batch: _Batch) -> _Batch:
        """Those who speak too often are told so."""
        if self._judge is None:
            return batch
        refusals = await self._judge([draft.sender for draft, _ in batch])
        judged = list(zip(batch, refusals, strict=True))
        for one, refusal in judged:
            if refusal:
                _fail([one], refusal)
        return [one for one, refusal in judged if refusal is None]

    async def _store(self, room: int, batch: _Batch) -> None:
        try:
            results = await self._post(room, [draft for draft, _ in batch])
            pairs = list(zip((draft for draft, _ in batch), results, strict=True))
            await self._after(room, [pair for pair in pairs if pair[1].seq])
        except Refusal as refusal:
            _fail(batch, refusal)
            return
        except Exception as error:
            if len(batch) == 1:
                with bound(batch[0][0].correlation):
                    log.exception("message_not_stored", room=room)
                _fail(batch, error)
            else:  # one of them is at fault, and not the others
                for one in batch:
                    await self._store(room, [one])
            return
        for (_, done), stored in zip(batch, results, strict=True):
            if not done.done():
                done.set_result(stored)


def _take_batch(waiting: _Waiting) -> _Batch:
    batch: _Batch = []
    characters = 0
    while waiting and len(batch) < TOGETHER and characters < CHARACTERS_TOGETHER:
        batch.append(waiting.popleft())
        characters += len(batch[-1][0].body)
    return batch


def _fail(batch: _Batch, error: Exception) -> None:
    for _, done in batch:
        if not done.done():
            done.set_exception(error)
