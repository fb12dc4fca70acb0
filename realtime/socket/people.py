"""Who is where through the connections of this process: told to Redis for now, and kept as stays
in PostgreSQL for later."""

from collections.abc import Callable

import structlog
from redis.asyncio import Redis

from monitoring.redis_clients import AWAY
from realtime.presence.attendance import Attendance
from realtime.presence.register import EVERYWHERE, PAGE, Page, Register
from realtime.presence.stays import Stays
from realtime.socket import documents
from realtime.socket.hub import Hub
from realtime.socket.identity import Person, unavailable
from realtime.socket.session import Session

log = structlog.get_logger("rallypoint.rooms")


class People:
    """`figures()` is what this process says of itself; `is_direct(room)` says of which rooms no
    stays are kept."""

    def __init__(
        self,
        redis: "Redis",
        hub: Hub,
        stays: Stays,
        *,
        figures: Callable[[], bytes],
        is_direct: Callable[[int], bool],
    ) -> None:
        self._hub, self._stays, self._is_direct = hub, stays, is_direct
        self._register = Register(redis, hub.name)
        self.attendance = Attendance(self._register, figures)

    def come(self, session: Session, room: int) -> None:
        if (person := session.person) and room not in session.present_in:
            session.present_in.add(room)
            self.attendance.come(room, str(person.public_id), documents.presence_of(person))
            if self._is_kept(room):
                self._stays.come(room, person.id)

    def go(self, session: Session, room: int) -> None:
        if (person := session.person) and room in session.present_in:
            session.present_in.remove(room)
            self.attendance.go(room, str(person.public_id))
            if self._is_kept(room):
                self._stays.go(room, person.id)

    def _is_kept(self, room: int) -> bool:
        return room != EVERYWHERE and not self._is_direct(room)

    async def show(self, person: Person, status: str, note: str) -> None:
        """Refusal `unavailable` while Redis is away."""
        document = documents.presence_of(person, status=status, note=note)
        try:
            await self.attendance.show(str(person.public_id), document)
        except AWAY:
            raise unavailable() from None

    async def page(self, room: int, *, after: str = "", limit: int = PAGE) -> Page:
        """Who is present; while Redis is away, those who are connected to this process."""
        if not self._hub.is_degraded:
            try:
                await self.attendance.settled()
                return await self._register.page(room, after=after, limit=limit)
            except AWAY as error:
                log.warning("presence_not_read", error=type(error).__name__)
        return self.attendance.page(room, after=after, limit=limit)
