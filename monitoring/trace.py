"""The correlation id: made or accepted at the door, readable everywhere behind it.

Imports no Django: the redirect, which sets the header itself, and the WebSocket never enter it.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Self

from uuid_utils import uuid7

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADER = "X-Correlation-Id"
_RAW_HEADER = b"x-correlation-id"
_VALID = re.compile(r"[A-Za-z0-9._\-]{8,64}")
_VALID_RAW = re.compile(rb"[A-Za-z0-9._\-]{8,64}")

_current: ContextVar[str] = ContextVar("correlation_id", default="")


def correlation_id() -> str:
    """The id of the request, task or socket being served; empty outside of any."""
    return _current.get()


def new_id() -> str:
    return uuid7().hex


def valid_or_new(raw: bytes | str | None) -> str:
    """A caller's own id when it is harmless in headers and logs, else a new one."""
    if isinstance(raw, bytes):
        return raw.decode("ascii") if _VALID_RAW.fullmatch(raw) else new_id()
    return raw if raw and _VALID.fullmatch(raw) else new_id()


def id_header(raw: bytes | None) -> tuple[bytes, bytes]:
    """The header of the answer to a request with this one."""
    return _RAW_HEADER, valid_or_new(raw).encode("ascii")


class bound:  # noqa: N801
    """`with bound(value):` everything inside reads this id; cheaper than a generator's."""

    __slots__ = ("_token", "_value")

    def __init__(self, value: str) -> None:
        self._value = value

    def __enter__(self) -> Self:
        self._token = _current.set(self._value)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        _current.reset(self._token)


class CorrelationId:
    """ASGI: gives every request one valid id, inwards as its header and outwards on the answer.

    Answers made outside Django (shed load, handshakes) carry it because of this layer. A redirect
    lies outside it, where its own event id serves, and so does a kept answer.
    """

    def __init__(self, app: ASGIApplication) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        raw = _sole_header(scope["headers"])
        value = valid_or_new(raw)
        encoded = value.encode("ascii")
        if raw != encoded:
            _replace_header(scope, encoded)
        _current.set(value)

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] in _ANSWERS:
                _add_header(message, encoded)
            return send(message)

        await self.app(scope, receive, send_with_id)


_ANSWERS = frozenset(
    {"http.response.start", "websocket.accept", "websocket.http.response.start"},
)


def _sole_header(headers: Any) -> bytes | None:
    found = [value for name, value in headers if name == _RAW_HEADER]
    return found[0] if len(found) == 1 else None


def _replace_header(scope: Scope, value: bytes) -> None:
    others = [pair for pair in scope["headers"] if pair[0] != _RAW_HEADER]
    scope["headers"] = [*others, (_RAW_HEADER, value)]


def _add_header(message: Message, value: bytes) -> None:
    """ASGI wants header names in lower case, but not every application obeys."""
    headers = list(message.get("headers") or ())
    if not any(name.lower() == _RAW_HEADER for name, _ in headers):
        headers.append((_RAW_HEADER, value))
        message["headers"] = headers
