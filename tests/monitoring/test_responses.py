"""Kept answers: served without the application, until what they speak of has changed."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse

from monitoring.redis import evictable
from monitoring.responses import tags
from monitoring.responses.cache import OFFER, ResponseCache

PATH = "/api/public/things"


class App:
    """Answers with how often it was asked, offered under the tag "thing"."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.before_answer: Callable[[], None] = lambda: None

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.asked += 1
        before = await sync_to_async(tags.generation)("thing")
        await sync_to_async(self.before_answer)()
        response = HttpResponse(status=self.status)
        tags.keep(response, tag="thing", generation=before, seconds=60, route="/things")
        headers = [
            (b"content-type", b"text/plain"),
            (b"x-correlation-id", b"0123456789"),
            (OFFER.encode(), response[OFFER].encode()),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": str(self.asked).encode()})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def cache(app: App) -> AsyncIterator[ResponseCache]:
    made = ResponseCache(app, redis_url=settings.CACHE_URL, prefix="/api/public/")
    yield made
    await made.close()


async def get(
    cache: ResponseCache, path: str = PATH, method: str = "GET", **headers: str
) -> tuple[int, dict[bytes, bytes], bytes]:
    path, _, query = path.partition("?")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    await cache(scope, None, send)  # type: ignore[arg-type]  # no body is read
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def test_the_second_caller_is_served_without_the_application(
    cache: ResponseCache, app: App
) -> None:
    _, first, _ = await get(cache)
    status, headers, body = await get(cache)

    assert (status, body, app.asked) == (200, b"1", 1)
    assert (first[b"x-cache"], headers[b"x-cache"]) == (b"MISS", b"HIT")
    assert headers[b"content-type"] == b"text/plain"
    assert headers[b"age"].isdigit()
    assert b"x-correlation-id" not in headers
    for answer in (first, headers):
        assert OFFER.lower().encode() not in {name.lower() for name in answer}


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer x"}, {"cookie": "a=b"}, {"x_api_key": "rp_x"}]
)
async def test_a_caller_with_credentials_is_never_served_from_it(
    cache: ResponseCache, app: App, headers: dict[str, str]
) -> None:
    await get(cache)
    await get(cache, **headers)

    assert app.asked == 2


async def test_another_path_query_method_or_origin_is_another_answer(
    cache: ResponseCache, app: App
) -> None:
    await get(cache)
    for path, method in ((f"{PATH}2", "GET"), (f"{PATH}?a=1", "GET"), (PATH, "POST")):
        await get(cache, path, method)
    await get(cache, origin="https://app.example")

    assert app.asked == 5


async def test_the_offer_reaches_nobody_whatever_is_asked(cache: ResponseCache) -> None:
    for method, headers in (("HEAD", {}), ("POST", {}), ("GET", {"cookie": "a=b"})):
        _, answered, _ = await get(cache, PATH, method, **headers)
        assert OFFER.lower().encode() not in {name.lower() for name in answered}


async def test_a_raised_generation_ends_it_at_once(cache: ResponseCache, app: App) -> None:
    await get(cache)
    await sync_to_async(tags._raise_generations)(["thing"])

    assert (await get(cache))[2] == b"2"
    assert (await get(cache))[2] == b"2"


async def test_an_answer_that_was_read_before_the_change_is_not_served_after_it(
    cache: ResponseCache, app: App
) -> None:
    app.before_answer = lambda: tags._raise_generations(["thing"])
    await get(cache)
    app.before_answer = lambda: None

    assert (await get(cache))[2] == b"2"


async def test_an_error_is_not_kept(cache: ResponseCache, app: App) -> None:
    app.status = 500
    await get(cache)
    app.status = 200

    assert (await get(cache))[2] == b"2"


async def test_whoever_has_it_is_told_that_it_is_unchanged(cache: ResponseCache) -> None:
    await get(cache)
    etag = (await get(cache))[1][b"etag"].decode()

    status, headers, body = await get(cache, if_none_match=etag)

    assert (status, body) == (304, b"")
    assert headers[b"etag"].decode() == etag


async def test_an_emptied_redis_is_a_miss(cache: ResponseCache, app: App) -> None:
    await get(cache)
    evictable().flushdb()

    assert (await get(cache))[2] == b"2"


async def test_a_redis_that_is_away_is_not_asked_again_at_once(app: App) -> None:
    cache = ResponseCache(app, redis_url="redis://127.0.0.1:1/0", prefix="/api/public/")
    for expected in (b"1", b"2"):
        assert (await get(cache))[2] == expected
    assert not cache._could_be_kept({"method": "GET", "headers": []})
    await cache.close()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_forgets_nothing() -> None:
    before = tags.generation("thing")

    with transaction.atomic():
        tags.forget_after_commit("thing")
        transaction.set_rollback(True)
    assert tags.generation("thing") == before

    tags.forget_after_commit("thing")
    assert tags.generation("thing") != before
