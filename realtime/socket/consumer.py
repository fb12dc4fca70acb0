"""The WebSocket at /ws/: parse, ask, reply."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from uuid_utils import uuid7

from accounts import selectors, tokens
from monitoring.wire.fields import instant
from realtime.messages.posting import REFUSALS
from realtime.socket import frames
from realtime.socket.frames import Refusal, encode
from realtime.socket.runtime import HEARTBEAT, Rooms, document
from realtime.socket.session import (
    FLOODING,
    FORBIDDEN,
    NOT_AUTHENTICATED,
    PATIENCE,
    TOO_BIG,
    Person,
    Session,
)
from realtime.socket.writer import Said

log = structlog.get_logger("rallypoint.rooms")

AUTHENTICATE_WITHIN = 10.0
WARN_BEFORE = 60.0
ROOMS_AT_ONCE = 100
SENDING_AT_ONCE = 32
# Who missed more reads the newest, and the rest by history:get.
RESUMED = 200
NEWEST = 50
TYPING_LASTS = 6.0
# A sign of life that nobody needs twice in this time.
TYPING_AGAIN = 3.0
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
        self._typing: dict[str, tuple[float, asyncio.TimerHandle]] = {}

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
        if not is_our_origin(_header(self.scope, b"origin")):
            self.session.end(FORBIDDEN, "origin not allowed")
            return
        token = next((item[7:] for item in offered if item.startswith("bearer.")), None)
        self._at(AUTHENTICATE_WITHIN, self._not_authenticated)
        if token is not None:
            try:
                await self._authenticate(token)
            except Refusal as refusal:
                self.session.end(NOT_AUTHENTICATED, refusal.code)

    async def disconnect(self, _: dict[str, Any]) -> None:
        if self._timer:
            self._timer.cancel()
        for slug in tuple(self._typing):
            await self._stop_typing(slug)
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
            self._error(refusal, ref or _ref_of(text))

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
        try:
            await self._authenticate(frame.data.token)
        except Refusal as refusal:
            self._error(refusal, frame.ref)
            self.session.end(NOT_AUTHENTICATED, refusal.code)
            return
        self._ack(frame.ref)

    async def refresh(self, frame: frames.AuthRefresh) -> None:
        person = await identify(frame.data.token)
        if self.session.person is None or person.id != self.session.person.id:
            raise Refusal("another_person", "This token is somebody else's.")
        self.session.person = person
        self._expect_expiry(person)
        self._ack(frame.ref)

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
        """`recovered` says that the messages are exactly those after `after`; else they are the
        newest."""
        slug, after = frame.data.room, frame.data.after
        if slug not in self.session.rooms and len(self.session.rooms) >= ROOMS_AT_ONCE:
            raise Refusal("too_many_rooms", f"At most {ROOMS_AT_ONCE} rooms at once.")
        place, seq = await self.rooms.enter(self.session, slug)
        store = self.rooms.store
        try:
            _, oldest = await store.newest(place.id)
            recovered = after is not None and oldest <= after + 1 <= seq + 1 <= after + 1 + RESUMED
            if recovered:
                rows = await store.messages(
                    place.id, after=cast("int", after), before=seq + 1, limit=RESUMED
                )
            else:
                rows = await store.messages(place.id, before=seq + 1, limit=NEWEST, newest=True)
            joined = {
                "room": slug,
                "seq": seq,
                "role": place.role,
                "recovered": recovered,
                "messages": [document(slug, row) for row in rows],
            }
            self._ack(frame.ref)
            self.session.push(encode("room:joined", joined))
        except Refusal:
            await self.rooms.leave(self.session, slug)
            raise
        finally:
            self.session.release(place.id, after=seq)

    async def leave(self, frame: frames.LeaveRoom) -> None:
        slug = frame.data.room
        self._room(slug)
        await self._stop_typing(slug)
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
        await self._stop_typing(frame.data.room)
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
        slug = frame.data.room
        room, now = self._room(slug), time.monotonic()
        told_at, timer = self._typing.get(slug, (0.0, None))
        if timer:
            timer.cancel()
        is_news = now - told_at > TYPING_AGAIN
        timer = asyncio.get_running_loop().call_later(TYPING_LASTS, self._typed_long_enough, slug)
        self._typing[slug] = (now if is_news else told_at, timer)
        self._ack(frame.ref)
        if is_news:
            await self.rooms.hub.tell(room, self._typing_frame("typing:started", slug))

    async def stop_typing(self, frame: frames.StopTyping) -> None:
        self._room(frame.data.room)
        await self._stop_typing(frame.data.room)
        self._ack(frame.ref)

    def _typed_long_enough(self, slug: str) -> None:
        task = asyncio.ensure_future(self._stop_typing(slug))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _stop_typing(self, slug: str) -> None:
        if (typing := self._typing.pop(slug, None)) is None:
            return
        typing[1].cancel()
        if (room := self.session.rooms.get(slug)) is not None:
            await self.rooms.hub.tell(room, self._typing_frame("typing:stopped", slug))

    def _typing_frame(self, event: str, slug: str) -> str:
        person = cast("Person", self.session.person)
        return encode(event, {"room": slug, "user": _user(person)})


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


async def identify(token: str) -> Person:
    """Refusal with the code of why it is not good."""
    try:
        person: Person = await database_sync_to_async(_identify)(token)
    except AuthenticationFailed as error:
        raise Refusal(str(error.get_codes()), str(error.detail)) from None
    return person


def _identify(token: str) -> Person:
    user = selectors.find_family(access_token=token).user
    return Person(user.pk, user.public_id, user.username, tokens.expiry_of(token))


def is_our_origin(origin: str | None) -> bool:
    """Programs send none; a browser says whose page it is that asks."""
    if origin is None:
        return True
    return origin.rstrip("/").lower() in {
        _origin(allowed) for allowed in (settings.PUBLIC_URL, *settings.CORS_ALLOWED_ORIGINS)
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _header(scope: Any, name: bytes) -> str | None:
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if found else None


def _ref_of(text: str) -> str | None:
    """Of a frame that is otherwise wrong, so that its sender knows which one it was."""
    try:
        ref = json.loads(text).get("ref")
    except (ValueError, AttributeError, RecursionError):
        return None
    return ref if isinstance(ref, str) and len(ref) <= 64 else None


def _user(person: Person) -> dict[str, Any]:
    return {"id": person.public_id, "username": person.username}
