"""The performance answer as the OpenAPI document describes it."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

_NUMBER: dict[str, Any] = {"type": "number"}
_TIME: dict[str, Any] = {"type": ["number", "null"], "description": "Milliseconds."}
_TIMES = {"p50": _TIME, "p95": _TIME, "p99": _TIME}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_SERIES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "labels", "value"],
        "properties": {
            "name": {"type": "string", "description": "As `/api/health/metrics` has it."},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "value": _NUMBER,
            "rate": {**_NUMBER, "description": "Of counters: a second."},
        },
    },
}
_TRAFFIC = {"count": {"type": "integer"}, "rate": _NUMBER, "errorRate": _NUMBER, **_TIMES}
_ROUTE = {"method": {"type": "string"}, "route": {"type": "string"}, **_TRAFFIC}
_RECOMMENDATION = {
    **{name: {"type": "string"} for name in ("code", "advice", "subject", "unit")},
    "measurement": _NUMBER,
    "threshold": _NUMBER,
}
_SECTIONS = (
    *("breakers", "pools", "cache", "slowQueries", "shedding", "limits", "queues"),
    *("machine", "workers", "rooms"),
)
_PERFORMANCE = _object(
    window={**_NUMBER, "description": "Seconds."},
    requests=_object(**_TRAFFIC),
    routes={"type": "array", "items": _object(**_ROUTE)},
    errors={"type": "object", "additionalProperties": _NUMBER},
    eventLoop=_object(**_TIMES),
    database=_object(queryRate=_NUMBER, **_TIMES),
    **dict.fromkeys(_SECTIONS, _SERIES),
    recommendations={"type": "array", "items": _object(**_RECOMMENDATION)},
)
_EXAMPLE = OpenApiExample(
    "A service whose event loop is late",
    value={
        "window": 300.0,
        "requests": {
            "count": 36000,
            "rate": 120.0,
            "errorRate": 0.0,
            "p50": 3.1,
            "p95": 21.0,
            "p99": 180.0,
        },
        "routes": [],
        "errors": {"not_found": 0.02},
        "eventLoop": {"p50": 0.7, "p95": 40.0, "p99": 150.0},
        "database": {"queryRate": 240.0, "p50": 0.9, "p95": 4.0, "p99": 9.0},
        **{section: [] for section in _SECTIONS},
        "recommendations": [
            {
                "code": "event_loop_late",
                "advice": "Requests and sockets wait for the event loop.",
                "subject": "eventLoop",
                "measurement": 150.0,
                "threshold": 100.0,
                "unit": "ms",
            }
        ],
    },
    status_codes=["200"],
)
PERFORMANCE = {200: OpenApiResponse(_PERFORMANCE, "The figures.", [_EXAMPLE])}
