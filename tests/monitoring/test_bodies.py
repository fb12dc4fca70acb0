"""A request reaches a thread with its whole body, or not at all."""

import asyncio
import json
from typing import Any

import pytest
from django.test import Client

from monitoring import bodies
from monitoring.bodies import BufferedBody

Headers = list[tuple[bytes, bytes]]


class Call:
    """One request through the layer: what came in, what the application saw, what went out."""

    def __init__(self, headers: Headers, *messages: Any, limit: int = 10) -> None:
        self.scope = {"type": "http", "method": "POST", "path": "/api/x", "headers": headers}
        self.messages = list(messages)
        self.limit = limit
        self.seen: list[Any] = []
        self.headers: Headers = []
        self.sent: list[Any] = []

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        self.headers = scope["headers"]
        self.seen = [await receive(), await receive()]
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive(self) -> Any:
        if not self.messages:
            await asyncio.Event().wait()  # nothing ever comes
        return self.messages.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def __call__(self) -> "Call":
        layer = BufferedBody(self.application, limit=self.limit, seconds=0.1)
        await layer(self.scope, self.receive, self.send)
        return self

    def problem(self) -> dict[str, Any]:
        start, body = self.sent
        assert (b"content-type", b"application/problem+json") in start["headers"]
        assert (b"connection", b"close") in start["headers"]
        found: dict[str, Any] = json.loads(body["body"])
        assert found["status"] == start["status"]
        assert self.seen == []
        return found


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


async def test_parts_arrive_as_one() -> None:
    parts = (part(b"ab", more=True), part(b"cd", more=True), part(b""), GONE)
    call = await Call([(b"content-length", b"4"), (b"a", b"b")], *parts)()
    assert call.seen == [part(b"abcd"), GONE]
    assert sorted(call.headers) == [(b"a", b"b"), (b"content-length", b"4")]
    assert call.sent[0]["status"] == 204


async def test_a_chunked_body_gets_its_length() -> None:
    parts = (part(b"abc", more=True), part(b"def"), GONE)
    call = await Call([(b"transfer-encoding", b"chunked")], *parts)()
    assert call.headers == [(b"content-length", b"6")]


async def test_a_request_without_a_body_is_passed_on_as_it_is() -> None:
    call = await Call([(b"a", b"b")], part(b""), GONE)()
    assert call.seen == [part(b""), GONE]
    assert call.headers == [(b"a", b"b")]


async def test_a_body_at_the_limit_is_taken() -> None:
    call = await Call([(b"content-length", b"10")], part(b"a" * 10), GONE)()
    assert call.seen[0] == part(b"a" * 10)


@pytest.mark.parametrize(
    ("headers", "parts"),
    [
        ([(b"content-length", b"11")], []),
        ([(b"transfer-encoding", b"chunked")], [part(b"a" * 6, more=True)] * 2),
    ],
    ids=["declared", "found out"],
)
async def test_a_body_over_the_limit_is_refused(headers: Headers, parts: Any) -> None:
    problem = (await Call(headers, *parts)()).problem()
    assert (problem["status"], problem["code"]) == (413, "body_too_large")
    assert problem["instance"] == "/api/x"


async def test_a_body_that_does_not_arrive_is_refused() -> None:
    call = await Call([(b"content-length", b"5")], part(b"a", more=True))()
    assert (call.problem()["status"], call.problem()["code"]) == (408, "body_too_slow")


async def test_who_has_gone_is_not_answered() -> None:
    call = await Call([(b"content-length", b"5")], part(b"a", more=True), GONE)()
    assert (call.seen, call.sent) == ([], [])


async def test_a_socket_is_passed_on() -> None:
    passed = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)

    scope = {"type": "websocket", "headers": [(b"content-length", b"11")]}
    await BufferedBody(application, limit=10)(scope, None, None)  # type: ignore[arg-type]
    assert passed == [scope]


@pytest.mark.urls("tests.monitoring.doors")
def test_django_says_that_it_cannot_read_what_has_no_length(client: Client) -> None:
    """Where the layer is missing, a chunked body must not pass for an empty one."""
    response = client.post("/api/echo", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH="")
    assert (response.status_code, response.json()["code"]) == (411, "length_required")


async def test_all_bodies_together_have_a_bound() -> None:
    """Ten thousand callers with ten megabytes each would be more than there is."""
    arrived = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await arrived.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})

    layer = BufferedBody(application, limit=10, together=25)

    async def bring(call: Call) -> Call:
        await layer(call.scope, call.receive, call.send)
        return call

    def whole() -> Call:
        return Call([(b"content-length", b"10")], part(b"a" * 10))

    held = [asyncio.create_task(bring(whole())) for _ in range(2)]
    await asyncio.sleep(0)
    refused = await bring(whole())
    assert (refused.problem()["status"], refused.problem()["code"]) == (503, "overloaded")
    arrived.set()
    assert {call.sent[0]["status"] for call in await asyncio.gather(*held)} == {204}
    assert (await bring(whole())).sent[0]["status"] == 204


class Collector:
    """In the place of gc: how often it was called."""

    def __init__(self) -> None:
        self.called = 0
        self.was_called = asyncio.Event()

    def collect(self) -> None:
        self.called += 1
        self.was_called.set()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    made = Collector()
    monkeypatch.setattr(bodies, "gc", made)
    monkeypatch.setattr(bodies, "_COLLECT_AFTER", 10)
    monkeypatch.setattr(bodies, "_COLLECT_WITHIN", 0.01)
    return made


async def send_bodies(layer: BufferedBody, *sizes: int) -> None:
    for size in sizes:
        call = Call([(b"content-length", str(size).encode())], part(b"a" * size), GONE)
        layer.app = call.application
        await layer(call.scope, call.receive, call.send)


async def test_what_big_bodies_leave_is_collected_a_little_later(collector: Collector) -> None:
    layer = BufferedBody(None, limit=100, together=1_000)  # type: ignore[arg-type]
    await send_bodies(layer, 9)
    assert layer._collection is None  # too little
    await send_bodies(layer, 5, 5, 5)
    assert collector.called == 0
    async with asyncio.timeout(5):
        await collector.was_called.wait()
    assert collector.called == 1


async def test_very_much_is_collected_at_once(collector: Collector) -> None:
    layer = BufferedBody(None, limit=100, together=100)  # type: ignore[arg-type]
    await send_bodies(layer, 60, 60)
    assert collector.called == 1
    assert layer._collection is None


async def test_a_body_counts_as_held_no_longer_than_its_request_whatever_comes_of_it() -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise ValueError

    layer = BufferedBody(broken, limit=100, together=100)
    for _ in range(3):
        call = Call([(b"content-length", b"60")], part(b"a" * 60), GONE)
        with pytest.raises(ValueError, match=r"^$"):
            await layer(call.scope, call.receive, call.send)
