"""The parts of the socket wired together, for one process."""

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from monitoring.health import draining
from monitoring.wire.fields import instant
from realtime.messages.statement import Stored
from realtime.socket.frames import Refusal, encode
from realtime.socket.hub import EVERYBODY, FILLED_AT_ONCE, Hub
from realtime.socket.identity import Person, identify
from realtime.socket.session import IDLE, NOT_AUTHENTICATED, REPLACED, RESTARTING, Session
from realtime.socket.store import Place, Store
from realtime.socket.writer import Said, Writer

HEARTBEAT = 25.0
IDLE_AFTER = 2.5 * HEARTBEAT
CONNECTIONS_A_PERSON = 20
# Who missed more is given the newest, and reads the rest by history:get.
RESUMED = 200
NEWEST = 50
LOOK_EVERY = 0.5
# Clients come back spread over this, so that the next process is not stormed.
RECONNECT_WITHIN = 3.0


class Rooms:
    """Made before the event loop runs; `start` and `stop` belong to the server's lifespan."""

    def __init__(self, *, database_url: str, redis_url: str) -> None:
        self._urls = (database_url, redis_url)
        self.sessions: set[Session] = set()
        # Frames name rooms, and a room keeps its name.
        self._slugs: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        database_url, redis_url = self._urls
        self.store = Store(database_url)
        self.hub = Hub(
            redis_url,
            read=self._read,
            newest=self._newest,
            on_gone=self._take_out,
            on_sign_ins=lambda user: self._spawn(self._look_at(user)),
        )
        self.writer = Writer(self.store.post, self._announce)
        await self.store.open()
        self.hub.start()
        self._spawn(self._keep_house())

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await self.writer.stop()
        await self.hub.stop()
        await self.store.close()

    # --- People -----------------------------------------------------------------------------------
    def welcome(self, session: Session) -> None:
        """A connection, of nobody yet; one that comes too late is sent away at once."""
        self.sessions.add(session)
        if draining.is_draining():
            _dismiss(session)

    def admit(self, session: Session, person: Person) -> None:
        """She is known now. The oldest of too many connections makes room for this one."""
        hers = [one for one in self.sessions if one.person and one.person.id == person.id]
        too_many = max(0, len(hers) + 1 - CONNECTIONS_A_PERSON)
        for one in sorted(hers, key=lambda one: one.id)[:too_many]:
            one.end(REPLACED, "replaced by a newer connection")
        session.person = person

    async def _look_at(self, user: int | None) -> None:
        """Whether her sign-ins are still good, or everybody's: one after the other."""
        for session in tuple(self.sessions):
            if session.person is None or user not in {None, session.person.id}:
                continue
            try:
                await identify(session.person.token)
            except Refusal as refusal:
                if refusal.code != "unavailable":
                    session.end(NOT_AUTHENTICATED, refusal.code)

    async def forget(self, session: Session) -> None:
        self.sessions.discard(session)
        for slug in tuple(session.rooms):
            await self.leave(session, slug)

    # --- Rooms ------------------------------------------------------------------------------------
    async def enter(self, session: Session, slug: str) -> tuple[Place, int]:
        """Where she is now, and the number from which on she hears every message; until `release`
        they wait. Refusals: those of `Store.enter`."""
        assert session.person is not None  # noqa: S101 - admitted before
        place = await self.store.enter(slug, session.person.id)
        self._slugs[place.id] = slug
        session.hold(place.id)
        try:
            seq = await self.hub.enter(place.id, session)
        except Refusal:
            session.release(place.id, after=0)
            raise
        session.rooms[slug] = place.id
        return place, seq

    async def catch_up(
        self, room: int, after: int | None, seq: int
    ) -> tuple[bool, list[dict[str, Any]]]:
        """Whether the messages are exactly those from `after` to `seq`; else they are the newest up
        to there."""
        _, oldest = await self.store.newest(room)
        if after is not None and oldest <= after + 1 <= seq + 1 <= after + 1 + RESUMED:
            rows = await self.store.messages(room, after=after, before=seq + 1, limit=RESUMED)
            recovered = True
        else:
            rows = await self.store.messages(room, before=seq + 1, limit=NEWEST, newest=True)
            recovered = False
        return recovered, [document(self._slugs[room], row) for row in rows]

    async def leave(self, session: Session, slug: str) -> None:
        if (room := session.rooms.pop(slug, None)) is not None:
            await self.hub.leave(room, session)

    def _take_out(self, room: int, user: int, reason: str) -> None:
        """Whoever was kicked, banned or has left hears no more of it, on any device."""
        slug = self._slugs[room]
        for session in tuple(self.sessions):
            person = session.person
            if person and user in {person.id, EVERYBODY} and session.rooms.get(slug) == room:
                session.push(encode("room:left", {"room": slug, "reason": reason}))
                self._spawn(self.leave(session, slug))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- Messages ---------------------------------------------------------------------------------
    async def _announce(self, room: int, stored: list[tuple[Said, Stored]]) -> None:
        if stored:
            slug = self._slugs[room]
            await self.hub.publish(room, [_told(slug, *pair) for pair in stored])

    async def _newest(self, room: int) -> int:
        newest, _ = await self.store.newest(room)
        return newest

    async def _read(self, room: int, after: int) -> list[tuple[int, str]]:
        rows = await self.store.messages(room, after=after, limit=FILLED_AT_ONCE)
        slug = self._slugs[room]
        return [(row[0], encode("message:received", document(slug, row))) for row in rows]

    # --- House ------------------------------------------------------------------------------------
    async def _keep_house(self) -> None:
        while not draining.is_draining():
            await asyncio.sleep(LOOK_EVERY)
            quiet_since = time.monotonic() - IDLE_AFTER
            for session in tuple(self.sessions):
                if session.heard_at < quiet_since:
                    session.end(IDLE, "idle")
        await self._drain()

    async def _drain(self) -> None:
        """In stages, so that requests are answered in between."""
        for number, session in enumerate(tuple(self.sessions), 1):
            _dismiss(session)
            if number % 50 == 0:
                await asyncio.sleep(0.01)


def _dismiss(session: Session) -> None:
    """Told when to come back, each at another moment."""
    wait = random.uniform(0, RECONNECT_WITHIN)  # noqa: S311 - no secret
    session.push(encode("server:draining", {"reconnectAfterMs": int(wait * 1000)}))
    session.end(RESTARTING, "restarting")


def _told(slug: str, said: Said, stored: Stored) -> tuple[int, str]:
    seq, person = stored.seq or 0, said.person
    row = (seq, stored.public_id, person.public_id, person.username, said.body, stored.created_at)
    return seq, encode("message:received", document(slug, (*row, None, None)))


def document(slug: str, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of `Store.messages` as it is on the wire."""
    seq, public_id, sender_id, username, body, created_at, edited_at, deleted_at = row
    sender: dict[str, UUID | str] | None = None
    if sender_id is not None:
        sender = {"id": sender_id, "username": username}
    message = {
        "room": slug,
        "seq": seq,
        "id": public_id,
        "from": sender,
        "body": body,
        "at": instant(created_at),
    }
    if edited_at:
        message["editedAt"] = instant(edited_at)
    if deleted_at:
        message["deletedAt"] = instant(deleted_at)
    return message
