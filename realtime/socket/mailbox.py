"""Where a process gets what `realtime.doors` sends to people who may be connected to it."""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from channels.layers import get_channel_layer

from monitoring.redis_clients import AWAY
from realtime.doors import PROCESSES
from realtime.socket.frames import Frame
from realtime.socket.session import DISCONNECTED, Session

log = structlog.get_logger("rallypoint.rooms")

TRY_AGAIN_AFTER = 1.0


class Mailbox:
    """`sessions` are this process' connections."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._sessions = sessions

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._read()
            except AWAY as error:
                log.warning("mailbox_closed", error=type(error).__name__)
            await asyncio.sleep(TRY_AGAIN_AFTER)

    async def _read(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(PROCESSES, channel)
        while True:
            self._hand_over(await layer.receive(channel))

    def _hand_over(self, message: dict[str, Any]) -> None:
        meant = [one for one in self._sessions if _is_meant(one, message)]
        if message["type"] == "disconnect":
            for session in meant:
                session.end(DISCONNECTED, message["reason"])
            return
        frame = Frame(message["frame"])
        for session in meant:
            session.push(frame)


def _is_meant(session: Session, message: dict[str, Any]) -> bool:
    if session.person is None:
        return False
    match message["type"]:
        case "to.room":
            return str(message["room"]) in session.rooms
        case "to.user" | "disconnect":
            is_hers = str(session.person.public_id) == message["user"]
            return is_hers and message.get("unless_in") not in session.rooms
        case _:
            return True
