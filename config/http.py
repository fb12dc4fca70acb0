"""gunicorn's HTTP, with one thing changed: who opens a connection and does not say in time what is
wanted is let go. gunicorn itself waits for ever for the first request, and for `keepalive` seconds
for each one after it."""

import asyncio
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

# Seconds for the line and the headers of the first request.
HEADERS_WITHIN = 10.0


class Protocol(ASGIProtocol):
    _expected: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expected = self.worker.loop.call_later(HEADERS_WITHIN, self._let_go)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._expected is not None:
            self._expected.cancel()
        super().connection_lost(exc)

    def _let_go(self) -> None:
        if self.req_count <= 1 and self._current_request is None:
            self._keepalive_timeout()


def install() -> None:
    """gunicorn has no setting for it, and looks the class up when it begins to listen.

    What the C parser can do it notes on the class that is asked first, and reads on its own: asked
    through ours only, it would never find it, and parse in Python at half the speed.
    """
    ASGIProtocol._check_h1c_protocol_available()  # noqa: SLF001 - see above
    module: Any = gasgi
    module.ASGIProtocol = Protocol
