"""The members of a problem, and a problem as a raw ASGI answer. Imports no Django."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from monitoring.metrics import name_code
from monitoring.trace import Scope, Send, correlation_id

CONTENT_TYPE = "application/problem+json"


def members(
    *, code: str, status: int, detail: str, instance: str, correlation: str = ""
) -> dict[str, Any]:
    """`instance` is the path as it was asked for, decoded; `correlation` the id of the request
    where it is not the current one."""
    return {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": quote(instance, errors="replace"),
        "code": code,
        "correlationId": correlation or correlation_id(),
    }


async def send_problem(
    scope: Scope,
    send: Send,
    *,
    code: str,
    status: int,
    detail: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    name_code(scope, code)
    content = members(code=code, status=status, detail=detail, instance=scope["path"])
    body = json.dumps(content).encode()
    start = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
