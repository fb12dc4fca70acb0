"""Too much at once: some are refused quickly, and the others are served."""

import asyncio
import json
import threading
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware

from monitoring.shedding import Shedding
from monitoring.shedding.priority import Priority, priority_of

READ, WRITE, HEALTH = ("GET", "/api/x"), ("POST", "/api/x"), ("GET", "/api/health/live")
STATUS = ("GET", "/status")


class Slow:
    """An application whose answers wait to be let go; `at_once` is the most there ever were."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.now = self.at_once = self.served = 0

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.now += 1
        self.at_once = max(self.at_once, self.now)
        try:
            await self.go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            self.served += 1
        finally:
            self.now -= 1


class Call:
    def __init__(self, layer: Any, kind: tuple[str, str] = READ) -> None:
        self.sent: list[Any] = []
        self.blocked: asyncio.Event | None = None
        method, path = kind
        scope = {
            "type": "http", "method": method, "path": path, "headers": [], "query_string": b"",
            "http_version": "1.1",
        }  # fmt: skip
        self.task = asyncio.create_task(self.run(layer, scope))

    async def run(self, layer: Any, scope: Any) -> None:
        await layer(scope, self.receive, self.send)

    async def receive(self) -> Any:
        await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        if self.blocked is not None and message["type"] == "http.response.body":
            await self.blocked.wait()
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"]) if self.sent else 0

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sent[1]["body"])
        return found

    def header(self, name: bytes) -> bytes:
        return dict(self.sent[0]["headers"])[name]  # type: ignore[no-any-return]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_over_the_queue_a_503_comes_at_once() -> None:
    slow = Slow()
    layer = Shedding(slow, threads=8)
    calls = [Call(layer) for _ in range(7 + 100)]
    await settle()
    assert (slow.now, sum(call.status for call in calls)) == (7, 0)
    over = [Call(layer) for _ in range(200)]
    await settle()
    assert all(call.task.done() for call in over)
    assert {call.status for call in over} == {503}
    assert {call.problem["code"] for call in over} == {"overloaded"}
    assert len({call.header(b"retry-after") for call in over}) > 1
    assert not any(b"connection" in dict(call.sent[0]["headers"]) for call in over)
    slow.go.set()
    await asyncio.gather(*(call.task for call in calls))
    assert {call.status for call in calls} == {200}
    assert (slow.at_once, slow.served) == (7, 107)


@pytest.mark.parametrize("kind", [HEALTH, STATUS])
async def test_health_is_answered_when_all_else_waits(kind: tuple[str, str]) -> None:
    slow = Slow()
    layer = Shedding(slow, threads=8)
    calls = [Call(layer, kind) for kind in (READ, WRITE) for _ in range(60)]
    await settle()
    assert slow.now == 8
    health = Call(layer, kind)
    await settle()
    assert slow.now == 9
    slow.go.set()
    await asyncio.gather(health.task, *(call.task for call in calls))
    assert health.status == 200


async def test_fewer_are_let_in_while_the_event_loop_comes_late() -> None:
    slow = Slow()
    layer = Shedding(slow, threads=8, lag=lambda: 0.02)
    calls = [Call(layer) for _ in range(8)]
    await settle()
    assert slow.now == 5  # of six, one place is for writes
    slow.go.set()
    await asyncio.gather(*(call.task for call in calls))


async def test_reads_are_served_before_writes_that_came_first() -> None:
    slow = Slow()
    layer = Shedding(slow, threads=2, most_waiting=3)
    first = [Call(layer, READ), Call(layer, WRITE)]
    await settle()
    writes = [Call(layer, WRITE) for _ in range(3)]
    await settle()
    read = Call(layer, READ)
    await settle()
    assert [call.status for call in writes] == [0, 0, 503]  # the newest made room
    slow.go.set()
    await asyncio.gather(*(call.task for call in (*first, *writes, read)))
    assert read.status == 200


async def test_nobody_waits_for_ever() -> None:
    slow = Slow()
    layer = Shedding(slow, threads=2, patience=0.05)
    served, waiting = Call(layer), Call(layer)
    await waiting.task
    assert (waiting.status, waiting.problem["code"]) == (503, "overloaded")
    slow.go.set()
    await served.task
    assert (await _again(layer)).status == 200


async def _again(layer: Any) -> Call:
    call = Call(layer)
    await call.task
    return call


async def test_who_hangs_up_while_waiting_takes_nobodys_place() -> None:
    slow = Slow()
    layer = Shedding(slow, threads=2)
    served, gone, waiting = Call(layer), Call(layer), Call(layer)
    await settle()
    gone.task.cancel()
    slow.go.set()
    await asyncio.gather(served.task, waiting.task)
    assert (slow.served, waiting.status, gone.sent) == (2, 200, [])


async def test_what_takes_too_long_is_answered_and_holds_its_place_until_it_ends() -> None:
    slow = Slow()
    layer = Shedding(slow, threads=2, seconds=0.05, patience=0.01)
    late = Call(layer)
    await late.task
    assert (late.status, late.problem["code"]) == (503, "request_timeout")
    assert (await _again(layer)).status == 503  # the thread is still at it
    slow.go.set()
    await settle()
    assert (await _again(layer)).status == 200
    assert len(late.sent) == 2  # nobody was answered twice


async def test_who_hangs_up_while_being_served_leaves_when_the_thread_does() -> None:
    slow = Slow()
    layer = Shedding(slow, threads=2, patience=0.01)
    gone = Call(layer)
    await settle()
    gone.task.cancel()
    await settle()
    assert (await _again(layer)).status == 503
    slow.go.set()
    await settle()
    assert (await _again(layer)).status == 200


async def test_an_error_of_the_application_goes_on_to_the_server() -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    layer = Shedding(broken, threads=2)
    for _ in range(5):  # and its place is free again
        with pytest.raises(RuntimeError, match="broken"):
            await Call(layer).task


async def test_a_client_that_does_not_read_does_not_keep_a_thread() -> None:
    """Through the real bridge to threads, where it would wait for ever for who reads."""
    ended = threading.Event()

    def endless(_: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            for _ in range(50):
                yield b"x" * 1024
        finally:
            ended.set()

    layer = Shedding(WSGIMiddleware(endless, workers=1), threads=2, seconds=0.2)
    deaf = Call(layer)
    deaf.blocked = asyncio.Event()
    await asyncio.wait_for(deaf.task, 5)
    assert await asyncio.to_thread(ended.wait, 5)
    assert deaf.status == 200


async def test_a_socket_passes() -> None:
    passed = []

    async def application(scope: Any, *_: Any) -> None:
        passed.append(scope)

    await Shedding(application, threads=2)({"type": "websocket"}, None, None)  # type: ignore[arg-type]
    assert passed == [{"type": "websocket"}]


@pytest.mark.parametrize(
    ("method", "path", "priority"),
    [
        ("GET", "/api/health", Priority.HEALTH),
        ("GET", "/api/health/ready", Priority.HEALTH),
        ("GET", "/api/healthy", Priority.READ),
        ("GET", "/status", Priority.HEALTH),
        ("GET", "/status/", Priority.READ),
        ("POST", "/api/health/nothing", Priority.WRITE),
    ],
)
def test_what_only_begins_like_a_probe_comes_before_nobody(
    method: str, path: str, priority: Priority
) -> None:
    assert priority_of({"method": method, "path": path}) is priority
