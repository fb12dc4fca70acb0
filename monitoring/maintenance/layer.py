"""In front of Django: while there is maintenance, nothing new is taken. Imports no Django."""

from monitoring.maintenance.notice import CODE, current
from monitoring.trace import ASGIApplication, Receive, Scope, Send
from monitoring.wire.rfc9457 import send_problem

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_RETRY_AFTER = (b"retry-after", b"60")


class Maintenance:
    """ASGI: answers unsafe methods with 503 `maintenance`, but for the addresses that begin as one
    of `always`: whoever ends the maintenance has to be let in."""

    def __init__(self, app: ASGIApplication, *, always: tuple[str, ...] = ()) -> None:
        self._app = app
        self._always = always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if current().is_on and scope["type"] == "http" and self._is_refused(scope):
            detail, headers = current().text, [_RETRY_AFTER, (b"connection", b"close")]
            await send_problem(scope, send, code=CODE, status=503, detail=detail, headers=headers)
        else:
            await self._app(scope, receive, send)

    def _is_refused(self, scope: Scope) -> bool:
        return scope["method"] not in _SAFE and not scope["path"].startswith(self._always)
