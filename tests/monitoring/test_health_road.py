"""The probes are answered in front of Django, from what is known already."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from threading import Event
from typing import Any

import pytest

from monitoring.health import draining
from monitoring.health.report import Status
from monitoring.health.road import HealthRoad
from monitoring.health.watch import STALE_SECONDS, HealthWatch

LOOPBACK, STRANGER = "127.0.0.1", "203.0.113.7"


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")


async def django(scope: Any, receive: Any, send: Any) -> None:
    """What stands behind, and what would need a thread."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"django"})


async def ask(
    road: HealthRoad, path: str, *, method: str = "GET", client: str = STRANGER, **headers: str
) -> Answer:
    answer = Answer()
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": method, "path": path, "headers": named, "client": (client, 1),
    }  # fmt: skip
    await road(scope, None, answer.take)  # type: ignore[arg-type]
    return answer


def report(status: Status = Status.HEALTHY) -> dict[str, Any]:
    return {"status": status, "checks": {"database": {"status": status}}}


def road_for(watch: HealthWatch, **options: Any) -> HealthRoad:
    given: dict[str, Any] = {"expose": lambda _: (b"metrics", "text/plain"), "metrics_token": ""}
    return HealthRoad(django, watch, **{**given, **options})


@pytest.fixture
def watch() -> HealthWatch:
    """One that has looked once."""
    looking = HealthWatch(report)
    looking.look()
    return looking


@pytest.fixture(autouse=True)
def _not_draining() -> Any:
    yield
    draining.cancel()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ping", b"pong"),
        ("/health", b'{"status":"healthy"}'),
        ("/api/health", b'{"status":"healthy","checks":{"database":{"status":"healthy"}}}'),
        ("/api/health/live", b'{"status":"live"}'),
        ("/api/health/ready", b'{"status":"ready"}'),
    ],
)
async def test_a_probe_needs_no_django(watch: HealthWatch, path: str, body: bytes) -> None:
    answer = await ask(road_for(watch), path)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize("header", ["authorization", "cookie", "x_api_key", "origin"])
async def test_who_says_who_he_is_is_djangos(watch: HealthWatch, header: str) -> None:
    answer = await ask(road_for(watch), "/api/health", **{header: "anything"})
    assert answer.body == b"django"


async def test_head_says_the_same_without_words(watch: HealthWatch) -> None:
    answer = await ask(road_for(watch), "/api/health", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers[b"content-length"]) > 20


async def test_other_methods_and_addresses_are_djangos(watch: HealthWatch) -> None:
    assert (await ask(road_for(watch), "/api/health", method="POST")).body == b"django"
    assert (await ask(road_for(watch), "/api/quests")).body == b"django"


async def test_what_cannot_serve_answers_503() -> None:
    looking = HealthWatch(lambda: report(Status.UNHEALTHY))
    looking.look()
    for path in ("/health", "/api/health"):
        assert (await ask(road_for(looking), path)).status == 503


async def test_before_the_first_look_django_finds_out() -> None:
    assert (await ask(road_for(HealthWatch(report)), "/api/health")).body == b"django"


async def test_ready_follows_the_database_and_the_drain(watch: HealthWatch) -> None:
    met = False
    looking = HealthWatch(report, lambda: met)
    assert (await ask(road_for(looking), "/api/health/ready")).body == b'{"status":"starting"}'
    met = True
    assert (await ask(road_for(looking), "/api/health/ready")).status == 200
    draining.begin()
    answer = await ask(road_for(looking), "/api/health/ready")
    assert (answer.status, answer.body) == (503, b'{"status":"draining"}')
    assert (await ask(road_for(looking), "/api/health/live")).status == 200


@pytest.fixture
async def started() -> AsyncIterator[Callable[[Any], Any]]:
    watches: list[HealthWatch] = []

    async def start(look: Any) -> HealthWatch:
        watches.append(HealthWatch(look))
        await watches[-1].start()
        return watches[-1]

    yield start
    for looking in watches:
        await looking.stop()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)


async def test_who_asks_has_it_found_anew_and_waits_for_nobody(started: Any) -> None:
    hangs, looks = Event(), []

    def look() -> Any:
        looks.append(time.monotonic())
        if len(looks) > 1:
            hangs.wait(5)
        return report(Status.HEALTHY if len(looks) == 1 else Status.DEGRADED)

    watch = await started(look)
    await until(lambda: watch.said() is not None)
    watch._seen_at -= 2  # it is two seconds old
    begun = time.perf_counter()
    assert (await ask(road_for(watch), "/health")).body == b'{"status":"healthy"}'
    assert time.perf_counter() - begun < 0.05
    await until(lambda: len(looks) == 2)
    hangs.set()
    await until(lambda: watch.said().status == "degraded")


async def test_a_look_that_fails_is_repeated(started: Any) -> None:
    looks = []

    def look() -> Any:
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError
        return report()

    watch = await started(look)
    await until(lambda: looks)
    await until(lambda: watch.said() is not None)  # asking wakes it


async def test_when_nobody_looks_any_more_it_says_so(watch: HealthWatch) -> None:
    watch._seen_at -= STALE_SECONDS + 1
    answer = await ask(road_for(watch), "/api/health")
    assert answer.status == 503
    found = json.loads(answer.body)
    assert found["status"] == "unavailable"
    assert found["checks"] == {
        "database": {"status": "healthy"}, "watch": {"status": "unavailable"},
    }  # fmt: skip


# --- metrics ---

METRICS = "/api/health/metrics"


async def test_a_scraper_on_this_machine_needs_no_django(watch: HealthWatch) -> None:
    answer = await ask(road_for(watch), METRICS, client=LOOPBACK)
    assert (answer.body, answer.headers[b"content-type"]) == (b"metrics", b"text/plain")


async def test_strangers_and_whoever_comes_through_a_proxy_do_not_scrape(
    watch: HealthWatch,
) -> None:
    road = road_for(watch, metrics_token="a-long-token")
    assert (await ask(road, METRICS)).body == b"django"
    through = await ask(road, METRICS, client=LOOPBACK, x_forwarded_for=STRANGER)
    assert through.body == b"django"
    assert (await ask(road, METRICS, authorization="Bearer wrong")).body == b"django"
    assert (await ask(road, METRICS, authorization="Bearer a-long-token")).body == b"metrics"


async def test_scrapers_who_come_together_share_one_scrape(watch: HealthWatch) -> None:
    scrapes, goes_on = [], Event()

    def expose(accept: str) -> tuple[bytes, str]:
        scrapes.append(accept)
        goes_on.wait(5)
        return b"metrics", "text/plain"

    road = road_for(watch, expose=expose)
    asking = [asyncio.create_task(ask(road, METRICS, client=LOOPBACK)) for _ in range(20)]
    await until(lambda: scrapes)
    goes_on.set()
    assert {answer.body for answer in await asyncio.gather(*asking)} == {b"metrics"}
    assert len(scrapes) == 1


async def test_scrapes_that_hang_are_bounded(watch: HealthWatch) -> None:
    goes_on = Event()

    def expose(_: str) -> tuple[bytes, str]:
        goes_on.wait(5)
        return b"metrics", "text/plain"

    road = road_for(watch, expose=expose)
    kinds = [f"text/{number}" for number in range(5)]
    asking = [
        asyncio.create_task(ask(road, METRICS, client=LOOPBACK, accept=kind)) for kind in kinds
    ]
    await until(lambda: any(task.done() for task in asking))
    goes_on.set()
    statuses = sorted(answer.status for answer in await asyncio.gather(*asking))
    assert statuses == [200, 200, 200, 200, 503]
