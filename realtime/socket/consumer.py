"""The WebSocket at /ws/: parse, ask, reply."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from uuid_utils import uuid7

from monitoring.wire.fields import instant
from realtime.messages.posting import REFUSALS
from realtime.socket import frames
from realtime.socket.frames import Refusal, encode
from realtime.socket.identity import Person, identify
from realtime.socket.origins import is_our_origin
from realtime.socket.runtime import HEARTBEAT, Rooms, document
from realtime.socket.session import (
    FLOODING,
    FORBIDDEN,
    NOT_AUTHENTICATED,
    PATIENCE,
    TOO_BIG,
    Session,
)
from realtime.socket.typists import Typist
from realtime.socket.writer import Said

AUTHENTICATE_WITHIN = 10.0
WARN_BEFORE = 60.0
ROOMS_AT_ONCE = 100
SENDING_AT_ONCE = 32
_UNSUPPORTED = 1003


class RoomConsumer(AsyncConsumer):
    """One connection. Frames are handled one after the other, but for messages: those wait for
    their commit beside each other, in the order in which they came."""

    # Channels' layer would cost each connection a queue and a task; the hub reaches all of them.
    channel_layer_alias = "none"

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.session = Session(self._send_text, self._close, uuid7().hex)
        self._writing: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.typist = Typist(self._tell_typing)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Without Channels' look at database connections, a hop to a thread for every frame: what
        uses one closes it."""
        await _HANDLERS[message["type"]](self, message)

    # --- Coming and going -------------------------------------------------------------------------
    async def connect(self, _: dict[str, Any]) -> None:
        offered = self.scope.get("subprotocols") or []
        chosen = frames.SUBPROTOCOL if frames.SUBPROTOCOL in offered else None
        # Accepted first: a browser sees the close code only of an open socket.
        await self.send({"type": "websocket.accept", "subprotocol": chosen})
        self._writing = asyncio.create_task(self.session.write())
        self.rooms.welcome(self.session)
        if not is_our_origin(self.scope):
            self.session.end(FORBIDDEN, "origin not allowed")
            return
        token = next((item[7:] for item in offered if item.startswith("bearer.")), None)
        self._at(AUTHENTICATE_WITHIN, self._not_authenticated)
        if token is not None:
            await self._authenticate_or_end(token)

    async def disconnect(self, _: dict[str, Any]) -> None:
        if self._timer:
            self._timer.cancel()
        await self.typist.stop_all()
        if self._writing:
            self._writing.cancel()
        await self.rooms.forget(self.session)
        raise StopConsumer

    async def _send_text(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})

    async def _close(self, code: int, reason: str) -> None:
        await self.send({"type": "websocket.close", "code": code, "reason": reason})

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        if self._timer:
            self._timer.cancel()
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
            self._refuse_flood()
        else:
            await self._handle(text)

    def _refuse_flood(self) -> None:
        if self.session.bucket.refused > PATIENCE:
            self.session.end(FLOODING, "flooding")
        else:
            self._error(Refusal("flooding", "Too many frames. Slow down."), None)

    async def _handle(self, text: str) -> None:
        ref = None
        try:
            frame = frames.decode(text)
            ref = frame.ref
            self._refuse_strangers(frame)
            await _ANSWERS[type(frame)](self, frame)
        except Refusal as refusal:
            self._error(refusal, ref or frames.ref_of(text))

    def _refuse_strangers(self, frame: frames.ClientFrame) -> None:
        if self.session.person is None and not isinstance(frame, frames.Auth | frames.Ping):
            raise Refusal("not_authenticated", "Say who you are first: auth.")

    def _error(self, refusal: Refusal, ref: str | None) -> None:
        data = {"code": refusal.code, "detail": refusal.detail}
        self.session.push(encode("error", data, ref))

    def _ack(self, ref: str | None, **data: Any) -> None:
        if ref is not None:
            self.session.push(encode("ack", data, ref))

    # --- Who it is --------------------------------------------------------------------------------
    async def auth(self, frame: frames.Auth) -> None:
        if self.session.person is not None:
            raise Refusal("already_authenticated", "To prolong it there is auth:refresh.")
        await self._authenticate_or_end(frame.data.token, frame.ref)

    async def refresh(self, frame: frames.AuthRefresh) -> None:
        person = await identify(frame.data.token)
        if self.session.person is None or person.id != self.session.person.id:
            raise Refusal("another_person", "This token is somebody else's.")
        self.session.person = person
        self._expect_expiry(person)
        self._ack(frame.ref)

    async def _authenticate_or_end(self, token: str, ref: str | None = None) -> None:
        try:
            await self._authenticate(token)
        except Refusal as refusal:
            self._error(refusal, ref)
            self.session.end(NOT_AUTHENTICATED, refusal.code)
        else:
            self._ack(ref)

    async def _authenticate(self, token: str) -> None:
        person = await identify(token)
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
        known = self.session.person is not None
        self.session.end(NOT_AUTHENTICATED, "token_expired" if known else "not_authenticated")

    # --- Rooms ------------------------------------------------------------------------------------
    async def join(self, frame: frames.JoinRoom) -> None:
        slug, after = frame.data.room, frame.data.after
        if slug not in self.session.rooms and len(self.session.rooms) >= ROOMS_AT_ONCE:
            raise Refusal("too_many_rooms", f"At most {ROOMS_AT_ONCE} rooms at once.")
        place, seq = await self.rooms.enter(self.session, slug)
        try:
            recovered, messages = await self.rooms.catch_up(place.id, after, seq)
        except Refusal:
            await self.rooms.leave(self.session, slug)
            raise
        else:
            self._ack(frame.ref)
            joined = {"room": slug, "seq": seq, "role": place.role}
            caught_up = {"recovered": recovered, "messages": messages}
            self.session.push(encode("room:joined", joined | caught_up))
        finally:
            self.session.release(place.id, after=seq)

    async def leave(self, frame: frames.LeaveRoom) -> None:
        slug = frame.data.room
        self._room(slug)
        await self.typist.stop(slug)
        await self.rooms.leave(self.session, slug)
        self._ack(frame.ref)
        self.session.push(encode("room:left", {"room": slug}))

    def _room(self, slug: str) -> int:
        if (room := self.session.rooms.get(slug)) is None:
            raise Refusal("not_in_room", "Join the room first.")
        return room

    async def message(self, frame: frames.SendMessage) -> None:
        room = self._room(frame.data.room)
        if not frame.data.body.strip() or "\0" in frame.data.body:
            raise Refusal("frame_invalid", "A message has words - at `$.data.body`")
        await self.typist.stop(frame.data.room)
        while len(self._sending) >= SENDING_AT_ONCE:
            await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._store(room, frame))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _store(self, room: int, frame: frames.SendMessage) -> None:
        person = cast("Person", self.session.person)
        said = Said(
            sender=person.id, body=frame.data.body, client_id=frame.data.client_id, person=person
        )
        try:
            stored = await self.rooms.writer.write(room, said)
        except Refusal as refusal:
            self._error(refusal, frame.ref)
            return
        if stored.refusal:
            self._error(Refusal(stored.refusal, REFUSALS[stored.refusal][1]), frame.ref)
        elif stored.created_at:
            at = instant(stored.created_at)
            self._ack(frame.ref, seq=stored.seq, id=stored.public_id, at=at)

    async def history(self, frame: frames.GetHistory) -> None:
        room, data = self._room(frame.data.room), frame.data
        before = {} if data.before is None else {"before": data.before}
        rows = await self.rooms.store.messages(room, limit=data.limit, newest=True, **before)
        self._ack(frame.ref, messages=[document(data.room, row) for row in rows])

    async def receipt(self, frame: frames.ReadReceipt) -> None:
        room = self._room(frame.data.room)
        person = cast("Person", self.session.person)
        reached = await self.rooms.store.mark_read(room, person.id, frame.data.seq)
        self._ack(frame.ref)
        if reached is not None:
            data = {"room": frame.data.room, "user": _user(person), "seq": reached}
            await self.rooms.hub.tell(room, encode("receipt:updated", data))

    async def ping(self, frame: frames.Ping) -> None:
        self.session.push(encode("pong", None, frame.ref))

    # --- Typing -----------------------------------------------------------------------------------
    async def start_typing(self, frame: frames.StartTyping) -> None:
        self._room(frame.data.room)
        self._ack(frame.ref)
        await self.typist.start(frame.data.room)

    async def stop_typing(self, frame: frames.StopTyping) -> None:
        self._room(frame.data.room)
        self._ack(frame.ref)
        await self.typist.stop(frame.data.room)

    async def _tell_typing(self, event: str, slug: str) -> None:
        if (room := self.session.rooms.get(slug)) is not None:
            person = cast("Person", self.session.person)
            frame = encode(event, {"room": slug, "user": _user(person)})
            await self.rooms.hub.tell(room, frame)


_HANDLERS: dict[str, Callable[[RoomConsumer, dict[str, Any]], Awaitable[None]]] = {
    "websocket.connect": RoomConsumer.connect,
    "websocket.receive": RoomConsumer.receive,
    "websocket.disconnect": RoomConsumer.disconnect,
}
_ANSWERS: dict[type, Callable[[RoomConsumer, Any], Awaitable[None]]] = {
    frames.Auth: RoomConsumer.auth,
    frames.AuthRefresh: RoomConsumer.refresh,
    frames.JoinRoom: RoomConsumer.join,
    frames.LeaveRoom: RoomConsumer.leave,
    frames.SendMessage: RoomConsumer.message,
    frames.StartTyping: RoomConsumer.start_typing,
    frames.StopTyping: RoomConsumer.stop_typing,
    frames.GetHistory: RoomConsumer.history,
    frames.ReadReceipt: RoomConsumer.receipt,
    frames.Ping: RoomConsumer.ping,
}


def _user(person: Person) -> dict[str, Any]:
    return {"id": person.public_id, "username": person.username}
