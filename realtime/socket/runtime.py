"""The parts of the socket wired together, for one process."""

import asyncio
import os
import random
import socket
import time
from collections.abc import Coroutine
from typing import Any

import msgspec
import structlog

from monitoring.health import draining
from monitoring.redis_clients import AWAY, asynchronous
from realtime.messages.statement import Stored
from realtime.news import EVERYBODY
from realtime.presence.attendance import Attendance
from realtime.presence.register import EVERYWHERE, PAGE, Page, Register
from realtime.presence.telling import Teller
from realtime.socket import documents
from realtime.socket.frames import Frame, Refusal, encode
from realtime.socket.hub import FILLED_AT_ONCE, Hub
from realtime.socket.identity import Person, identify, unavailable
from realtime.socket.mailbox import Mailbox
from realtime.socket.registry import Sessions
from realtime.socket.session import IDLE, NOT_AUTHENTICATED, REPLACED, RESTARTING, Session
from realtime.socket.store import Place, Store
from realtime.socket.writer import Said, Writer

log = structlog.get_logger("rallypoint.rooms")

HEARTBEAT = 25.0
IDLE_AFTER = 2.5 * HEARTBEAT
CONNECTIONS_A_PERSON = 20
# Who missed more is given the newest, and reads the rest by history:get.
RESUMED = 200
NEWEST = 50
LOOK_EVERY = 0.5
# Clients come back spread over this, so that the next process is not stormed.
RECONNECT_WITHIN = 3.0
PRESENCE_WITHIN = 0.5
IDENTIFIED_AT_ONCE = 8
# How long somebody waits at the door; then she is told to come back.
PATIENCE = 20.0


