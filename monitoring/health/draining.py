"""Whether this process is on its way out: it still answers, and asks its clients to go elsewhere.

Imports no Django: the server's drain begins it.
"""

from collections.abc import Awaitable, Callable
from threading import Event
from typing import Any

_draining = Event()
_CLOSE = (b"connection", b"close")

Send = Callable[[Any], Awaitable[None]]


def begin() -> None:
    _draining.set()


def is_draining() -> bool:
    return _draining.is_set()


def cancel() -> None:
    """For a reload that was called off, and for tests."""
    _draining.clear()


def closing(send: Send) -> Send:
    """ASGI's `send` for an answer that closes its connection, so that no client sends its next
    request into a socket that is going away."""

    async def send_and_close(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        await send(message)

    return send_and_close
