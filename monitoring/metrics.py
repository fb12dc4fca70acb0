"""Request metrics, measured at the outer ASGI layer, and gauges that others announce.

Imports no Django. Whoever answers a request says which route it was by
`name_route(scope, "/{slug}")`; inside Django the correlation middleware does.
"""

import asyncio
import os
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from math import inf
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

from monitoring.error_categories import category_of
from monitoring.metrics_files import VARIABLE, reading
from monitoring.trace import ASGIApplication, Message, Receive, Scope, Send

logger = structlog.get_logger("rallypoint.metrics")

UNMATCHED = "unmatched"
_NOTES = "rallypoint"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "rallypoint_http_requests", "Answered HTTP requests.", ["method", "route", "status"]
)
SECONDS = Histogram(
    "rallypoint_http_request_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ["method", "route"],
    buckets=_BUCKETS,
)
ERRORS = Counter("rallypoint_errors", "Requests that were not fulfilled, by why.", ["category"])

GaugeValue = float | Mapping[tuple[str, ...], float]


class RequestMetrics:
    """ASGI: counts and times every HTTP request that passes."""

    def __init__(self, app: ASGIApplication) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        notes: dict[str, Any] = scope.setdefault(_NOTES, {})
        status = 500  # an application that raises has answered nothing

        def watched(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            _count(scope["method"], status, notes, time.perf_counter() - started)


def name_route(scope: Scope, route: str) -> None:
    """The notes are one object in every copy that a layer may have made of the scope."""
    scope.setdefault(_NOTES, {})["route"] = route


def name_code(scope: Scope, code: str) -> None:
    """The stable code of a problem: it says more of an error than its status does."""
    scope.setdefault(_NOTES, {})["code"] = code


def _count(method: str, status: int, notes: Mapping[str, str], seconds: float) -> None:
    route = notes.get("route", UNMATCHED)
    if status < 400:
        _observations(_known(method), route, status // 100).add(seconds)
    else:
        observe(method, route, status, seconds, code=notes.get("code", ""))


def observe(method: str, route: str, status: int, seconds: float, *, code: str = "") -> None:
    if status >= 400:
        ERRORS.labels(category_of(status, code)).inc()
    counter, histogram = _children(_known(method), route, status // 100)
    counter.inc()
    histogram.observe(seconds)


def _known(method: str) -> str:
    return method if method in _METHODS else "OTHER"


class Observations:
    """`observe` where a microsecond counts, for the event loop: what is answered in one turn of it
    is handed over at its end, at once, to the counters that all processes of a machine share in
    files. A process that is killed loses no more than that."""

    def __init__(self, method: str, route: str, status_class: int) -> None:
        self._counter, self._histogram = _children(method, route, status_class)
        self._seconds: list[float] = []

    def add(self, seconds: float) -> None:
        if not self._seconds:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._seconds.append(seconds)

    def _hand_over(self) -> None:
        seconds, self._seconds = sorted(self._seconds), []
        self._counter.inc(len(seconds))
        # prometheus_client has no way to observe many; its own `observe` is these two lines.
        self._histogram._sum.inc(sum(seconds))  # noqa: SLF001
        counted = 0
        for bucket, bound in zip(self._histogram._buckets, (*_BUCKETS, inf), strict=True):  # noqa: SLF001
            if number := bisect_right(seconds, bound) - counted:
                bucket.inc(number)
                counted += number


_observations = lru_cache(maxsize=4096)(Observations)


@lru_cache(maxsize=4096)
def _children(method: str, route: str, status_class: int) -> tuple[Counter, Histogram]:
    """`labels()` takes a lock and checks its arguments; that is for once."""
    return REQUESTS.labels(method, route, f"{status_class}xx"), SECONDS.labels(method, route)


def gauge(
    name: str, documentation: str, labels: tuple[str, ...] = ()
) -> Callable[[Callable[[], GaugeValue]], Callable[[], GaugeValue]]:
    """Announces a function that is asked at each scrape.

    With `labels` it gives a mapping of their values to a number. One that fails is left out.
    """

    def announce(read: Callable[[], GaugeValue]) -> Callable[[], GaugeValue]:
        _gauges[name] = (documentation, labels, read)
        return read

    return announce


_gauges: dict[str, tuple[str, tuple[str, ...], Callable[[], GaugeValue]]] = {}


class _Announced(Collector):
    def collect(self) -> Iterator[Metric]:
        for name, (documentation, labels, read) in list(_gauges.items()):
            family = GaugeMetricFamily(name, documentation, labels=labels)
            try:
                value = read()
            except Exception as error:  # noqa: BLE001 - a scrape must not fail with one gauge
                logger.warning("gauge_failed", gauge=name, error=str(error)[:300])
                continue
            for values, number in _samples(value):
                family.add_metric(values, number)
            yield family


def _samples(value: GaugeValue) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(value, Mapping):
        yield from value.items()
    else:
        yield (), value


def exposition(accept: str) -> tuple[bytes, str]:
    """(body, content type): OpenMetrics when it is asked for, else Prometheus' text."""
    encode, content_type = choose_encoder(accept)
    return encode(_registry()), content_type


def families(*, announced: bool = True) -> Iterable[Metric]:
    """Of all processes; without what is `announced`, nothing that asks a store."""
    return _registry(announced=announced).collect()


def errors_by_category() -> dict[str, int]:
    return {
        sample.labels["category"]: int(sample.value)
        for metric in families(announced=False)
        for sample in metric.samples
        if sample.name == "rallypoint_errors_total"
    }


def totals() -> tuple[float, float]:
    """(requests, those answered 5xx), of all processes."""
    requests = errors = 0.0
    for metric in families(announced=False):
        for sample in metric.samples:
            if sample.name == "rallypoint_http_requests_total":
                requests += sample.value
                errors += sample.value if sample.labels["status"] == "5xx" else 0
    return requests, errors


def _registry(*, announced: bool = True) -> CollectorRegistry:
    """Made for each scrape, as the multi-process collector wants it."""
    registry = CollectorRegistry()
    if VARIABLE in os.environ:
        _OfAllProcesses(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Local())
    if announced:
        registry.register(_Announced())
    return registry


class _OfAllProcesses(multiprocess.MultiProcessCollector):
    def collect(self) -> Any:
        with reading():
            return super().collect()  # type: ignore[no-untyped-call]


class _Local(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()
