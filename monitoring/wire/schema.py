"""How the OpenAPI document tells what every answer of ours has in common."""

from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiResponse
from rest_framework.permissions import AllowAny

from monitoring.trace import HEADER as CORRELATION_HEADER
from monitoring.wire import idempotency
from monitoring.wire.filters import Query
from monitoring.wire.pagination import CursorPagination
from monitoring.wire.problem import CONTENT_TYPE

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` is stable; the sentences are not.",
    "required": ["type", "title", "status", "detail", "instance", "code", "correlationId"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string"},
        "correlationId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "examples": ["rules.0.url"]},
                    "message": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "/problems/validation_error",
            "title": "Bad Request",
            "status": 400,
            "detail": "The request is not valid.",
            "instance": "/api/links",
            "code": "validation_error",
            "correlationId": "01920f3a5c7e7d0b9a3c5e7f90123456",
            "errors": [{"field": "url", "message": "This field is required.", "code": "required"}],
        }
    ],
}
_CORRELATION_ID: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"}
_RETRY_AFTER: dict[str, Any] = {
    "description": "Seconds to wait before trying again.",
    "schema": {"type": "integer", "minimum": 1},
}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "CorrelationId": {
        "name": CORRELATION_HEADER,
        "in": "header",
        "required": False,
        "description": "Your own id for this request; it comes back, and is in every log line.",
        "schema": _CORRELATION_ID,
    },
    "IdempotencyKey": {
        "name": idempotency.HEADER,
        "in": "header",
        "required": False,
        "description": "Repeating a request with its key, within 24 hours, does nothing twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
}

# It has no annotations, and is ours to give only known arguments to.
_Component: Any = ResolvedComponent


class ProblemAutoSchema(AutoSchema):
    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_parameters()
        known = {(p.get("name"), p.get("in")) for p in parameters}
        ours = [p for p in self._query_parameters() if (p["name"], p["in"]) not in known]
        headers = ["CorrelationId", *(["IdempotencyKey"] if self._is_idempotent() else [])]
        return [*parameters, *ours, *(self._shared("parameters", name) for name in headers)]

    def _query_parameters(self) -> list[dict[str, Any]]:
        query = getattr(self.view, "query", None)
        if not isinstance(query, Query) or self.method != "GET":
            return []
        paging = CursorPagination().get_schema_operation_parameters(self.view)
        return [*query.schema(), *(paging if query.paged else [])]

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for body in bodies.values():
            headers = body.setdefault("headers", {})
            headers.setdefault(CORRELATION_HEADER, self._shared("headers", "CorrelationId"))
        for status in self._problem_statuses():
            bodies.setdefault(str(status), self._shared("responses", f"Problem{status}"))
        return bodies

    def _problem_statuses(self) -> list[int]:
        takes_input = self.method in {"POST", "PUT", "PATCH"} or self._query_parameters()
        statuses = {
            400: takes_input,
            401: self._needs_caller(),
            403: self._needs_caller(),
            404: "{" in self.path,
            409: self._is_idempotent(),
            422: self._is_idempotent(),
            429: True,
            503: True,
        }
        return [status for status, applies in statuses.items() if applies]

    def _needs_caller(self) -> bool:
        return any(not isinstance(p, AllowAny) for p in self.view.get_permissions())

    def _is_idempotent(self) -> bool:
        name = getattr(self.view, "action", None) or self.method.lower()
        return bool(getattr(getattr(self.view, name, None), "idempotent", False))

    def _shared(self, kind: str, name: str) -> dict[str, Any]:
        """A reference; what it refers to joins the document with its first use."""
        schema = self._definition(kind, name)
        component: Any = _Component(name=name, type=kind, schema=schema, object=name)
        self.registry.register_on_missing(component)
        reference: dict[str, Any] = component.ref
        return reference

    def _definition(self, kind: str, name: str) -> dict[str, Any]:
        if kind == "parameters":
            return _PARAMETERS[name]
        if kind == "headers":
            return {"description": "The id of this request.", "schema": _CORRELATION_ID}
        if kind == "schemas":
            return _PROBLEM
        return self._problem_response(HTTPStatus(int(name.removeprefix("Problem"))))

    def _problem_response(self, status: HTTPStatus) -> dict[str, Any]:
        headers = {CORRELATION_HEADER: self._shared("headers", "CorrelationId")}
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            headers["Retry-After"] = _RETRY_AFTER
        content = {CONTENT_TYPE: {"schema": self._shared("schemas", "Problem")}}
        return {"description": status.phrase, "headers": headers, "content": content}


def problem(status: int, description: str) -> dict[tuple[int, str], OpenApiResponse]:
    """An entry of `responses`, for what the schema does not tell by itself."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {(status, CONTENT_TYPE): OpenApiResponse(schema, description=description)}
