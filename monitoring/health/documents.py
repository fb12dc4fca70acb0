"""The health answers as the OpenAPI document describes them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from monitoring.health.report import Status

_STATUS: dict[str, Any] = {"type": "string", "enum": [str(status) for status in Status]}
_NUMBER: dict[str, Any] = {"type": ["number", "null"]}


def _part(**numbers: dict[str, Any]) -> dict[str, Any]:
    properties = {"connected": {"type": "boolean"}, **numbers}
    return {"type": "object", "required": ["connected"], "properties": properties}


_HEALTH: dict[str, Any] = {
    "type": "object",
    "required": ["status", "timestamp", "uptime", "version", "checks"],
    "properties": {
        "status": _STATUS,
        "timestamp": {"type": "string", "format": "date-time"},
        "uptime": {"type": "number", "description": "Seconds of this process."},
        "version": {"type": "string"},
        "maintenance": {"type": "boolean", "description": "Whether nothing new is taken."},
        "database": _part(latency=_NUMBER, connections=_NUMBER),
        "cache": _part(latency=_NUMBER, hitRate=_NUMBER),
        "memory": {
            "type": "object",
            "description": "In bytes; for operators.",
            "properties": {
                "used": {"type": "integer"},
                "free": {"type": "integer"},
                "total": {"type": "integer"},
                "percentage": {"type": "number"},
            },
        },
        "errors": {
            "type": "object",
            "description": "Answers 5xx since the start, and their share of all; for operators.",
            "properties": {
                "count": {"type": "integer"},
                "rate": {"type": "number"},
                "categories": {
                    "type": "object",
                    "description": "Requests that were not fulfilled, by why.",
                    "additionalProperties": {"type": "integer"},
                },
            },
        },
        "checks": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["status"],
                "properties": {"status": _STATUS, "latency": _NUMBER},
            },
        },
    },
}
_EXAMPLE = OpenApiExample(
    "What a stranger is told",
    value={
        "status": "degraded",
        "timestamp": "2031-05-01T09:30:00.000Z",
        "uptime": 86_400.5,
        "version": "0.1.0",
        "database": {"connected": True},
        "cache": {"connected": False},
        "checks": {"database": {"status": "healthy"}, "cache": {"status": "degraded"}},
    },
    status_codes=["200"],
)


def _probe(*statuses: str) -> dict[str, Any]:
    status = {"type": "string", "enum": list(statuses)}
    return {"type": "object", "required": ["status"], "properties": {"status": status}}


HEALTH = {
    200: OpenApiResponse(_HEALTH, "Healthy or degraded.", [_EXAMPLE]),
    503: OpenApiResponse(_HEALTH, "Unhealthy or unavailable."),
}
LIVE = {200: OpenApiResponse(_probe("live"), "It lives.")}
READY = {
    200: OpenApiResponse(_probe("ready"), "Send requests here."),
    503: OpenApiResponse(_probe("starting", "draining"), "Send them elsewhere."),
}
