"""The parts of the socket wired together, for one process."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Container, Coroutine, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from monitoring.health import draining
from monitoring.redis_clients import asynchronous
from realtime.facts import Announcer, message_posted, presence_observed
from realtime.messages.statement import Stored
from realtime.presence.register import EVERYWHERE
from realtime.presence.stays import Stays
from realtime.presence.telling import Teller
from realtime.rooms import DIRECT_PREFIX
from realtime.socket import documents
from realtime.socket.frames import Frame, Refusal, encode
from realtime.socket.house import House, dismiss
from realtime.socket.hub import FILLED_AT_ONCE, Hub
from realtime.socket.identity import Person, identify, unavailable
from realtime.socket.mailbox import Mailbox
from realtime.socket.people import People
from realtime.socket.rates import Rates
from realtime.socket.registry import Sessions
from realtime.socket.session import REPLACED, Session
from realtime.socket.store import Place, Store
from realtime.socket.writer import Said, Writer

log = structlog.get_logger("rallypoint.rooms")

CONNECTIONS_A_PERSON = 20
# Who missed more is given the newest, and reads the rest by history:get.
RESUMED = 200
NEWEST = 50
BEGIN_AGAIN_AFTER = 1.0
BEGUN_WITHIN = 10.0
PRESENCE_WITHIN = 0.5
IDENTIFIED_AT_ONCE = 8
# How long somebody waits at the door; then she is told to come back.
AT_THE_DOOR = 20.0


class Arrival(NamedTuple):
    """In the room of this id she is told of everything up to `seq`: what `joined` says of the room,
    and these messages."""

    room: int
    seq: int
    joined: dict[str, Any]
    messages: list[dict[str, Any]]


def _refuse_put_out(where: Container[object], room: object) -> None:
    if room not in where:
        raise Refusal("room_not_found", "You were put out of the room.")


class Rooms:
    """Made before the event loop runs; `start` and `stop` belong to the server's lifespan."""

    def __init__(
        self,
        *,
        database_url: str,
        redis_url: str,
        channel_urls: Sequence[str] = (),
        pgbouncer: bool = False,
        rates: Rates | None = None,
    ) -> None:
        self.rates = rates or Rates()
        self._urls, self._pgbouncer = (database_url, redis_url), pgbouncer
        self._channel_urls = channel_urls
        self.sessions = Sessions()
        # Frames name rooms, and a room keeps its name.
        self._slugs: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_at = time.time()
        self._door = asyncio.Semaphore(IDENTIFIED_AT_ONCE)

    async def start(self) -> None:
        database_url, redis_url = self._urls
        self.store, self.house = Store(database_url, pgbouncer=self._pgbouncer), House(self)
        self.hub = Hub(
            redis_url,
            channel_urls=self._channel_urls,
            read=self._read,
            newest=self.store.newest,
            on_presence=lambda room, change: self._teller.change(room, self._slugs[room], change),
            on_gone=self.house.take_out,
            on_degraded=self.house.tell_degraded,
            on_sign_ins=lambda user: self.spawn(self.house.look_at(user)),
        )
        self.writer = Writer(self.store.post, self._announce, self.rates.judge)
        self._teller = Teller(self.hub.tell_here, self.hub.listeners)
        self._redis = asynchronous(redis_url, timeout=PRESENCE_WITHIN)
        self._facts = Announcer()
        self._stays = Stays(
            self.hub.name,
            self.store.rows,
            on_written=lambda ids: self._facts.announce(presence_observed, ids),
        )
        self.people = People(
            self._redis, self.hub, self._stays, figures=self._figures, is_direct=self._is_direct
        )
        await self.store.open()
        self.hub.start()
        works = (
            self.people.attendance.run, Mailbox(self.sessions).run, self.house.keep,
            self._stays.run, self._facts.run, lambda: self.rates.tell_operators(self._redis),
        )  # fmt: skip
        for work in works:
            self.spawn(_for_ever(work))

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await self.writer.stop()
        await self._stays.close()
        await self._facts.close()
        await self.hub.stop()
        await self._redis.aclose()
        await self.rates.close()
        await self.store.close()

    async def identify(self, token: str) -> Person:
        """Refusals: see `identity.identify`. When thousands come at once, those who have been let
        in are served before others are: nobody waits twice."""
        try:
            async with asyncio.timeout(AT_THE_DOOR), self._door:
                return await identify(token, self.store.row)
        except TimeoutError:
            raise unavailable() from None

    # --- People -----------------------------------------------------------------------------------
    def welcome(self, session: Session) -> None:
        """A connection, of nobody yet; one that comes too late is sent away at once."""
        self.sessions.add(session)
        if draining.is_draining():
            dismiss(session)

    def admit(self, session: Session, person: Person) -> None:
        """She is known now. The oldest of too many connections makes room for this one."""
        hers = self.sessions.of(person.id)
        too_many = max(0, len(hers) + 1 - CONNECTIONS_A_PERSON)
        for one in hers[:too_many]:
            one.end(REPLACED, "replaced by a newer connection")
        self.sessions.admit(session, person)
        self.people.come(session, EVERYWHERE)

    def forget(self, session: Session) -> None:
        self.sessions.remove(session)
        for slug in tuple(session.rooms):
            self.leave(session, slug)
        self.people.go(session, EVERYWHERE)

    # --- Rooms ------------------------------------------------------------------------------------
    def slug_of(self, room: int) -> str:
        """Of a room that somebody here has entered."""
        return self._slugs[room]

    def _is_direct(self, room: int) -> bool:
        return self._slugs[room].startswith(DIRECT_PREFIX)

    def name(self, room: int, slug: str) -> None:
        """Of a room in which something is said that nobody here has entered."""
        self._slugs[room], self._ids[slug] = slug, room

    async def enter(self, session: Session, slug: str, after: int | None) -> Arrival:
        """Until `session.release`, what she hears of the room waits. Refusals: those of
        `Store.enter`."""
        try:
            place, seq = await self._let_in(session, slug)
            seq, recovered, messages = await self._catch_up(place, after, seq)
            people = await self.people.page(place.id)
            _refuse_put_out(session.rooms, slug)
        except BaseException:
            self.leave(session, slug)
            raise
        joined = {
            "room": slug, "seq": seq, "role": place.role, "recovered": recovered,
            "presence": people, "degraded": self.hub.is_degraded,
        }  # fmt: skip
        return Arrival(place.id, seq, joined, messages)

    async def _let_in(self, session: Session, slug: str) -> tuple[Place, int]:
        """Where she is now, and the number from which on she hears every message.

        She is looked up when she hears the room already, so that no ban falls in between: it would
        end the holding. She is in the room, for whoever sends to it, when she has been admitted.
        """
        assert session.person is not None  # noqa: S101 - admitted before
        user = session.person.id
        if (room := self._ids.get(slug)) is None:
            room = (await self.store.enter(slug, user)).id
            self.name(room, slug)
        session.hold(room)
        seq = await self.hub.enter(room, session)
        place = await self.store.enter(slug, user)
        _refuse_put_out(session.held, room)
        session.rooms[slug] = room
        self.people.come(session, room)
        return place, seq

    async def _catch_up(
        self, place: Place, after: int | None, seq: int
    ) -> tuple[int, bool, list[dict[str, Any]]]:
        """The number up to which she is told now, whether the messages are exactly those from
        `after` to there; else they are the newest up to there."""
        if after is not None and seq < after <= place.last_seq:
            # Another process has told her more than this one has heard yet.
            seq = await self.hub.reach(place.id, after)
        if after is not None and after <= seq <= after + RESUMED:
            missed = await self._messages(place.id, after=after, seq=seq, limit=RESUMED)
            # Fewer than there are numbers: retention has taken some, or they are too long.
            if len(missed) == seq - after:
                return seq, True, missed
        return seq, False, await self._messages(place.id, seq=seq, limit=NEWEST)

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

    def leave(self, session: Session, slug: str) -> None:
        """At once: whoever calls this may be cut off at any wait."""
        session.rooms.pop(slug, None)
        if (room := self._ids.get(slug)) is not None:
            self.people.go(session, room)
            self.hub.leave(room, session)
            session.drop(room)
            self.spawn(self._let_go(room))

    async def _let_go(self, room: int) -> None:
        await self.hub.let_go(room)
        if not self.hub.listeners(room):
            self._teller.forget(room)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- Messages ---------------------------------------------------------------------------------
    async def _announce(self, room: int, stored: list[tuple[Said, Stored]]) -> None:
        """What is new in one transaction has numbers that follow each other. Of what had been
        stored before, it may be that nobody was told."""
        slug, new = self._slugs[room], [pair for pair in stored if pair[1].is_new]
        if new and not self._is_direct(room):
            self._facts.announce(message_posted, [str(one.public_id) for _, one in new])
        if new:
            frames = [documents.received(slug, said, one) for said, one in new]
            await self.hub.publish(room, new[0][1].seq or 0, frames)
        if again := [one.seq or 0 for _, one in stored if not one.is_new]:
            await self.hub.remind(room, max(again))

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
            # One that has only just begun is cut off from nobody yet.
            "degraded": self.hub.is_degraded and time.time() > self._started_at + BEGUN_WITHIN,
            "leaving": draining.is_draining(),
        })  # fmt: skip


async def _for_ever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Until it ends by itself. What nobody foresaw is logged, and the work is begun again."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("rooms_work_failed", work=work.__qualname__)
            await asyncio.sleep(BEGIN_AGAIN_AFTER)
        else:
            return
