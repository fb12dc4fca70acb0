"""The ASGI stack, from the outside in: life cycle, redirect, metrics, kept answers, security
headers, correlation, health, maintenance, body, load shedding, Django.

Django runs as WSGI in a bounded pool of threads: its own ASGI handler makes a thread for each
request and served the same view three to four times slower.
"""

import asyncio
import os
from typing import Any, Protocol

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise asks for it
django_application: Any = get_wsgi_application()

from links.redirect.app import Redirect  # noqa: E402 - from here on Django must be set up
from links.redirect.runtime import RedirectConfig, Runtime  # noqa: E402
from links.reserved import reserved_keys  # noqa: E402
from monitoring.bodies import BufferedBody  # noqa: E402
from monitoring.checks import refuse_if_unsafe  # noqa: E402
from monitoring.headers import SecurityHeaders  # noqa: E402
from monitoring.health import draining, services  # noqa: E402
from monitoring.health.figures import announce  # noqa: E402
from monitoring.health.road import HealthRoad  # noqa: E402
from monitoring.health.watch import HealthWatch  # noqa: E402
from monitoring.limits.limits import Limits  # noqa: E402
from monitoring.maintenance import services as maintenance  # noqa: E402
from monitoring.maintenance.layer import Maintenance  # noqa: E402
from monitoring.maintenance.watcher import Watcher  # noqa: E402
from monitoring.metrics import RequestMetrics  # noqa: E402
from monitoring.performance.loop_lag import LoopLag  # noqa: E402
from monitoring.performance.services import SNAPSHOT_SECONDS, remember  # noqa: E402
from monitoring.proxies import parse_networks  # noqa: E402
from monitoring.regularly import Regularly  # noqa: E402
from monitoring.responses.cache import ResponseCache  # noqa: E402
from monitoring.shedding import Shedding  # noqa: E402
from monitoring.shedding.gate import RESERVED  # noqa: E402
from monitoring.shedding.priority import Priority  # noqa: E402
from monitoring.status.history import SAMPLE_SECONDS, sample  # noqa: E402
from monitoring.trace import CorrelationId  # noqa: E402
from realtime.socket.consumer import RoomConsumer  # noqa: E402
from realtime.socket.rates import Rates  # noqa: E402
from realtime.socket.runtime import Rooms  # noqa: E402
from realtime.socket.stream import EventStream  # noqa: E402

SOCKET = "/ws/"
WEBSOCKET_NOT_HERE = 4404
# Where kept answers are looked for; which are kept, their views say.
PUBLIC_ANSWERS = ("/api/public/", "/api/quests", "/api/seasons", "/api/achievements", "/embed/")


class Lives(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Lifecycle:
    """Starts and stops what lives in the event loop, and closes connections while the process
    leaves. One layer, because each one costs every redirect a microsecond."""

    def __init__(self, app: Any, *runtimes: Lives) -> None:
        self._app = app
        self._runtimes = runtimes
        self._started = False
        self._starting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if not self._started:
            await self._ensure_started()
        if draining.is_draining():
            send = draining.closing(send)
        await self._app(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        """Channels' router does not answer lifespan."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._ensure_started()
                await send({"type": "lifespan.startup.complete"})
            else:
                for runtime in self._runtimes:
                    await runtime.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _ensure_started(self) -> None:
        """daphne sends no lifespan events: there the first request starts the runtime."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        await asyncio.shield(self._starting)
        self._started = True

    async def _start(self) -> None:
        for runtime in self._runtimes:
            await runtime.start()


class Protocols:
    """HTTP goes to Django's pool of threads, the WebSocket at /ws/ to Channels; without `socket`
    there is none."""

    def __init__(self, http: Any, socket: Any) -> None:
        self._http = http
        self._socket = socket

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["path"] == SOCKET and self._socket:
            await self._socket(scope, receive, send)
        else:
            # Accepted first: a browser sees the close code only of an open socket.
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": WEBSOCKET_NOT_HERE})


def redirect_config() -> RedirectConfig:
    return RedirectConfig(
        database_url=settings.DATABASE_URL,
        redis_url=settings.REDIS_URL,
        reserved=reserved_keys(),
        spool_directory=settings.SPOOL_DIR,
        spool_max_bytes=settings.SPOOL_MAX_MB * 1024 * 1024,
        identity_key=settings.SECRET_KEY.encode(),
        domains=settings.LINK_DOMAINS,
        trusted_proxies=settings.TRUSTED_PROXIES,
        country_header=settings.COUNTRY_HEADER,
        geoip_database=settings.GEOIP_DATABASE,
        processes=settings.WEB_CONCURRENCY,
        pgbouncer=settings.DATABASE_PGBOUNCER,
        rate_by_network=settings.RATE_LIMITS.get("redirect", ""),
        exempt_networks=settings.RATE_LIMIT_EXEMPT,
        https=settings.HTTPS,
        wait_replicas=settings.REDIS_WAIT_REPLICAS,
        click_streams=settings.CLICK_STREAMS,
    )


def socket_rates() -> Rates:
    """Counted where django-ratelimit does: a person's messages are one count."""
    limits = Limits(settings.CACHE_URL, settings.RATE_LIMITS, processes=settings.WEB_CONCURRENCY)
    trusted, exempt = settings.TRUSTED_PROXIES, settings.RATE_LIMIT_EXEMPT
    return Rates(limits, trusted_proxies=parse_networks(trusted), exempt=parse_networks(exempt))


refuse_if_unsafe()
_runtime = Runtime(redirect_config())
_runtimes: list[Lives] = [_runtime]
_threads = settings.WEB_THREADS + RESERVED[Priority.HEALTH]
_django: Any = WSGIMiddleware(django_application, workers=_threads)
_loop_lag = LoopLag()
_shedding = Shedding(_django, threads=settings.WEB_THREADS, lag=lambda: _loop_lag.recent)
_http: Any = BufferedBody(_shedding, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
_socket: Any = None
if settings.ENABLE_WEBSOCKET:
    _rooms = Rooms(
        database_url=settings.DATABASE_URL,
        redis_url=settings.REDIS_URL,
        channel_urls=settings.CHANNEL_URLS,
        pgbouncer=settings.DATABASE_PGBOUNCER,
        rates=socket_rates(),
    )
    _runtimes.append(_rooms)
    _http = EventStream(_http, _rooms)
    _socket = RoomConsumer.as_asgi(rooms=_rooms)
_watcher = Watcher(redis_url=settings.REDIS_URL, ask_database=maintenance.stored_once)
_runtimes.append(_watcher)
_http = Maintenance(_http, always=("/admin/monitoring/maintenance/", "/admin/login/"))
_watch = HealthWatch(services.short_report, services.database_was_met)
announce(_watch)
_runtimes += [
    _watch,
    _loop_lag,
    Regularly("snapshots", remember, seconds=SNAPSHOT_SECONDS),
    Regularly("status-history", sample, seconds=SAMPLE_SECONDS, pause=SAMPLE_SECONDS),
]
_health = HealthRoad(
    Protocols(_http, _socket),
    _watch,
    expose=services.scrape,
    metrics_token=settings.METRICS_TOKEN,
)
_careful = SecurityHeaders(CorrelationId(_health), https=settings.HTTPS)
# Outside of those two: what they say of an answer is kept with it.
_kept = ResponseCache(_careful, redis_url=settings.CACHE_URL, prefixes=PUBLIC_ANSWERS)
_served = Redirect(RequestMetrics(_kept), _runtime)
application = Lifecycle(_served, *_runtimes)
