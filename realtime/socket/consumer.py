"""The WebSocket at /ws/: its life, and who is behind it. What is said of rooms: conversation."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from channels.consumer import AsyncConsumer
from uuid_utils import uuid7

from realtime.socket import frames
from realtime.socket.conversation import Conversation
from realtime.socket.frames import Refusal, encode
from realtime.socket.house import HEARTBEAT
from realtime.socket.identity import Person
from realtime.socket.lines import TRANSPORT, Line, Queued, Straight
from realtime.socket.origins import is_our_origin
from realtime.socket.runtime import Rooms
from realtime.socket.session import (
    FLOODING,
    FORBIDDEN,
    NOT_AUTHENTICATED,
    PATIENCE,
    TOO_BIG,
    TRY_AGAIN_LATER,
    Session,
)

log = structlog.get_logger("rallypoint.rooms")

AUTHENTICATE_WITHIN = 10.0
WARN_BEFORE = 60.0
_UNSUPPORTED = 1003


class RoomConsumer(AsyncConsumer):
    """One connection. Frames are handled one after the other, but for messages: those wait for
    their commit beside each other, in the order in which they came."""

    session: Session
    conversation: Conversation

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self._timer: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Without Channels' layer, whose queue and task for each connection the hub makes needless,
        there is one source of events: waiting for several costs a task for each of them. And
        without a look at Django's connections, a hop to a thread: what uses one closes it."""
        self.scope, self.base_send = scope, send
        try:
            await receive()
            await self._accept()
            while (message := await receive())["type"] == "websocket.receive":
                await self.receive(message)
        finally:
            await self._gone()

    # --- Coming and going -------------------------------------------------------------------------
    async def _accept(self) -> None:
        offered = self.scope.get("subprotocols") or []
        chosen = frames.SUBPROTOCOL if frames.SUBPROTOCOL in offered else None
        # Accepted first: a browser sees the close code only of an open socket.
        await self.send({"type": "websocket.accept", "subprotocol": chosen})
        self.session = Session(uuid7().hex, self._line())
        self.conversation = Conversation(self.rooms, self.session)
        self.rooms.welcome(self.session)
        self._network = self.rooms.rates.network_of(self.scope)
        if self.rooms.rates.wait_of(self._network):
            self.session.end(FLOODING, "rate_limited")
            return
        if not is_our_origin(self.scope):
            self._not_let_in()
            self.session.end(FORBIDDEN, "origin not allowed")
            return
        token = next((item[7:] for item in offered if item.startswith("bearer.")), None)
        if token is None:
            self._at(AUTHENTICATE_WITHIN, self._not_authenticated)
        else:
            await self._authenticate_or_end(token)

    def _line(self) -> Line:
        transport = (self.scope.get("extensions") or {}).get(TRANSPORT)
        return Straight(transport, self.send) if transport else Queued(self.send)

    async def _gone(self) -> None:
        self._stop_clock()
        if hasattr(self, "conversation"):
            self.session.line.stop()
            try:
                await self.conversation.end()
            finally:  # the server may have lost its patience with us
                self.rooms.forget(self.session)

    def _stop_clock(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        self._stop_clock()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), action)

    # --- Frames -----------------------------------------------------------------------------------
    async def receive(self, message: dict[str, Any]) -> None:
        self.session.heard_at = time.monotonic()
        text = message.get("text")
        if text is None:
            self.session.end(_UNSUPPORTED, "text frames only")
        elif len(text) > frames.MAX_BYTES or len(text.encode()) > frames.MAX_BYTES:
            self.session.end(TOO_BIG, "too big")
        elif not self.session.bucket.take():
            self._refuse_flood(text)
        else:
            await self._handle(text)

    def _refuse_flood(self, text: str) -> None:
        if self.session.bucket.refused > PATIENCE:
            self.session.end(FLOODING, "flooding")
        else:
            self.session.refuse(frames.flood(), frames.ref_of(text))

    async def _handle(self, text: str) -> None:
        ref = None
        try:
            frame = frames.decode(text)
            ref = frame.ref
            await self._answer(frame)
        except Refusal as refusal:
            self.session.refuse(refusal, ref or frames.ref_of(text))
        except Exception:
            log.exception("frame_failed", session=self.session.id, ref=ref)
            self.session.refuse(frames.FAULT, ref)

    async def _answer(self, frame: frames.ClientFrame) -> None:
        match frame:
            case frames.Ping():
                self.session.push(encode("pong", None, frame.ref))
            case frames.Auth():
                await self._authenticate_now(frame)
            case _ if self.session.person is None:
                raise Refusal("not_authenticated", "Say who you are first: auth.")
            case frames.AuthRefresh():
                await self._refresh(frame)
            case _:
                await self.conversation.answer(frame)

    # --- Who it is --------------------------------------------------------------------------------
    async def _authenticate_now(self, frame: frames.Auth) -> None:
        """She has said so in time; how long it takes to look is not hers to answer for."""
        if self.session.person is not None:
            raise Refusal("already_authenticated", "To prolong it there is auth:refresh.")
        self._stop_clock()
        await self._authenticate_or_end(frame.data.token, frame.ref)

    async def _refresh(self, frame: frames.AuthRefresh) -> None:
        person = await self.rooms.identify(frame.data.token)
        if self.session.person is None or person.id != self.session.person.id:
            raise Refusal("another_person", "This token is somebody else's.")
        self.session.person = person
        self._expect_expiry(person)
        self.session.ack(frame.ref)

    async def _authenticate_or_end(self, token: str, ref: str | None = None) -> None:
        try:
            await self._authenticate(token)
        except Refusal as refusal:
            self.session.refuse(refusal, ref)
            is_away = refusal.code == "unavailable"
            if not is_away:
                self._not_let_in()
            self.session.end(TRY_AGAIN_LATER if is_away else NOT_AUTHENTICATED, refusal.code)
        else:
            self.session.ack(ref)

    async def _authenticate(self, token: str) -> None:
        person = await self.rooms.identify(token)
        self.rooms.admit(self.session, person)
        self._expect_expiry(person)
        ready = {
            "userId": person.public_id,
            "username": person.username,
            "sessionId": self.session.id,
            "heartbeatMs": int(HEARTBEAT * 1000),
        }
        self.session.push(encode("ready", ready))

    def _expect_expiry(self, person: Person) -> None:
        self._at(person.expires_at - WARN_BEFORE - time.time(), self._warn_of_expiry)

    def _warn_of_expiry(self) -> None:
        assert self.session.person is not None  # noqa: S101 - that is whose token it is
        left = max(0.0, self.session.person.expires_at - time.time())
        self.session.push(encode("auth:expiring", {"inMs": int(left * 1000)}))
        self._at(left, self._not_authenticated)

    def _not_authenticated(self) -> None:
        if not (known := self.session.person is not None):
            self._not_let_in()
        self.session.end(NOT_AUTHENTICATED, "token_expired" if known else "not_authenticated")

    def _not_let_in(self) -> None:
        self.rooms.spawn(self.rooms.rates.count_failure(self._network))
