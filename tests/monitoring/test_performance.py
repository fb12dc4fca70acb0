"""Figures are those of what happened, and a recommendation says what it was measured by."""

import asyncio
import time
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import pytest
from django_prometheus.db.metrics import query_duration_seconds
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from rest_framework.test import APIClient

from accounts.models import User
from monitoring import metrics
from monitoring.performance import services
from monitoring.performance.figures import QUERY_SECONDS, figures
from monitoring.performance.loop_lag import LAG, LoopLag
from monitoring.performance.recommendations import recommendations
from monitoring.performance.snapshots import Change, History, Snapshot, quantile, snapshot

Api = Callable[..., APIClient]


class Instance:
    """An instance's metrics at two moments, a hundred seconds apart."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "route", "status"]
        self.requests = Counter("rallypoint_http_requests", "-", labels, registry=self.registry)
        self.seconds = Histogram(
            "rallypoint_http_request_seconds", "-", labels[:2], registry=self.registry
        )
        self.lag = Histogram(
            "rallypoint_event_loop_lag_seconds", "-", registry=self.registry,
            buckets=(0.05, 0.1, 0.5),
        )  # fmt: skip
        self.before = self.look(0)

    def look(self, at: float) -> Snapshot:
        return snapshot(self.registry.collect(), at)

    def serve(self, route: str, seconds: float, *, status: str = "2xx", times: int = 1) -> None:
        for _ in range(times):
            self.requests.labels("GET", route, status).inc()
            self.seconds.labels("GET", route).observe(seconds)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        made = Gauge(name, "-", list(labels), registry=self.registry)
        (made.labels(**labels) if labels else made).set(value)

    def figures(self) -> dict[str, Any]:
        return figures(Change(self.before, self.look(100)))

    def advice(self) -> list[dict[str, Any]]:
        return recommendations(self.figures())


@pytest.fixture
def instance() -> Instance:
    return Instance()


# --- arithmetic ---


@pytest.mark.parametrize(
    ("share", "value"),
    [(0.5, 1.0), (0.25, 0.5), (0.75, 1.5), (1.0, 2.0), (0.0, 0.0)],
)
def test_a_quantile_lies_where_its_share_of_a_bucket_does(share: float, value: float) -> None:
    assert quantile([(1.0, 50), (2.0, 100), (inf, 100)], share) == pytest.approx(value)


def test_above_the_highest_bound_it_is_that_bound() -> None:
    assert quantile([(1.0, 0), (2.0, 1), (inf, 100)], 0.99) == 2.0


def test_nothing_counted_has_no_quantile() -> None:
    assert quantile([], 0.5) is None
    assert quantile([(1.0, 0), (inf, 0)], 0.5) is None


def test_a_counter_that_fell_began_anew() -> None:
    older = Snapshot(0, {("a_total", ()): 100.0})
    newer = Snapshot(1, {("a_total", ()): 7.0, ("b_total", ()): 2.0})
    assert Change(older, newer).increase("a_total") == 7
    assert Change(older, newer).increase("b_total") == 2


def test_history_gives_what_is_old_enough_and_forgets_the_rest() -> None:
    history = History(most=3)
    assert history.before(9) is None
    for at in (1, 2, 3, 4):
        history.add(Snapshot(at, {}))
    assert [history.before(moment).at for moment in (9, 3.5, 0)] == [4, 3, 2]  # type: ignore[union-attr]


# --- figures ---


def test_rates_and_times_are_those_of_the_window(instance: Instance) -> None:
    instance.serve("/old", 5.0, times=50)
    instance.before = instance.look(0)
    instance.serve("/fast", 0.004, times=150)
    instance.serve("/slow", 2.0, times=48)
    instance.serve("/slow", 2.0, status="5xx", times=2)
    found = instance.figures()
    assert found["window"] == 100
    assert found["requests"]["count"] == 200
    assert found["requests"]["rate"] == 2.0
    assert found["requests"]["errorRate"] == 0.01
    assert [route["route"] for route in found["routes"]] == ["/slow", "/fast"]
    slow, fast = found["routes"]
    assert (slow["count"], slow["errorRate"]) == (50, 0.04)
    assert 1000 < slow["p50"] < 2500
    assert fast["p99"] <= 5


def test_what_others_announce_appears_in_its_section(instance: Instance) -> None:
    instance.gauge("rallypoint_breakers", 1, breaker="rpc", state="open")
    instance.gauge("rallypoint_pool_waiting", 3, pool="django")
    instance.gauge("rallypoint_click_stream", 2.0, measure="lag_seconds")
    instance.gauge("rallypoint_requests_limit", 8)
    instance.gauge("rallypoint_something_new", 1)
    found = instance.figures()
    assert found["breakers"][0]["labels"] == {"breaker": "rpc", "state": "open"}
    assert found["pools"][0]["value"] == 3
    assert found["queues"][0]["name"] == "rallypoint_click_stream"
    assert [entry["name"] for entry in found["shedding"]] == ["rallypoint_requests_limit"]
    assert found["limits"] == []


def test_a_series_that_began_anew_has_the_rate_of_what_it_counted_since(
    instance: Instance,
) -> None:
    name = "rallypoint_pool_requests_total"
    newer = Snapshot(10, {(name, ()): 20.0})
    found = figures(Change(Snapshot(0, {(name, ()): 500.0}), newer))
    assert found["pools"][0]["rate"] == 2


# --- recommendations ---


def test_a_service_that_is_well_gets_no_advice(instance: Instance) -> None:
    instance.serve("/a", 0.01, times=100)
    instance.lag.observe(0.001)
    assert instance.advice() == []


def late_loop(instance: Instance) -> None:
    for _ in range(100):
        instance.lag.observe(0.3)


def slow_route(instance: Instance) -> None:
    instance.serve("/reports", 4.0, times=20)


def failing(instance: Instance) -> None:
    instance.serve("/a", 0.01, times=98)
    instance.serve("/a", 0.01, times=2, status="5xx")


def full_pool(instance: Instance) -> None:
    instance.gauge("rallypoint_pool_waiting", 1, pool="django")


def full_server(instance: Instance) -> None:
    made = Gauge("rallypoint_database_connections", "-", ["measure"], registry=instance.registry)
    made.labels("used").set(81)
    made.labels("most").set(100)


def missing_cache(instance: Instance) -> None:
    labels = ["server", "measure"]
    made = Gauge("rallypoint_redis", "-", labels, registry=instance.registry)
    made.labels("evictable", "keyspace_hits").set(400)
    made.labels("evictable", "keyspace_misses").set(600)
    made.labels("durable", "keyspace_hits").set(9000)


def open_breaker(instance: Instance) -> None:
    instance.gauge("rallypoint_breakers", 1, breaker="rpc", state="open")


def late_clicks(instance: Instance) -> None:
    instance.gauge("rallypoint_click_stream", 11, measure="lag_seconds")


def spooled_clicks(instance: Instance) -> None:
    instance.gauge("rallypoint_click_spool_bytes", 1)


def late_events(instance: Instance) -> None:
    instance.gauge("rallypoint_outbox", 11, measure="lag_seconds")


def waiting_tasks(instance: Instance) -> None:
    instance.gauge("rallypoint_task_queue", 101)


def full_memory(instance: Instance) -> None:
    made = Gauge("rallypoint_machine_bytes", "-", ["measure"], registry=instance.registry)
    made.labels("memory_used").set(91)
    made.labels("memory_total").set(100)


def full_disk(instance: Instance) -> None:
    made = Gauge("rallypoint_machine_bytes", "-", ["measure"], registry=instance.registry)
    made.labels("disk_free").set(9)
    made.labels("disk_total").set(100)


def many_refused(instance: Instance) -> None:
    instance.serve("/a", 0.01, times=100)
    made = Counter("rallypoint_rate_limited", "-", ["tier"], registry=instance.registry)
    made.labels("burst").inc(11)


def slow_statements(instance: Instance) -> None:
    Counter("rallypoint_slow_queries", "-", registry=instance.registry).inc(11)


def slow_database(instance: Instance) -> None:
    seconds = Histogram("django_db_query_duration_seconds", "-", registry=instance.registry)
    for _ in range(100):
        seconds.observe(0.2)


def refusing_pool(instance: Instance) -> None:
    made = Counter("rallypoint_pool_refused", "-", ["reason"], registry=instance.registry)
    made.labels("away").inc()


@pytest.mark.parametrize(
    ("trouble", "code", "subject"),
    [
        (late_loop, "event_loop_late", "eventLoop"),
        (slow_route, "route_slow", "GET /reports"),
        (failing, "requests_fail", "requests"),
        (slow_statements, "slow_queries", "database"),
        (slow_database, "queries_slow", "database"),
        (full_pool, "pool_exhausted", "pool"),
        (refusing_pool, "pool_refuses", "pool"),
        (full_server, "connections_nearly_used", "database"),
        (missing_cache, "cache_misses", "cache"),
        (open_breaker, "breaker_open", "rpc"),
        (late_clicks, "clicks_wait", "clickStream"),
        (spooled_clicks, "clicks_spooled", "spool"),
        (late_events, "events_wait", "outbox"),
        (waiting_tasks, "tasks_wait", "tasks"),
        (full_memory, "memory_short", "memory"),
        (full_disk, "disk_short", "disk"),
        (many_refused, "much_refused", "limits"),
    ],
)
def test_each_trouble_has_its_advice(
    instance: Instance, trouble: Callable[[Instance], None], code: str, subject: str
) -> None:
    trouble(instance)
    (advice,) = instance.advice()
    assert (advice["code"], advice["subject"]) == (code, subject)
    assert advice["advice"].endswith((".", "?"))
    assert advice["unit"]
    if code in {"cache_misses", "disk_short"}:
        assert advice["measurement"] < advice["threshold"]
    else:
        assert advice["measurement"] > advice["threshold"]


@pytest.mark.parametrize(("statements", "codes"), [(10, []), (11, ["slow_queries"])])
def test_events_are_counted_exactly_over_any_window(
    instance: Instance, statements: int, codes: list[str]
) -> None:
    """Ten in 290 seconds are a rate that is rounded up."""
    Counter("rallypoint_slow_queries", "-", registry=instance.registry).inc(statements)
    found = figures(Change(instance.before, instance.look(290)))
    assert [advice["code"] for advice in recommendations(found)] == codes


def test_the_slow_statements_are_those_that_the_database_backend_counts() -> None:
    assert query_duration_seconds._name == QUERY_SECONDS


# --- event loop ---


def counted_late() -> float:
    samples = (sample for metric in LAG.collect() for sample in metric.samples)
    late = {
        sample.labels["le"]: sample.value for sample in samples if sample.name.endswith("_bucket")
    }
    return late["+Inf"] - late["0.1"]


async def test_a_loop_that_is_held_up_is_seen() -> None:
    lag = LoopLag()
    before = counted_late()
    await lag.start()
    async with asyncio.timeout(5):
        while counted_late() == before:
            await asyncio.sleep(0)
            time.sleep(0.2)  # noqa: ASYNC251 - that is what it is about
    assert lag.recent > 0.005
    await lag.stop()


# --- the door ---


@pytest.fixture
def _empty_history() -> Iterator[None]:
    services.history.cache_clear()
    yield
    services.history.cache_clear()


@pytest.mark.django_db
@pytest.mark.usefixtures("_empty_history")
def test_an_operator_sees_the_last_minutes(api: Api, operator: User) -> None:
    services.remember()
    metrics.observe("GET", "/of-the-window", 200, 0.004)
    answer = api(operator).get("/api/performance")
    assert answer.status_code == 200
    body = answer.json()
    (route,) = [route for route in body["routes"] if route["route"] == "/of-the-window"]
    assert (route["count"], route["p99"]) == (1, pytest.approx(5, abs=1))
    assert {"window", "requests", "eventLoop", "database", "queues", "recommendations"} <= set(body)
    names = {entry["name"] for section in ("queues", "machine", "cache") for entry in body[section]}
    assert {
        "rallypoint_click_stream", "rallypoint_outbox", "rallypoint_task_queue",
        "rallypoint_machine_bytes", "rallypoint_database_connections", "rallypoint_redis",
    } <= names  # fmt: skip


@pytest.mark.django_db
def test_nobody_else_does(api: Api, alice: User) -> None:
    assert api().get("/api/performance").status_code == 401
    assert api(alice).get("/api/performance").status_code == 403


@pytest.mark.django_db
@pytest.mark.usefixtures("_empty_history")
def test_the_window_is_the_callers_within_bounds(api: Api, operator: User) -> None:
    for seconds in (200, 20, 0):
        services.history().add(snapshot((), time.time() - seconds))
    found = api(operator).get("/api/performance?window=15").json()
    assert found["window"] == pytest.approx(20, abs=2)
    for wrong in ("window=4", "window=301", "window=x", "since=1"):
        assert api(operator).get(f"/api/performance?{wrong}").status_code == 400
