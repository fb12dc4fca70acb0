"""Whoever makes an answer, browsers are told to be careful with it."""

from typing import Any

import pytest
from csp.constants import HEADER as POLICY
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from accounts.models import User
from config.asgi import _careful, _kept
from monitoring.headers import SecurityHeaders, for_answers, for_redirects
from monitoring.health.middleware import HEADER as MEMORY

Headers = dict[str, str]
COMPLETE = {
    "content-security-policy", "cross-origin-opener-policy", "cross-origin-resource-policy",
    "permissions-policy", "referrer-policy", "x-content-type-options", "x-frame-options",
}  # fmt: skip


async def headers_of(app: Any, path: str = "/", method: str = "GET") -> Headers:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "scheme": "http",
        "query_string": b"", "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    names = [name for name, _ in sent[0]["headers"]]
    assert len(names) == len(set(names)), names  # nothing is said twice
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize("place", ["/ping", "/api/health/live", "/nowhere/at/all", "/login"])
@pytest.mark.django_db(transaction=True)
async def test_answers_of_the_whole_stack_are_complete(place: str) -> None:
    found = await headers_of(_careful, place)
    assert found.keys() >= COMPLETE
    assert found["x-content-type-options"] == "nosniff"


@pytest.mark.django_db(transaction=True)
async def test_so_are_kept_ones_of_which_the_stack_hears_no_more() -> None:
    first, again = [await headers_of(_kept, "/api/quests") for _ in range(2)]
    await _kept.close()

    assert (first["x-cache"], again["x-cache"]) == ("MISS", "HIT")
    assert again.keys() >= COMPLETE | {"x-correlation-id"}
    assert again["x-correlation-id"] != first["x-correlation-id"]


async def test_so_are_answers_made_in_front_of_django() -> None:
    async def bare(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})

    found = await headers_of(SecurityHeaders(bare, https=True))
    assert found.keys() == COMPLETE | {"strict-transport-security"}
    assert "strict-transport-security" not in await headers_of(SecurityHeaders(bare, https=False))


async def test_what_an_answer_says_itself_stays() -> None:
    own = [(b"Content-Security-Policy", b"default-src 'self'"), (b"referrer-policy", b"origin")]

    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": own})

    found = await headers_of(SecurityHeaders(page, https=False))
    assert found["Content-Security-Policy"] == "default-src 'self'"
    assert found["referrer-policy"] == "origin"
    assert "content-security-policy" not in found


def test_a_redirect_lets_itself_be_embedded_and_tells_the_target_the_origin() -> None:
    found = dict(for_redirects(https=True))
    assert found[b"referrer-policy"] == b"strict-origin-when-cross-origin"
    assert b"cross-origin-resource-policy" not in found
    assert b"strict-transport-security" in found
    assert len(found) < len(dict(for_answers(https=True)))


# --- Pages ----------------------------------------------------------------------------------------
def with_script(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<script nonce='{request.csp_nonce}'></script>")  # type: ignore[attr-defined]


urlpatterns = [path("script", with_script)]


@override_settings(ROOT_URLCONF=__name__)
def test_a_page_may_have_a_script_of_its_own_by_a_nonce_that_is_new_each_time(
    client: Client,
) -> None:
    answers = [client.get("/script") for _ in range(2)]
    nonces = {answer.content.decode().split("'")[1] for answer in answers}
    assert len(nonces) == 2
    for answer in answers:
        (nonce,) = (one for one in nonces if one in answer.content.decode())
        policy = answer[POLICY]
        assert f"script-src 'self' 'nonce-{nonce}'" in policy
        assert "unsafe" not in policy


# --- Memory ---------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_operators_are_told_how_big_the_process_is(client: Client) -> None:
    operator = User.objects.create_user(username="ada", is_staff=True)
    assert MEMORY not in client.get("/api/health")
    client.force_login(User.objects.create_user(username="alice"))
    assert MEMORY not in client.get("/api/auth/me")
    client.force_login(operator)
    assert 20 < int(client.get("/api/auth/me")[MEMORY]) < 2_000
