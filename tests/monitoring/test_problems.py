"""Whatever goes wrong under /api, the answer is a problem that says enough and not too much."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from rest_framework.test import APIClient

from monitoring.wire.problem import CONTENT_TYPE

pytestmark = pytest.mark.urls("tests.monitoring.doors")
Api = Callable[..., APIClient]


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def problem(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == CONTENT_TYPE
    assert response["Cache-Control"] == "no-store"
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == response.status_code
    assert body["correlationId"] == response["X-Correlation-Id"]
    assert body["type"] == f"/problems/{body['code']}"
    return body


FORESEEN = [
    ("problem", 409, "quest_done"),
    ("subclass", 409, "slug_taken"),
    ("not-found", 404, "not_found"),
    ("forbidden", 403, "permission_denied"),
    ("forbidden-django", 403, "permission_denied"),
    ("unauthenticated", 401, "not_authenticated"),
    ("bad-token", 401, "token_expired"),
    ("throttled", 429, "rate_limited"),
    ("ratelimited", 429, "rate_limited"),
    ("invalid-django", 400, "validation_error"),
    ("too-big", 413, "body_too_large"),
    ("suspicious", 400, "bad_request"),
    ("redis", 503, "redis_unavailable"),
    ("unforeseen", 500, "internal_error"),
]


@pytest.mark.parametrize(("kind", "status", "code"), FORESEEN)
@pytest.mark.parametrize("road", ["raise", "plain"])
def test_every_exception_is_a_problem_from_both_kinds_of_view(
    visitor: Client, road: str, kind: str, status: int, code: str
) -> None:
    response = visitor.get(f"/api/{road}/{kind}")
    body = problem(response)
    assert (response.status_code, body["code"]) == (status, code)
    assert body["instance"] == f"/api/{road}/{kind}"
    assert body["title"]
    assert "SELECT" not in response.content.decode()
    assert "hunter2" not in response.content.decode()


def test_a_problem_keeps_its_members_and_headers(visitor: Client) -> None:
    response = visitor.get("/api/raise/problem")
    assert problem(response)["firstResult"] == {"xp": 3}
    assert response["X-A"] == "b"


def test_a_problem_may_load_nothing_in_a_browser(visitor: Client) -> None:
    policy = visitor.get("/api/nothing")["Content-Security-Policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("kind", ["unauthenticated", "bad-token"])
def test_who_is_not_known_is_told_how_to_say_who_he_is(visitor: Client, kind: str) -> None:
    assert visitor.get(f"/api/raise/{kind}")["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("kind", "wait"), [("throttled", "7"), ("ratelimited", "1")])
def test_too_many_are_told_when_to_come_back(visitor: Client, kind: str, wait: str) -> None:
    assert visitor.get(f"/api/raise/{kind}")["Retry-After"] == wait


def test_a_wrong_method_is_told_which_are_right(visitor: Client) -> None:
    response = visitor.delete("/api/echo")
    assert problem(response)["code"] == "method_not_allowed"
    assert set(response["Allow"].split(", ")) == {"GET", "POST", "HEAD", "OPTIONS"}


def test_an_unknown_content_type_is_415(visitor: Client) -> None:
    response = visitor.post("/api/echo", "a,b", content_type="text/csv")
    assert problem(response)["code"] == "unsupported_media_type"


def test_an_address_that_is_none_is_a_problem_under_api_only(visitor: Client) -> None:
    assert problem(visitor.get("/api/nothing/here"))["code"] == "not_found"
    page = visitor.get("/nothing/here", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("accept", ["application/json", "*/*", "image/*"])
def test_a_page_is_a_problem_to_those_who_do_not_ask_for_html(visitor: Client, accept: str) -> None:
    response = visitor.get("/nothing/here", headers={"Accept": accept})
    assert problem(response)["code"] == "not_found"


@pytest.mark.parametrize(
    ("kind", "status"), [("unforeseen", 500), ("forbidden-django", 403), ("redis", 503)]
)
def test_people_get_a_small_page_that_tells_nothing_inside(
    visitor: Client, kind: str, status: int
) -> None:
    response = visitor.get(f"/page/{kind}", headers={"Accept": "text/html,*/*;q=0.8"})
    text = response.content.decode()
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert response["X-Correlation-Id"] in text
    assert "SELECT" not in text
    assert "hunter2" not in text


def test_a_host_that_is_not_ours_is_a_problem(visitor: Client) -> None:
    response = visitor.get("/api/echo", headers={"Host": "evil.test"})
    assert (response.status_code, problem(response)["code"]) == (400, "bad_request")


def test_a_form_without_its_csrf_token_is_a_problem_under_api(visitor: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/api/plain/problem")
    assert (response.status_code, problem(response)["code"]) == (403, "csrf_failed")


@pytest.mark.django_db
def test_a_session_without_a_csrf_token_may_not_write(alice: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    response = strict.post("/api/make", {}, content_type="application/json")
    assert (response.status_code, problem(response)["code"]) == (403, "csrf_failed")


def test_a_parameter_named_format_is_the_views_own(visitor: Client) -> None:
    assert visitor.get("/api/echo?format=bitly").json() == {"query": {"format": ["bitly"]}}


@pytest.mark.django_db  # Django's debug report shows what lies around, and may ask the database
def test_debug_does_not_change_the_form(visitor: Client) -> None:
    with override_settings(DEBUG=True):
        for address in ("/api/nothing/here", "/api/raise/unforeseen", "/api/plain/unforeseen"):
            assert "SELECT" not in json.dumps(problem(visitor.get(address)))


# --- validation ---


def errors(visitor: Client, data: Any) -> list[dict[str, str]]:
    response = visitor.post("/api/validated", data, content_type="application/json")
    body = problem(response)
    assert (response.status_code, body["code"]) == (400, "validation_error")
    found: list[dict[str, str]] = body["errors"]
    return found


def test_each_field_is_named_by_its_path_on_the_wire(visitor: Client) -> None:
    found = errors(
        visitor,
        {"shortUrl": "x" * 11, "rules": [{"targetUrl": "https://a.test"}, {}], "tagList": [1, "x"]},
    )
    assert {(e["field"], e["code"]) for e in found} == {
        ("shortUrl", "max_length"),
        ("rules.1.targetUrl", "required"),
        ("tagList.1", "invalid"),
    }
    assert all(e["message"] for e in found)


def test_an_error_of_no_field_has_an_empty_one(visitor: Client) -> None:
    (error,) = errors(visitor, {"shortUrl": "refused"})
    assert error == {"field": "", "message": "Not this one.", "code": "invalid"}


def test_a_body_that_is_no_object_is_said_to_be_none(visitor: Client) -> None:
    (error,) = errors(visitor, [1])
    assert error["field"] == ""


def test_names_from_the_model_are_translated_too(visitor: Client) -> None:
    (error,) = problem(visitor.get("/api/raise/invalid-django"))["errors"]
    assert error["field"] == "shortUrl"


# --- addresses ---


@pytest.mark.parametrize(
    "address",
    [
        "/api/echo?slug=%00", "/api/echo?a=b&%00=1", "/api/echo?q=%ED%A0%80", "/api/echo?q=%ed%bf",
        "/api/echo?q=%ff",
        "/api/raise/a%00b", "/api/raise/%ED%A0%80", "/api/%00",
    ],
)  # fmt: skip
def test_a_nul_or_half_a_surrogate_in_an_address_is_refused(visitor: Client, address: str) -> None:
    response = visitor.get(address)
    assert (response.status_code, problem(response)["code"]) == (400, "invalid_characters")


def test_other_letters_in_an_address_are_fine(visitor: Client) -> None:
    assert visitor.get("/api/echo?q=%ED%9F%BF%F0%9F%8F%81%2500").status_code == 200


# --- the database ---


def refused(visitor: Client, sql: str, values: list[Any] | None = None) -> tuple[int, str]:
    data = {"sql": sql, "values": values}
    response = visitor.post("/api/sql", data, content_type="application/json")
    return response.status_code, problem(response)["code"]


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["99999999999999999999", "0x", "2031-13-01"])
def test_a_value_that_nobody_checked_is_the_callers_mistake(visitor: Client, value: str) -> None:
    kind = "timestamptz" if "-" in value else "bigint"
    assert refused(visitor, f"SELECT %s::{kind}", [value]) == (400, "invalid_value")


@pytest.mark.django_db
def test_a_mistake_of_ours_stays_one(visitor: Client) -> None:
    assert refused(visitor, "SELECT 1/0") == (500, "internal_error")


@pytest.mark.django_db
def test_a_statement_that_takes_too_long_may_be_tried_again(visitor: Client) -> None:
    sql = "SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)"
    assert refused(visitor, sql) == (503, "database_busy")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_on_the_way_may_be_tried_again(visitor: Client) -> None:
    sql = "SELECT pg_terminate_backend(pg_backend_pid())"
    answer = refused(visitor, sql)
    connection.close()  # as the end of a request does, which the test client keeps from it
    assert answer == (503, "database_unavailable")


@pytest.fixture
def database_away(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> Iterator[None]:
    """A port where nobody listens, as PostgreSQL's is while it is down."""
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        patch.setitem(connection.settings_dict, "PORT", str(unused_tcp_port))
        yield
        connection.close()


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("address", ["/api/users", "/api/make", "/admin/"])
def test_a_database_that_is_away_is_503_at_once_wherever_it_is_missed(
    visitor: Client, address: str
) -> None:
    visitor.cookies["rallypoint_session"] = "a" * 32
    visitor.get("/ping")  # the first request of a process loads the middleware
    times = []
    for _ in range(3):
        started = time.perf_counter()
        response = visitor.get(address, headers={"Accept": "application/json"})
        times.append(time.perf_counter() - started)
    assert min(times) < 0.1
    body = problem(response)
    assert (response.status_code, body["code"]) == (503, "database_unavailable")
    assert 1 <= int(response["Retry-After"]) <= 4
    assert "127.0.0.1" not in response.content.decode()


# --- callers from another origin ---


def test_a_page_of_another_origin_may_send_and_read_our_headers(visitor: Client) -> None:
    origin = "https://client.test"
    with override_settings(CORS_ALLOWED_ORIGINS=[origin]):
        asked = visitor.options(
            "/api/echo",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "idempotency-key,x-correlation-id",
            },
        )
        answered = visitor.get("/api/raise/throttled", headers={"Origin": origin})
    allowed = asked["Access-Control-Allow-Headers"]
    assert "idempotency-key" in allowed
    assert "x-correlation-id" in allowed
    assert "X-Correlation-Id" in answered["Access-Control-Expose-Headers"]
    assert "Retry-After" in answered["Access-Control-Expose-Headers"]
