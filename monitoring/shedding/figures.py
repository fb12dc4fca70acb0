"""What is seen of the gate from outside."""

from prometheus_client import Counter, Gauge

from monitoring.shedding.gate import Gate
from monitoring.shedding.priority import Priority

IN_FLIGHT = Gauge(
    "rallypoint_requests_in_flight",
    "Requests that Django works on.",
    ["class"],
    multiprocess_mode="livesum",
)
QUEUED = Gauge(
    "rallypoint_requests_queued",
    "Requests that wait for a place.",
    ["class"],
    multiprocess_mode="livesum",
)
LIMIT = Gauge(
    "rallypoint_requests_limit",
    "Requests that may be worked on at once, health checks apart.",
    multiprocess_mode="livesum",
)
SHED = Counter(
    "rallypoint_requests_shed",
    "Requests turned away: the queue was full, or they waited or took too long.",
    ["class", "reason"],
)

_in_flight = {one: IN_FLIGHT.labels(one.label) for one in Priority}
_queued = {one: QUEUED.labels(one.label) for one in Priority}


def show(gate: Gate, priority: Priority) -> None:
    _in_flight[priority].set(gate.in_flight[priority])
    _queued[priority].set(gate.waiting(priority))


def show_limit(limit: int) -> None:
    LIMIT.set(limit)


def count_shed(priority: Priority, reason: str) -> None:
    SHED.labels(priority.label, reason).inc()
