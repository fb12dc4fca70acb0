"""Why requests were not fulfilled is counted in a few words."""

import asyncio
from typing import Any

import pytest
from django.test import Client, override_settings

from monitoring import metrics
from monitoring.error_categories import CATEGORIES, category_of
from monitoring.wire.rfc9457 import send_problem


@pytest.mark.parametrize(
    ("status", "code", "category"),
    [
        (400, "validation_error", "validation"),
        (401, "", "authentication"),
        (403, "csrf_failed", "permission"),
        (404, "", "not_found"),
        (409, "slug_taken", "conflict"),
        (429, "rate_limited", "rate_limited"),
        (500, "", "internal"),
        (503, "database_unavailable", "database"),
        (503, "redis_unavailable", "cache"),
        (503, "rpc_unavailable", "upstream"),
        (503, "overloaded", "unavailable"),
        (408, "body_too_slow", "timeout"),
        (418, "something_new", "validation"),
        (599, "something_new", "internal"),
    ],
)
def test_each_failure_has_one_category(status: int, code: str, category: str) -> None:
    assert category_of(status, code) == category


def test_there_are_a_dozen_whatever_is_answered() -> None:
    found = {category_of(status, code) for status in range(400, 600) for code in ("", "a", "b")}
    assert found <= CATEGORIES
    assert len(CATEGORIES) == 12


async def through(application: Any) -> None:
    async def send(message: Any) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/api/x"}
    await metrics.RequestMetrics(application)(scope, None, send)  # type: ignore[arg-type]


def counted(category: str) -> int:
    return metrics.errors_by_category().get(category, 0)


def test_a_problem_made_in_front_of_django_is_counted_by_its_code() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send_problem(
            dict(scope), send, code="database_unavailable", status=503, detail="Away."
        )

    before = counted("database")
    asyncio.run(through(application))
    assert counted("database") == before + 1


def test_what_is_answered_without_a_problem_is_counted_by_its_status() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})

    before = counted("not_found")
    asyncio.run(through(application))
    assert counted("not_found") == before + 1


def test_what_is_well_is_no_error() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 302, "headers": []})

    before = metrics.errors_by_category()
    asyncio.run(through(application))
    assert metrics.errors_by_category() == before


@override_settings(ROOT_URLCONF="tests.monitoring.doors")
@pytest.mark.parametrize(
    ("path", "code"),
    [("/api/raise/redis", "redis_unavailable"), ("/api/raise/problem", "quest_done")],
)
def test_django_tells_the_code_of_a_problem(client: Client, path: str, code: str) -> None:
    scope: dict[str, Any] = {}
    client.get(path, **{"asgi.scope": scope})
    assert scope["rallypoint"]["code"] == code
