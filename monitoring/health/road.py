"""The probes, answered in front of Django: they come while all its threads are busy, and are asked
just then. Imports no Django.

Who says who he is gets the numbers, which is Django's to judge; so is everything else that is not
a plain GET of a probe.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from monitoring.health import draining
from monitoring.health.scraping import may_scrape
from monitoring.health.watch import HealthWatch
from monitoring.metrics import name_route
from monitoring.trace import ASGIApplication, Receive, Scope, Send

METRICS = "/api/health/metrics"
# A scrape asks the stores for their gauges; Prometheus itself waits ten seconds.
SCRAPE_SECONDS = 9.0
# Kinds of text that may be made one after the other; there are two.
_SCRAPES_WAITING = 4

_JSON, _TEXT = b"application/json", b"text/plain"
_PERSONAL = frozenset({b"authorization", b"cookie", b"x-api-key"})
_PROXIED = frozenset({b"x-forwarded-for", b"forwarded"})

# Status, content type, body; None is for Django to answer.
Answer = tuple[int, bytes, bytes] | None
Expose = Callable[[str], tuple[bytes, str]]


class HealthRoad:
    """ASGI. `expose` gives the metrics for an `Accept`, in a thread of its own; they are for the
    bearer of `metrics_token` and for whoever comes over loopback without a proxy."""

    def __init__(
        self, app: ASGIApplication, watch: HealthWatch, *, expose: Expose, metrics_token: str
    ) -> None:
        self.app = app
        self._watch = watch
        self._expose = expose
        self._token = metrics_token
        self._scrapes = ThreadPoolExecutor(1, thread_name_prefix="scrape")
        self._scraping: dict[str, asyncio.Future[tuple[bytes, str]]] = {}
        self._roads: dict[str, Callable[[Scope], Awaitable[Answer]]] = {
            "/ping": self._ping,
            "/health": self._short,
            "/api/health": self._health,
            "/api/health/live": self._live,
            "/api/health/ready": self._ready,
            METRICS: self._metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        road = self._roads.get(scope["path"]) if scope["type"] == "http" else None
        answer = await road(scope) if road and _is_plain(scope) else None
        if answer is None:
            await self.app(scope, receive, send)
            return
        name_route(scope, scope["path"])
        await _answer(scope, send, *answer)

    async def _ping(self, _: Scope) -> Answer:
        return 200, _TEXT, b"pong"

    async def _live(self, _: Scope) -> Answer:
        return 200, _JSON, b'{"status":"live"}'

    async def _ready(self, _: Scope) -> Answer:
        if draining.is_draining():
            return 503, _JSON, b'{"status":"draining"}'
        if not self._watch.has_met_database():
            return 503, _JSON, b'{"status":"starting"}'
        return 200, _JSON, b'{"status":"ready"}'

    async def _short(self, _: Scope) -> Answer:
        if (said := self._watch.said()) is None:
            return None
        return _code(serves=said.status.serves), _JSON, b'{"status":"%b"}' % said.status.encode()

    async def _health(self, scope: Scope) -> Answer:
        if (said := self._watch.said()) is None or _has(scope, _PERSONAL):
            return None
        return _code(serves=said.status.serves), _JSON, said.body

    async def _metrics(self, scope: Scope) -> Answer:
        """Those who come while a scrape is under way share it."""
        if not self._may_scrape(scope):
            return None
        accept = _header(scope, b"accept").decode("latin-1")
        if (running := self._scrape(accept)) is None:
            return 503, _TEXT, b"Too many scrapes.\n"
        try:
            body, kind = await asyncio.wait_for(asyncio.shield(running), SCRAPE_SECONDS)
        except TimeoutError:
            return 503, _TEXT, b"The metrics took too long.\n"
        return 200, kind.encode(), body

    def _scrape(self, accept: str) -> asyncio.Future[tuple[bytes, str]] | None:
        if running := self._scraping.get(accept):
            return running
        if len(self._scraping) >= _SCRAPES_WAITING:
            return None
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._scrapes, self._expose, accept)
        self._scraping[accept] = running
        running.add_done_callback(lambda _: self._scraping.pop(accept, None))
        return running

    def _may_scrape(self, scope: Scope) -> bool:
        return may_scrape(
            authorization=_header(scope, b"authorization"),
            token=self._token,
            peer=(scope.get("client") or ("",))[0],
            is_proxied=_has(scope, _PROXIED),
        )


def _is_plain(scope: Scope) -> bool:
    """What a page of another origin asks is Django's, which knows whom to allow what."""
    return scope["method"] in {"GET", "HEAD"} and not _header(scope, b"origin")


def _has(scope: Scope, names: frozenset[bytes]) -> bool:
    return any(name in names for name, _ in scope["headers"])


def _header(scope: Scope, name: bytes) -> bytes:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found


def _code(*, serves: bool) -> int:
    return 200 if serves else 503


async def _answer(scope: Scope, send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    shown = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": shown})
