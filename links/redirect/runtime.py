"""The redirect's parts wired together, and the tasks that keep them true, for one process."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from psycopg.rows import dict_row
from redis.exceptions import RedisError

from links.redirect import target as targets
from links.redirect.answers import redirect_headers
from links.redirect.availability import FAILURES, Availability, StreamAvailability
from links.redirect.countries import Countries
from links.redirect.directory import CHANNEL, Directory, Unreachable
from links.redirect.journal import ClickJournal
from links.redirect.limits import CLAIM, USED_UP, ClickAllowance, RateLimit
from links.redirect.marks import cookie_name
from links.redirect.networks import NOBODY, NetworkGate
from links.redirect.recovery import Recovery
from links.redirect.request import Addresses, Caller, Callers
from links.redirect.spool import Spool
from links.redirect.stream import StreamWriter
from links.redirect.target import Target
from links.redirect.visitors import DAY_MS, VisitorHasher
from monitoring.headers import completed, for_answers, for_redirects
from monitoring.limits.refusals import tell_later
from monitoring.metrics import Observations
from monitoring.postgresql.async_pool import MeasuredPool
from monitoring.proxies import TrustedProxies, parse_networks
from monitoring.redis_clients import asynchronous

log = structlog.get_logger(__name__)

ROUTE = "/{slug}"
DATABASE_TIMEOUT = 1.0
RECOVERY_SECONDS = 0.25
_SENT_ON_WITHIN = 5.0
HOUSEKEEPING_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class RedirectConfig:
    """`reserved` are slug keys that belong to pages; `processes` share the rate limits. Without
    `rate_by_network` (such as "1000/m") a network may click as often as it likes. `wait_replicas`
    of Redis must have a click before its 302, or it goes to the spool."""

    database_url: str
    redis_url: str
    reserved: frozenset[str]
    spool_directory: Path
    spool_max_bytes: int
    identity_key: bytes
    domains: list[str] = field(default_factory=list)
    trusted_proxies: list[str] = field(default_factory=list)
    country_header: str = ""
    geoip_database: str = ""
    processes: int = 1
    pgbouncer: bool = False
    rate_by_network: str = ""
    exempt_networks: list[str] = field(default_factory=list)
    https: bool = False
    wait_replicas: int = 0
    click_streams: int = 1


class Runtime:
    """Made before the event loop runs; `start` and `stop` belong to the server's lifespan."""

    def __init__(self, config: RedirectConfig) -> None:
        proxies = TrustedProxies(parse_networks(config.trusted_proxies))
        countries = Countries(proxies, config.country_header, config.geoip_database)
        self._availability = Availability()
        self._streaming = StreamAvailability(self._availability)
        self._redis = asynchronous(config.redis_url)
        # A subscriber rightly waits for ever; its connection is its own.
        self._news = asynchronous(config.redis_url, timeout=None)
        self._stream = StreamWriter(
            config.redis_url, replicas=config.wait_replicas, streams=config.click_streams
        )
        self._spool = Spool(config.spool_directory, config.spool_max_bytes)
        self._database = _connection_pool(config)
        self._tasks: list[asyncio.Task[None]] = []
        self.addresses = Addresses(config.reserved, config.domains)
        self.callers = Callers(proxies, countries)
        self.browser_cookie = cookie_name(https=config.https).encode()
        self.redirect_headers = for_redirects(https=config.https)
        self.page_headers = for_answers(https=config.https)
        self.directory = Directory(
            self._redis, self._load, self._availability, prepare=self._prepare
        )
        self._recovery = Recovery(
            self._redis,
            self._stream,
            self._spool,
            (self._availability, self._streaming),
            on_back=self.directory.forget_all,
            replicas=config.wait_replicas,
            streams=config.click_streams,
        )
        self.gate = _gate(config)
        self.journal = ClickJournal(
            self._stream.add, self._spool, self._streaming, self.gate, self._stream.add_counted
        )
        self.rate = RateLimit(self._redis, self._availability, config.processes)
        self.visitors = VisitorHasher(config.identity_key)
        self.redirect_times = Observations("GET", ROUTE, 3)
        self._allowance = ClickAllowance(self._claim)

    async def start(self) -> None:
        """Never waits for a dependency: with both stores away the process serves what it can."""
        await self._database.open(wait=False)
        try:
            await self._stream.connect()
        except FAILURES as error:
            self._streaming.failed(error)
        await self._learn_salts()
        self._tasks = [
            asyncio.create_task(_forever(task, pause))
            for task, pause in (
                (self._hear_changes, 1.0),
                (self._recovery.look, RECOVERY_SECONDS),
                (self._keep_house, HOUSEKEEPING_SECONDS),
            )
        ]

    async def _send_on(self) -> None:
        """What lies on disk, if Redis takes it now: the disk may go with the machine."""
        with suppress(*FAILURES):
            async with asyncio.timeout(_SENT_ON_WITHIN):
                await self._recovery.look()

    async def stop(self) -> None:
        await _cancel(self._tasks)
        await self.journal.close()
        await self._send_on()
        self._spool.close()
        await self._database.close(timeout=1)
        await self._redis.aclose()
        await self._stream.close()
        await self._news.aclose()

    def network_of(self, caller: Caller) -> str:
        return self.gate.network_of(caller.address) if self.gate else NOBODY

    async def admit(self, target: Target) -> bool:
        """Whether a limited link lets one more click pass; Unreachable when nobody can judge."""
        with _unreachable_without_a_judge():
            return await self._allowance.admit(target)

    async def is_used_up(self, target: Target) -> bool:
        """For those who look without clicking; Unreachable when nobody can judge."""
        if not target.max_clicks:
            return False
        with _unreachable_without_a_judge():
            row = await self._fetch_row(USED_UP, {"link": target.id})
        return bool(row and row["used_up"])

    def _prepare(self, target: Target) -> list[tuple[bytes, bytes]]:
        return completed(redirect_headers(target), self.redirect_headers)

    async def _load(self, domain: str, slug_key: str) -> Target | None:
        row = await self._fetch_row(targets.SELECT, (domain, slug_key))
        return targets.from_row(row) if row else None

    async def _claim(self, link_id: int, wanted: int) -> int | None:
        row = await self._fetch_row(CLAIM, {"link": link_id, "wanted": wanted})
        return int(row["granted"]) if row else None

    async def _fetch_row(self, query: str, parameters: Any) -> dict[str, Any] | None:
        """Nobody waits for the end of a query that was given up: psycopg asks the server to cancel
        it, and one that hangs takes ten seconds not to answer that."""
        fetching = asyncio.create_task(self._fetch(query, parameters))
        fetching.add_done_callback(_look_at_error)
        done, _ = await asyncio.wait({fetching}, timeout=DATABASE_TIMEOUT)
        if not done:
            fetching.cancel()
            raise TimeoutError
        return fetching.result()

    async def _fetch(self, query: str, parameters: Any) -> dict[str, Any] | None:
        async with self._database.connection() as connection:
            cursor = await connection.execute(query, parameters)
            row: dict[str, Any] | None = await cursor.fetchone()
            return row

    async def _hear_changes(self) -> None:
        """Forget what changed. After any silence everything may have changed."""
        async with self._news.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            self.directory.forget_all()
            async for message in subscription.listen():
                if message["type"] == "message":
                    domain, _, slug_key = message["data"].decode().partition("/")
                    self.directory.forget((domain, slug_key))

    async def _keep_house(self) -> None:
        await self.journal.flush()
        await self._learn_salts()
        if self.gate and self._availability.up:
            await tell_later(self._redis, self.gate.refusals.take())

    async def _learn_salts(self) -> None:
        """Today's and, so that midnight surprises nobody, tomorrow's."""
        if not self._availability.up:
            return
        today = int(time.time() * 1000) // DAY_MS
        try:
            for day in (today, today + 1):
                await self.visitors.learn(self._redis, day)
        except FAILURES:
            self._availability.failed()


