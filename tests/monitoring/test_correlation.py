"""One id follows a request through every layer, line and task, and comes back on the answer."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import structlog
from celery import shared_task
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from config.celery import app as celery_app
from monitoring.trace import CorrelationId, bound, correlation_id, new_id, valid_or_new

pytestmark = pytest.mark.urls("tests.monitoring.doors")
VALID = re.compile(r"[A-Za-z0-9._-]{8,64}")
HEADER = b"x-correlation-id"


# --- what an id may be ---


@given(st.from_regex(VALID, fullmatch=True).filter(str.isascii))
def test_a_harmless_id_is_kept(given_id: str) -> None:
    assert valid_or_new(given_id) == valid_or_new(given_id.encode()) == given_id


@given(st.text() | st.binary() | st.none())
def test_any_other_is_replaced(given_id: str | bytes | None) -> None:
    text = given_id.decode("latin-1") if isinstance(given_id, bytes) else given_id or ""
    if not VALID.fullmatch(text):
        assert valid_or_new(given_id) != text
    assert VALID.fullmatch(valid_or_new(given_id))


@pytest.mark.parametrize("bad", ["a" * 7, "a" * 65, "abcdefgh\n", "abcdefgh\r\nX: y", "abcdefgé"])
def test_a_harmful_id_is_replaced(bad: str) -> None:
    assert valid_or_new(bad) != bad


def test_new_ids_follow_one_another() -> None:
    ids = [new_id() for _ in range(1000)]
    assert sorted(ids) == ids
    assert len(set(ids)) == 1000
    assert re.fullmatch("[0-9a-f]{12}7[0-9a-f]{19}", ids[0])


def test_an_id_is_bound_only_inside() -> None:
    with bound("outer-id"):
        with bound("inner-id"):
            assert correlation_id() == "inner-id"
        assert correlation_id() == "outer-id"
    assert correlation_id() == ""


# --- Django ---


def test_the_callers_id_comes_back_and_is_in_the_request_line(client: Client) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        response = client.get("/api/raise/not-found", headers={"X-Correlation-Id": "abc-12345"})
    assert response["X-Correlation-Id"] == "abc-12345"
    assert response.json()["correlationId"] == "abc-12345"
    (line,) = [entry for entry in logged if entry["event"] == "request"]
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/api/raise/<kind>",
        "status": 404,
        "caller": "anonymous",
    }


def test_a_response_without_a_given_id_has_a_new_one(client: Client) -> None:
    first, second = (client.get("/api/echo")["X-Correlation-Id"] for _ in range(2))
    assert VALID.fullmatch(first)
    assert first != second


@pytest.mark.parametrize("address", ["/nothing/here", "/api/echo?a=%00", "/page/redis"])
def test_answers_that_no_view_made_have_one_too(client: Client, address: str) -> None:
    assert VALID.fullmatch(client.get(address)["X-Correlation-Id"])


def test_an_unmatched_path_is_not_in_the_line(client: Client) -> None:
    with capture_logs() as logged:
        client.get("/0xAbC/secret-path")
    (line,) = [entry for entry in logged if entry["event"] == "request"]
    assert line["route"] == "unmatched"
    assert "secret-path" not in str(logged)


def test_files_are_one_route(client: Client) -> None:
    with capture_logs() as logged:
        assert client.get("/static/monitoring/docs.css").status_code == 200
    assert [e["route"] for e in logged if e["event"] == "request"] == ["/static/*"]


@pytest.mark.django_db
def test_the_line_says_what_kind_of_caller_it_was(
    api: Callable[..., APIClient], alice: Any
) -> None:
    with capture_logs() as logged:
        api(alice).post("/api/make", {"username": "dora"})
    assert [e["caller"] for e in logged if e["event"] == "request"] == ["session"]


def test_what_a_request_bound_is_gone_after_it(client: Client) -> None:
    client.get("/api/echo")
    assert correlation_id() == ""
    assert structlog.contextvars.get_contextvars() == {}


# --- ASGI ---


async def ask(
    headers: list[tuple[bytes, bytes]], answer: list[tuple[bytes, bytes]] | None = None
) -> tuple[dict[str, Any], list[tuple[bytes, bytes]], str]:
    """(scope that the application saw, headers of the answer, id that it could read)."""
    seen: dict[str, Any] = {}
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope, id=correlation_id())
        await send({"type": "http.response.start", "status": 200, "headers": answer or []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": headers}
    await CorrelationId(application)(scope, None, send)  # type: ignore[arg-type]
    return seen, list(sent[0]["headers"]), seen["id"]


async def test_outside_of_django_the_callers_id_comes_back() -> None:
    seen, answer, readable = await ask([(HEADER, b"abc-12345"), (b"a", b"b")])
    assert answer == [(HEADER, b"abc-12345")]
    assert seen["headers"] == [(HEADER, b"abc-12345"), (b"a", b"b")]
    assert readable == "abc-12345"


@pytest.mark.parametrize(
    "given_headers",
    [[], [(HEADER, b"bad id")], [(HEADER, b"good-id-1"), (HEADER, b"good-id-2")]],
    ids=["none", "a bad one", "two"],
)
async def test_django_below_sees_the_new_id_that_the_answer_has(given_headers: Any) -> None:
    seen, answer, readable = await ask([*given_headers, (b"a", b"b")])
    (inwards,) = [value for name, value in seen["headers"] if name == HEADER]
    assert answer == [(HEADER, inwards)]
    assert readable == inwards.decode()
    assert (b"a", b"b") in seen["headers"]


async def test_an_id_that_the_application_has_set_stays_alone() -> None:
    _, answer, _ = await ask([], [(b"X-Correlation-Id", b"its-own-id")])
    assert answer == [(b"X-Correlation-Id", b"its-own-id")]


async def test_an_accepted_socket_is_told_its_id() -> None:
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "headers": [(HEADER, b"abc-12345")]}
    await CorrelationId(application)(scope, None, send)  # type: ignore[arg-type]
    assert sent == [
        {"type": "websocket.accept", "headers": [(HEADER, b"abc-12345")]},
        {"type": "websocket.close", "code": 1000},
    ]


# --- Celery ---

read: list[str] = []
statements: list[str] = []


@shared_task(name="tests.read_correlation_id")
def read_correlation_id() -> None:
    read.append(correlation_id())
    structlog.get_logger().info("in the task")
    with suppress(RuntimeError), connection.cursor() as cursor:  # not every test has a database
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        statements.append(cursor.fetchone()[0])


def run_in_a_worker() -> None:
    """What a worker does with the next message, without its process: the signals and the trace."""
    from celery.app.trace import build_tracer  # its import sets tracing up for this process

    with Connection(celery_app.conf.broker_url, transport_options=TRANSPORT) as broker:
        message = broker.SimpleQueue("celery").get(timeout=5)
        message.ack()
    task = celery_app.tasks[read_correlation_id.name]
    tracer = build_tracer(task.name, task, app=celery_app)
    headers = message.headers
    tracer(headers["id"], (), {}, {**headers, "delivery_info": {}, "is_eager": False})


TRANSPORT = celery_app.conf.broker_transport_options


@pytest.mark.django_db  # a worker asks whether there is maintenance
def test_a_task_reads_the_id_of_the_request_that_sent_it() -> None:
    read.clear()
    with bound("from-a-request"):
        read_correlation_id.delay()
    processors = [structlog.contextvars.merge_contextvars]
    with capture_logs(processors=processors) as logged:
        run_in_a_worker()
    assert read == ["from-a-request"]
    (line,) = [entry for entry in logged if entry["event"] == "in the task"]
    assert line["task"] == "tests.read_correlation_id"
    assert line["task_id"]


@pytest.mark.django_db
def test_the_statements_of_a_task_say_which_request_caused_them() -> None:
    read.clear()
    with bound("from-a-request"):
        read_correlation_id.delay()
    run_in_a_worker()
    assert statements[-1].endswith("/*correlation_id='from-a-request'*/")


@pytest.mark.django_db  # a worker asks whether there is maintenance
def test_a_task_that_nobody_asked_for_has_an_id_of_its_own() -> None:
    read.clear()
    read_correlation_id.delay()
    run_in_a_worker()
    assert VALID.fullmatch(read[0])


@pytest.mark.django_db  # a worker asks whether there is maintenance
def test_after_a_task_nothing_of_it_is_left() -> None:
    with bound("from-a-request"):
        read_correlation_id.delay()
    run_in_a_worker()
    assert correlation_id() == ""
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.django_db  # a worker asks whether there is maintenance
def test_a_task_run_on_the_spot_stays_with_its_caller() -> None:
    read.clear()
    with bound("from-a-request"):
        read_correlation_id.apply()
        assert correlation_id() == "from-a-request"
    assert read == ["from-a-request"]
