"""An application that counts how often it is asked, with kept answers in front of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpResponse

from monitoring.responses import tags
from monitoring.responses.cache import ResponseCache
from monitoring.responses.kept import OFFER

PATH = "/api/public/things"


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class App:
    """Answers with how often it was asked, offered under the tag "thing"."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun = asyncio.Event()
        self.status = 200
        self.padding = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.seconds, self.stale = 60, 60
        self.offers = True
        self.error: Exception | None = None
        self.before_answer: Callable[[], None] = lambda: None
        self.waits: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.asked += 1
        number = self.asked
        before = await sync_to_async(tags.generation)("thing")
        await sync_to_async(self.before_answer)()
        self.begun.set()
        await self.waits()
        if self.error:
            raise self.error
        response = HttpResponse(status=self.status)
        tags.keep(
            response, tag="thing", generation=before if self.offers else None,
            seconds=self.seconds, stale=self.stale, route="/things",
        )  # fmt: skip
        offer = [(OFFER.encode(), response[OFFER].encode())] if OFFER in response else []
        headers = [
            (b"content-type", b"text/plain"),
            (b"x-correlation-id", b"0123456789"),
            *self.headers,
            *offer,
        ]
        body = str(number).encode() + self.padding
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:]})


@pytest.fixture
def app() -> App:
    return App()


def cache_over(app: Any) -> ResponseCache:
    """As another process would have it: with a memory of its own."""
    return ResponseCache(app, redis_url=settings.CACHE_URL, prefixes=("/api/public/",))


@pytest.fixture
async def cache(app: App) -> AsyncIterator[ResponseCache]:
    made = cache_over(app)
    yield made
    await made.close()


@pytest.fixture
async def other(app: App) -> AsyncIterator[ResponseCache]:
    made = cache_over(app)
    yield made
    await made.close()


async def get(
    cache: ResponseCache,
    path: str = PATH,
    method: str = "GET",
    *,
    sent: list[Any] | None = None,
    **headers: str,
) -> Answer:
    """`sent` is where the messages go."""
    path, _, query = path.partition("?")
    sent = [] if sent is None else sent

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
    assert [message["type"] for message in sent].count("http.response.start") == 1
    answered = {name.lower(): value for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], answered, b"".join(m["body"] for m in sent[1:]))