@contextmanager
def _unreachable_without_a_judge() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        log.warning("click_limit_unavailable", error=type(error).__name__)
        raise Unreachable from error


def _look_at_error(task: asyncio.Task[Any]) -> None:
    """asyncio complains of errors that nobody looked at; whoever waited for this one is gone."""
    if not task.cancelled():
        task.exception()


async def _forever(task: Any, pause: float) -> None:
    """Run `task` again and again; what it raises is said and does not end it."""
    while True:
        try:
            await task()
        except (OSError, RedisError):
            pass  # an outage, already logged by whoever met it first
        except Exception:
            log.exception("redirect_task_failed", task=task.__name__)
        await asyncio.sleep(pause)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    """End `tasks`. A client library in the middle of connecting may take a cancellation for its own
    time-out and go on; so it is repeated until it is heard."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.2)


def _gate(config: RedirectConfig) -> NetworkGate | None:
    if not config.rate_by_network:
        return None
    exempt = parse_networks(config.exempt_networks)
    return NetworkGate(config.rate_by_network, processes=config.processes, exempt=exempt)


def _connection_pool(config: RedirectConfig) -> MeasuredPool:
    return MeasuredPool(
        config.database_url,
        name="redirects",
        pgbouncer=config.pgbouncer,
        open=False,
        min_size=1,
        max_size=4,
        timeout=0.5,
        max_waiting=200,
        # After that the pool gives up and begins anew with the next request: no long back-off.
        reconnect_timeout=1,
        check=MeasuredPool.check_connection,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "connect_timeout": 2,
            "application_name": "rallypoint-redirect",
            # Redirects go on during maintenance, and claim the clicks of limited links.
            "options": "-c default_transaction_read_only=off",
        },
    )
