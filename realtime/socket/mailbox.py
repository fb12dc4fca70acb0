"""Where a process gets what `realtime.doors` sends to people who may be connected to it."""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from channels.layers import get_channel_layer

from monitoring.redis_clients import AWAY
from realtime.doors import PROCESSES
from realtime.socket.frames import Frame
from realtime.socket.registry import Sessions
from realtime.socket.session import DISCONNECTED, Session

log = structlog.get_logger("rallypoint.rooms")

TRY_AGAIN_AFTER = 1.0
# Of what came together; then others have their turn, since each may be for everybody.
AT_ONCE = 10


class Mailbox:
    """`sessions` are this process' connections."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._channel = ""

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
        # One for all times: the layer keeps a queue for each that it was asked for.
        self._channel = self._channel or await layer.new_channel()
        await layer.group_add(PROCESSES, self._channel)
        while True:
            message = await layer.receive(self._channel)
            several = message["posts"] if message["type"] == "to.many" else [message]
            for number, one in enumerate(several, 1):
                self._try(one)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _try(self, message: dict[str, Any]) -> None:
        try:
            self._hand_over(message)
        except Exception:
            # Said by a process of another release, perhaps; the next one may be good.
            log.exception("mail_not_understood")

    def _hand_over(self, message: dict[str, Any]) -> None:
        meant = list(self._meant(message))
        if message["type"] == "disconnect":
            for session in meant:
                session.end(DISCONNECTED, message["reason"])
            return
        frame = Frame(message["frame"])
        for session in meant:
            if room := session.rooms.get(message.get("room", "")):
                session.hear(room, None, frame)
            else:
                session.push(frame)

    def _meant(self, message: dict[str, Any]) -> Iterable[Session]:
        match message["type"]:
            case "to.room":
                return (one for one in self._sessions if message["room"] in one.rooms)
            case "to.user" | "disconnect":
                hers = self._sessions.of_person(message["user"])
                return (one for one in hers if message.get("unless_in") not in one.rooms)
            case _:
                return (one for one in self._sessions if one.person)
