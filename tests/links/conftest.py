"""What tests of links share: making links, sending clicks to the stream, opening addresses."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import psycopg.conninfo
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections

from accounts.models import User
from links.events import clicks_recorded
from links.models import Link, MarkedClick
from links.redirect.app import Redirect
from links.redirect.click import FIELD, STREAM, ClickBatch, ClickEvent, encode_batch, new_event_id
from links.redirect.runtime import RedirectConfig, Runtime
from links.reserved import reserved_keys
from links.services import create_link
from links.visits import personal_address
from monitoring.redis import durable

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

MakeLink = Callable[..., Link]
ISSUER = bytes(range(16))
HOUR = timedelta(hours=1)


@pytest.fixture
def make_link(alice: User) -> MakeLink:
    def make(**fields: Any) -> Link:
        return create_link(owner=alice, **{"url": "https://example.com/", **fields})

    return make


def event(link: Link, *, agent: str = CHROME, **fields: Any) -> ClickEvent:
    return ClickEvent(new_event_id(), link.pk, agent=agent, **fields)


def send(
    *events: ClickEvent, issuer: bytes = ISSUER, issued: int | None = None, **batch: Any
) -> None:
    """One batch into the stream, as a web process would send it."""
    entry = ClickBatch(
        issuer, issued or len(events), batch.pop("dropped", 0), list(events), **batch
    )
    durable().xadd(STREAM, {FIELD: encode_batch(entry)})


def token_for(link: Link, subject: str = "ada", **more: Any) -> str:
    """Of her personal address, good for an hour unless told otherwise."""
    address = personal_address(link=link, subject=subject, **{"valid_for": HOUR, **more})
    return address.partition("?p=")[2]


def personal_clicks() -> list[tuple[str, str]]:
    """Subjects and outcomes, in order."""
    return list(MarkedClick.objects.order_by("at", "pk").values_list("subject", "outcome"))


@pytest.fixture
def told() -> Iterator[list[list[str]]]:
    """What `clicks_recorded` says, each time."""
    heard: list[list[str]] = []

    def hear(sender: type, ids: list[str], **_: Any) -> None:
        assert sender is MarkedClick
        heard.append(ids)

    clicks_recorded.connect(hear)
    yield heard
    clicks_recorded.disconnect(hear)


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def location(self) -> str:
        return self.headers["location"]

    @property
    def code(self) -> str:
        return str(msgspec.json.decode(self.body)["code"])


class Door:
    """The redirect as its visitors meet it; anything else is answered 404 by `django`."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._app = Redirect(_django, runtime)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.request("GET", path, **headers)

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        raw_path, _, query = path.partition("?")
        given = {"user_agent": CHROME, **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(raw_path),
            "query_string": query.encode(),
            "client": ("127.0.0.1", 4711),
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in given.items()
            ],
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def keep(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        headers_out = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers_out, sent[1]["body"])


async def _django(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"server", b"django")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def door(transactional_db: None, tmp_path: Path) -> AsyncIterator[Door]:
    """Needs links that are committed, because the redirect reads through connections of its own."""
    async with opened(tmp_path) as one:
        yield one


@asynccontextmanager
async def opened(tmp_path: Path, **more: Any) -> AsyncIterator[Door]:
    """A door with `more` of its configuration."""
    runtime = Runtime(
        RedirectConfig(
            database_url=_test_database_url(),
            **{"redis_url": settings.REDIS_URL, **more},
            reserved=reserved_keys(),
            spool_directory=tmp_path / "spool",
            spool_max_bytes=10**6,
            identity_key=b"k" * 32,
            domains=["go.example"],
            trusted_proxies=["127.0.0.1"],
            country_header="CF-IPCountry",
        )
    )
    await runtime.start()
    try:
        yield Door(runtime)
    finally:
        await runtime.stop()
        await sync_to_async(connections.close_all)()


def _test_database_url() -> str:
    parameters = connection.get_connection_params()
    kept = {
        name: parameters[name]
        for name in ("dbname", "user", "password", "host", "port")
        if name in parameters
    }
    return psycopg.conninfo.make_conninfo(**kept)
