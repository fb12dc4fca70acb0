"""Bodies are read in the event loop, before a request takes one of the few threads.

A caller who declares a body and sends none, or a byte a minute, would hold a thread for as long
as he likes; eight of them would hold the service. Imports no Django.
"""

import asyncio
import gc

from monitoring.trace import ASGIApplication, Message, Receive, Scope, Send
from monitoring.wire.rfc9457 import send_problem

_CLOSE = [(b"connection", b"close")]
# DRF's request refers to itself, and with it to all that was parsed: only the collector frees it,
# and that counts objects, not bytes. So it is called a second after so many bytes, or at once after
# as many as may be held: it takes some 20 ms, in which nobody is answered.
_COLLECT_AFTER, _COLLECT_WITHIN = 8 * 1024 * 1024, 1.0
_LENGTH, _ENCODING = b"content-length", b"transfer-encoding"


class BufferedBody:
    """ASGI: hands a request on with its whole body, whose length is known then.

    More than `limit` bytes are refused with 413, one that is not here after `seconds` with 408.
    A chunked body, which WSGI cannot have, gets a Content-Length on the way. All bodies that are
    held at one time have `together` bytes at most: who brings more is refused with 503.
    """

    def __init__(
        self,
        app: ASGIApplication,
        *,
        limit: int,
        seconds: float = 20.0,
        together: int = 64 * 1024 * 1024,
    ) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds
        self.together = together
        self._held = 0
        self._uncollected = 0
        self._collection: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _announces_body(scope):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        try:
            await self._take(body, scope, receive, send)
        finally:
            self._held -= len(body)

    async def _take(self, body: bytearray, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                is_whole = await self._read(body, scope, receive)
        except _NoRoomError:
            detail = "There is more to do than can be done. Try again shortly."
            await _refuse(scope, send, "overloaded", 503, detail)
        except _TooLargeError:
            detail = f"The body is over {self.limit} bytes."
            await _refuse(scope, send, "body_too_large", 413, detail)
        except TimeoutError:
            await _refuse(scope, send, "body_too_slow", 408, "The body did not arrive in time.")
        else:
            if is_whole:
                await self._hand_on(body, scope, receive, send)

    async def _hand_on(self, body: bytearray, scope: Scope, receive: Receive, send: Send) -> None:
        """What is handed on is the only copy here; it counts as held until the answer."""
        size = len(body)
        _state_length(scope, size)
        replay = _replay([bytes(body)], receive)
        body.clear()
        try:
            await self.app(scope, replay, send)
        finally:
            self._held -= size
            self._note_garbage(size)

    def _note_garbage(self, size: int) -> None:
        self._uncollected += size
        if self._uncollected >= self.together:
            self._collect()
        elif self._uncollected >= _COLLECT_AFTER and self._collection is None:
            loop = asyncio.get_running_loop()
            self._collection = loop.call_later(_COLLECT_WITHIN, self._collect)

    def _collect(self) -> None:
        if self._collection is not None:
            self._collection.cancel()
            self._collection = None
        self._uncollected = 0
        gc.collect()

    async def _read(self, body: bytearray, scope: Scope, receive: Receive) -> bool:
        """False when the caller has gone: there is nobody left to answer."""
        if _declared_length(scope) > self.limit:
            raise _TooLargeError
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            body += part
            self._held += len(part)
            more = message.get("more_body", False)
            if len(body) > self.limit:
                raise _TooLargeError
            if self._held > self.together:
                raise _NoRoomError
        return True


class _TooLargeError(Exception):
    pass


class _NoRoomError(Exception):
    pass


def _announces_body(scope: Scope) -> bool:
    return any(name in {_LENGTH, _ENCODING} for name, _ in scope["headers"])


def _declared_length(scope: Scope) -> int:
    """0 when it is not declared; the server has refused what is no number."""
    values = [value for name, value in scope["headers"] if name == _LENGTH]
    return int(values[0]) if values and values[0].isdigit() else 0


def _state_length(scope: Scope, length: int) -> None:
    others = [pair for pair in scope["headers"] if pair[0] not in {_LENGTH, _ENCODING}]
    scope["headers"] = [*others, (_LENGTH, str(length).encode())]


def _replay(body: list[bytes], receive: Receive) -> Receive:
    """The body as one message, then forgotten; after it whatever else comes: the disconnect."""

    async def replay() -> Message:
        if not body:
            return await receive()
        return {"type": "http.request", "body": body.pop(), "more_body": False}

    return replay


async def _refuse(scope: Scope, send: Send, code: str, status: int, detail: str) -> None:
    headers = [*_CLOSE, (b"retry-after", b"2")] if status == 503 else _CLOSE
    await send_problem(scope, send, code=code, status=status, detail=detail, headers=headers)
