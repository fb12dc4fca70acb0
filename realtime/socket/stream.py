"""`GET /api/rooms/{slug}/events`: a room as Server-Sent Events, for networks that block sockets.

The frames are those of the socket, the cursor is the same number: a stream that ends is resumed
with `Last-Event-ID` or `after`. Outside of Django, whose threads would be held by every listener.
"""

import asyncio
import re
import time
from urllib.parse import parse_qs

import msgspec
from uuid_utils import uuid7

from accounts.authentication import CHALLENGE
from monitoring.maintenance import notice as maintenance
from monitoring.metrics import name_route
from monitoring.trace import ASGIApplication, Receive, Scope, Send
from monitoring.wire.rfc9457 import send_problem
from realtime.socket.frames import Frame, Refusal, encode
from realtime.socket.house import HEARTBEAT
from realtime.socket.identity import Person
from realtime.socket.lines import Queued
from realtime.socket.origins import is_our_origin
from realtime.socket.runtime import Rooms
from realtime.socket.session import NOT_AUTHENTICATED, Session

ROUTE = "/api/rooms/{slug}/events"
_PATH = re.compile(r"/api/rooms/([-\w]{1,80})/events", re.ASCII)
_SEQ = re.compile(r"[0-9]{1,18}", re.ASCII)
_STATUSES = {
    "room_not_found": 404,
    "banned": 403,
    "unavailable": 503,
    maintenance.CODE: 503,
    "invalid_parameter": 400,
}
# A comment, so that nobody between takes the silence for an end.
STILL_HERE = Frame(b"")


class _Numbered(msgspec.Struct):
    seq: int


class _Event(msgspec.Struct):
    event: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


_read_event = msgspec.json.Decoder(_Event).decode
_read_number = msgspec.json.Decoder(_Numbered).decode


class EventLine(Queued):
    """Frames as events. Only messages have numbers that a listener can come back with."""

    def __init__(self, send: Send) -> None:
        # An answer has a beginning, before which it may still be a refusal.
        self.opened, self.ended = asyncio.Event(), asyncio.Event()
        super().__init__(send)

    async def _run(self) -> None:
        await self.opened.wait()
        await super()._run()

    async def _deliver(self, frame: Frame) -> None:
        await self._send_body(_as_event(frame), more=True)

    async def _finish(self, code: int, reason: str) -> None:
        await self._deliver(encode("closed", {"code": code, "reason": reason}))
        await self._send_body(b"", more=False)

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def stop(self) -> None:
        super().stop()
        self.ended.set()


def _as_event(frame: Frame) -> bytes:
    if frame is STILL_HERE:
        return b": \n\n"
    event = _read_event(frame.data)
    lines = [b"event: " + event.event.encode(), b"data: " + bytes(event.data)]
    if event.event == "message:received":
        lines.append(b"id: %d" % _read_number(event.data).seq)
    return b"\n".join([*lines, b"", b""])


class EventStream:
    def __init__(self, app: ASGIApplication, rooms: Rooms) -> None:
        self._app, self._rooms = app, rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"])
        if found is None or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        name_route(scope, ROUTE)
        network = self._rooms.rates.network_of(scope)
        if wait := self._rooms.rates.wait_of(network):
            await _refuse_for_now(wait, scope, send)
            return
        try:
            person = await self._identify(scope, network)
            await self._listen(scope, receive, send, found[1], person)
        except Refusal as refusal:
            await _refuse(refusal, scope, send)

    async def _identify(self, scope: Scope, network: str) -> Person:
        """Who cannot come in counts for her network, as at the socket."""
        try:
            return await self._rooms.identify(_token(scope))
        except Refusal as refusal:
            if refusal.code != "unavailable":
                await self._rooms.rates.count_failure(network)
            raise

    async def _listen(
        self, scope: Scope, receive: Receive, send: Send, slug: str, person: Person
    ) -> None:
        """Refusals come before the first byte of the answer."""
        after = _after(scope)
        line = EventLine(send)
        session = Session(uuid7().hex, line)
        self._rooms.welcome(session)
        try:
            self._rooms.admit(session, person)
            arrival = await self._rooms.enter(session, slug, after)
            await send({"type": "http.response.start", "status": 200, "headers": _headers(scope)})
            line.opened.set()
            session.push(encode("room:joined", arrival.joined | {"messages": []}))
            for message in arrival.messages:
                session.push(encode("message:received", message))
            session.release(arrival.room, after=arrival.seq)
            await _stay(session, line, receive, person.expires_at)
        finally:
            line.stop()
            self._rooms.forget(session)


async def _stay(session: Session, line: EventLine, receive: Receive, until: float) -> None:
    """Until the listener goes, the server ends it, or her token does."""
    gone = asyncio.ensure_future(_disconnected(receive))
    ended = asyncio.ensure_future(line.ended.wait())
    try:
        while not (gone.done() or ended.done()):
            session.heard_at = time.monotonic()
            if (left := until - time.time()) <= 0:
                session.end(NOT_AUTHENTICATED, "token_expired")
            session.push(STILL_HERE)
            limit = min(HEARTBEAT, left) if left > 0 else HEARTBEAT
            await asyncio.wait((gone, ended), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        ended.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _token(scope: Scope) -> str:
    """A program's API key is no person who could be present. Refusal `not_authenticated`."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = (values[0] if len(values) == 1 else b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal("not_authenticated", "Send the token of a sign-in: Authorization: Bearer.")
    return token.strip()


def _after(scope: Scope) -> int | None:
    """Refusal `invalid_parameter`."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    given = parse_qs(scope["query_string"].decode("latin-1")).get("after", [])
    text = headers.get(b"last-event-id") or (given[0] if given else "")
    if not text:
        return None
    if not _SEQ.fullmatch(text):
        raise Refusal("invalid_parameter", "after must be the number of a message.")
    return int(text)


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Pages of ours elsewhere may read it; nobody between may keep or gather it."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"vary", b"origin"),
    ]
    origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
    if origin and is_our_origin(scope):
        headers.append((b"access-control-allow-origin", origin))
    return headers


async def _refuse_for_now(wait: int, scope: Scope, send: Send) -> None:
    await send_problem(
        scope, send, code="rate_limited", status=429,
        detail=f"Too many requests. Try again in {wait} s.",
        headers=[(b"retry-after", b"%d" % wait)],
    )  # fmt: skip


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    status = _STATUSES.get(refusal.code, 401)
    challenge = [(b"www-authenticate", CHALLENGE.encode())] if status == 401 else []
    retry = [(b"retry-after", b"2")] if status == 503 else []
    await send_problem(
        scope, send, code=refusal.code, status=status, detail=refusal.detail,
        headers=[*challenge, *retry],
    )  # fmt: skip
