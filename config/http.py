"""gunicorn's HTTP, with two things changed. Who opens a connection and does not say in time what is
wanted is let go: gunicorn itself waits for ever for the first request, and for `keepalive` seconds
for each one after it. And what it answers itself, to what is no request, is said as all else is."""

import asyncio
import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from monitoring.headers import completed, for_answers
from monitoring.trace import HEADER, new_id

# Seconds for the line and the headers of the first request.
HEADERS_WITHIN = 10.0

# By status: (code, what is said); gunicorn's own words may repeat what was sent.
_SAID = {
    414: ("address_too_long", "The address is too long."),
    426: ("upgrade_required", "This version of WebSockets is not spoken here."),
    431: ("headers_too_large", "The headers are too many, or too long."),
    500: ("internal_error", "Something went wrong on our side."),
}
_UNREADABLE = ("unreadable_request", "The request could not be read.")


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

    def _send_error_response(
        self, status: int, message: str, extra_headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        # Not before the arbiter, which loads this module, has made a place for the counters.
        from monitoring.wire.rfc9457 import CONTENT_TYPE, members

        del message
        (code, detail), correlation = _SAID.get(status, _UNREADABLE), new_id()
        body = json.dumps(
            members(code=code, status=status, detail=detail, instance="", correlation=correlation)
        ).encode()
        own = {
            "content-type": CONTENT_TYPE,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "connection": "close",
            HEADER.lower(): correlation,
            **dict(extra_headers),
        }
        pairs = [(name.encode(), value.encode()) for name, value in own.items()]
        complete = completed(pairs, for_answers(https=settings.HTTPS))
        start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
        lines = [start, *(name + b": " + value for name, value in complete)]
        self._safe_write(b"\r\n".join([*lines, b"", body]))


def install() -> None:
    """gunicorn has no setting for it, and looks the class up when it begins to listen.

    What the C parser can do it notes on the class that is asked first, and reads on its own: asked
    through ours only, it would never find it, and parse in Python at half the speed.
    """
    ASGIProtocol._check_h1c_protocol_available()  # noqa: SLF001 - see above
    module: Any = gasgi
    module.ASGIProtocol = Protocol