class Rooms:
    """Made before the event loop runs; `start` and `stop` belong to the server's lifespan."""

    def __init__(self, *, database_url: str, redis_url: str) -> None:
        self._urls = (database_url, redis_url)
        self.sessions = Sessions()
        # Frames name rooms, and a room keeps its name.
        self._slugs: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_at = time.time()
        self._door = asyncio.Semaphore(IDENTIFIED_AT_ONCE)

    async def start(self) -> None:
        database_url, redis_url = self._urls
        self.store = Store(database_url)
        self.hub = Hub(
            redis_url,
            read=self._read,
            newest=self.store.newest,
            on_presence=lambda room, change: self._teller.change(room, self._slugs[room], change),
            on_gone=self._take_out,
            on_degraded=self._tell_degraded,
            on_sign_ins=lambda user: self._spawn(self._look_at(user)),
        )
        self.writer = Writer(self.store.post, self._announce)
        self._teller = Teller(self.hub.tell_here, self.hub.listeners)
        self._redis = asynchronous(redis_url, timeout=PRESENCE_WITHIN)
        self._register = Register(self._redis, self.hub.name)
        self.attendance = Attendance(self._register, self._figures)
        await self.store.open()
        self.hub.start()
        self._spawn(self.attendance.run())
        self._spawn(Mailbox(self.sessions).run())
        self._spawn(self._keep_house())

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await self.writer.stop()
        await self.hub.stop()
        await self._redis.aclose()
        await self.store.close()

    async def identify(self, token: str) -> Person:
        """Refusals: see `identity.identify`. When thousands come at once, those who have been let
        in are served before others are: nobody waits twice."""
        try:
            async with asyncio.timeout(PATIENCE), self._door:
                return await identify(token, self.store.row)
        except TimeoutError:
            raise unavailable() from None

    # --- People -----------------------------------------------------------------------------------
    def welcome(self, session: Session) -> None:
        """A connection, of nobody yet; one that comes too late is sent away at once."""
        self.sessions.add(session)
        if draining.is_draining():
            _dismiss(session)

    def admit(self, session: Session, person: Person) -> None:
        """She is known now. The oldest of too many connections makes room for this one."""
        hers = self.sessions.of(person.id)
        too_many = max(0, len(hers) + 1 - CONNECTIONS_A_PERSON)
        for one in hers[:too_many]:
            one.end(REPLACED, "replaced by a newer connection")
        self.sessions.admit(session, person)
        self._come(session, EVERYWHERE)

    async def _look_at(self, user: int | None) -> None:
        """Whether her sign-ins are still good. None: nothing was heard for a time, so everybody's,
        and whether they may still be where they are."""
        for session in self.sessions if user is None else self.sessions.of(user):
            if session.person is None:
                continue
            try:
                await self.identify(session.person.token)
            except Refusal as refusal:
                if refusal.code != "unavailable":
                    session.end(NOT_AUTHENTICATED, refusal.code)
        if user is None:
            await self._look_at_places()

    async def _look_at_places(self) -> None:
        places = {
            (room, session.person.id)
            for session in self.sessions
            if session.person
            for room in session.rooms.values()
        }
        while places:
            try:
                gone = places - await self.store.still_in(places)
            except Refusal:  # PostgreSQL is away too
                await asyncio.sleep(LOOK_EVERY)
                continue
            for room, user in gone:
                self._take_out(room, user, "removed")
            return

    async def forget(self, session: Session) -> None:
        self.sessions.remove(session)
        for slug in tuple(session.rooms):
            await self.leave(session, slug)
        if session.person:
            self._go(session, EVERYWHERE)

    # --- Presence ---------------------------------------------------------------------------------
    def _come(self, session: Session, room: int) -> None:
        if person := session.person:
            document = documents.presence_of(person)
            self.attendance.come(room, str(person.public_id), document)

    def _go(self, session: Session, room: int) -> None:
        if person := session.person:
            self.attendance.go(room, str(person.public_id))

    async def show(self, person: Person, status: str, note: str) -> None:
        """Refusal `unavailable` while Redis is away."""
        document = documents.presence_of(person, status=status, note=note)
        try:
            await self.attendance.show(str(person.public_id), document)
        except AWAY:
            raise unavailable() from None

    async def people(self, room: int, *, after: str = "", limit: int = PAGE) -> Page:
        """Who is present; while Redis is away, those who are connected to this process."""
        if not self.hub.is_degraded:
            try:
                await self.attendance.settled()
                return await self._register.page(room, after=after, limit=limit)
            except AWAY as error:
                log.warning("presence_not_read", error=type(error).__name__)
        return self.attendance.page(room, after=after, limit=limit)

    # --- Rooms ------------------------------------------------------------------------------------
    def name(self, room: int, slug: str) -> None:
        """Of a room in which something is said that nobody here has entered."""
        self._slugs[room] = slug

    async def enter(self, session: Session, slug: str) -> tuple[Place, int]:
        """Where she is now, and the number from which on she hears every message; until `release`
        they wait. Refusals: those of `Store.enter`."""
        assert session.person is not None  # noqa: S101 - admitted before
        place = await self.store.enter(slug, session.person.id)
        self.name(place.id, slug)
        session.hold(place.id)
        try:
            seq = await self.hub.enter(place.id, session)
        except Refusal:
            session.release(place.id, after=0)
            raise
        if slug not in session.rooms:
            session.rooms[slug] = place.id
            self._come(session, place.id)
        return place, seq

    async def catch_up(
        self, room: int, after: int | None, seq: int
    ) -> tuple[bool, list[dict[str, Any]]]:
        """Whether the messages are exactly those from `after` to `seq`; else they are the newest up
        to there."""
        if after is not None and after <= seq <= after + RESUMED:
            missed = await self._messages(room, after=after, seq=seq, limit=RESUMED)
            # Fewer than there are numbers: retention has taken some.
            if len(missed) == seq - after:
                return True, missed
        return False, await self._messages(room, seq=seq, limit=NEWEST)

    async def _messages(
        self, room: int, *, seq: int, limit: int, after: int = 0
    ) -> list[dict[str, Any]]:
        """The newest up to `seq`; nothing is asked where there can be none."""
        if after == seq:
            return []
        rows = await self.store.messages(
            room, after=after, before=seq + 1, limit=limit, newest=True
        )
        return [documents.message(self._slugs[room], row) for row in rows]

    async def leave(self, session: Session, slug: str) -> None:
        if (room := session.rooms.pop(slug, None)) is not None:
            self._go(session, room)
            await self.hub.leave(room, session)
            if not self.hub.listeners(room):
                self._teller.forget(room)

    def _take_out(self, room: int, user: int, reason: str) -> None:
        """Whoever was kicked, banned or has left hears no more of it, on any device."""
        slug = self._slugs[room]
        for session in self.sessions if user == EVERYBODY else self.sessions.of(user):
            if session.rooms.get(slug) == room:
                session.push(encode("room:left", {"room": slug, "reason": reason}))
                self._spawn(self.leave(session, slug))

    def _tell_degraded(self) -> None:
        frame = encode("server:degraded", {"degraded": self.hub.is_degraded})
        for session in self.sessions:
            if session.person:
                session.push(frame)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- Messages ---------------------------------------------------------------------------------
    async def _announce(self, room: int, stored: list[tuple[Said, Stored]]) -> None:
        """What is stored in one transaction has numbers that follow each other."""
        if stored:
            slug = self._slugs[room]
            frames = [documents.received(slug, said, one) for said, one in stored]
            await self.hub.publish(room, stored[0][1].seq or 0, frames)

    async def _read(self, room: int, after: int) -> list[tuple[int, Frame]]:
        rows = await self.store.messages(room, after=after, limit=FILLED_AT_ONCE)
        slug = self._slugs[room]
        documents_of = (documents.message(slug, row) for row in rows)
        return [(one["seq"], encode("message:received", one)) for one in documents_of]

    # --- House ------------------------------------------------------------------------------------
    def _figures(self) -> bytes:
        return msgspec.json.encode({
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": self._started_at,
            "connections": len(self.sessions),
            "rooms": self.hub.rooms,
            "degraded": self.hub.is_degraded,
        })  # fmt: skip

    async def _keep_house(self) -> None:
        while not draining.is_draining():
            await asyncio.sleep(LOOK_EVERY)
            quiet_since = time.monotonic() - IDLE_AFTER
            for session in self.sessions:
                if session.heard_at < quiet_since:
                    session.end(IDLE, "idle")
        await self._drain()

    async def _drain(self) -> None:
        """In stages, so that requests are answered in between."""
        await self.attendance.farewell()
        for number, session in enumerate(self.sessions, 1):
            _dismiss(session)
            if number % 50 == 0:
                await asyncio.sleep(0.01)


def _dismiss(session: Session) -> None:
    """Told when to come back, each at another moment."""
    wait = random.uniform(0, RECONNECT_WITHIN)  # noqa: S311 - no secret
    session.push(encode("server:draining", {"reconnectAfterMs": int(wait * 1000)}))
    session.end(RESTARTING, "restarting")
