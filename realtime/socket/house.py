"""The housekeeping of one process: who may still be here, who went silent, and the farewell."""

import asyncio
import random
import time
from typing import TYPE_CHECKING

import structlog

from monitoring.health import draining
from realtime.news import EVERYBODY
from realtime.socket.frames import Refusal, encode
from realtime.socket.session import IDLE, NOT_AUTHENTICATED, RESTARTING, Session

if TYPE_CHECKING:
    from realtime.socket.runtime import Rooms

log = structlog.get_logger("rallypoint.rooms")

HEARTBEAT = 25.0
IDLE_AFTER = 2.5 * HEARTBEAT
LOOK_EVERY = 0.5
# News of who was put out can be lost; what it said is looked up this often.
PLACES_EVERY = 30.0
# Clients come back spread over this, so that the next process is not stormed.
RECONNECT_WITHIN = 3.0


class House:
    def __init__(self, rooms: "Rooms") -> None:
        self._rooms = rooms
        self._looking = asyncio.Lock()

    async def keep(self) -> None:
        """Until the process leaves, and everybody has been told."""
        looked_at = time.monotonic()
        while not draining.is_draining():
            await asyncio.sleep(LOOK_EVERY)
            self._end_silent_ones()
            if time.monotonic() > looked_at + PLACES_EVERY:
                looked_at = time.monotonic()
                self._rooms.spawn(self._look_at_places())
        await self._drain()

    def tell_degraded(self) -> None:
        self._rooms.people.attendance.beat_soon()
        frame = encode("server:degraded", {"degraded": self._rooms.hub.is_degraded})
        for session in self._rooms.sessions:
            if session.person:
                session.push(frame)

    def take_out(self, room: int, user: int, reason: str) -> None:
        """Whoever was kicked, banned or has left hears no more of it, on any device."""
        slug, sessions = self._rooms.slug_of(room), self._rooms.sessions
        for session in sessions if user == EVERYBODY else sessions.of(user):
            was_in = slug in session.rooms
            if was_in or room in session.held:  # she is just coming in
                self._rooms.leave(session, slug)
            if was_in:
                session.push(encode("room:left", {"room": slug, "reason": reason}))

    async def look_at(self, user: int | None) -> None:
        """Whether her sign-ins are still good. None: nothing was heard for a time, so everybody's,
        and whether they may still be where they are."""
        if user is not None:
            for session in self._rooms.sessions.of(user):
                await self._look_at_sign_in(session)
            return
        async with self._looking:
            for session in self._rooms.sessions:
                await self._look_at_sign_in(session)
        await self._look_at_places()

    async def _look_at_sign_in(self, session: Session) -> None:
        while session.person and session in self._rooms.sessions:
            try:
                await self._rooms.identify(session.person.token)
            except Refusal as refusal:
                if refusal.code == "unavailable":
                    await asyncio.sleep(LOOK_EVERY)
                    continue
                session.end(NOT_AUTHENTICATED, refusal.code)
            return

    async def _look_at_places(self) -> None:
        """One query for all."""
        places = {
            (room, session.person.id)
            for session in self._rooms.sessions
            if session.person
            for room in session.rooms.values()
        }
        while places:
            try:
                gone = places - await self._rooms.store.still_in(places)
            except Refusal:  # PostgreSQL is away too
                await asyncio.sleep(LOOK_EVERY)
                continue
            for room, user in gone:
                self.take_out(room, user, "removed")
            return

    def _end_silent_ones(self) -> None:
        quiet_since = time.monotonic() - IDLE_AFTER
        for session in self._rooms.sessions:
            if session.heard_at < quiet_since:
                session.end(IDLE, "idle")

    async def _drain(self) -> None:
        """In stages, so that requests are answered in between."""
        await self._rooms.people.attendance.farewell()
        for number, session in enumerate(self._rooms.sessions, 1):
            dismiss(session)
            if number % 50 == 0:
                await asyncio.sleep(0.01)


def dismiss(session: Session) -> None:
    """Told when to come back, each at another moment."""
    wait = random.uniform(0, RECONNECT_WITHIN)  # noqa: S311 - no secret
    session.push(encode("server:draining", {"reconnectAfterMs": int(wait * 1000)}))
    session.end(RESTARTING, "restarting")
