"""What goes wrong at a socket is told with the correlation id of its connection."""

import asyncio
import json
from typing import Any
from uuid import uuid4

from structlog.testing import capture_logs

from monitoring.logs import add_correlation_id
from monitoring.trace import CorrelationId, bound
from realtime.socket.consumer import RoomConsumer
from realtime.socket.identity import Person
from realtime.socket.rates import Rates
from realtime.socket.writer import Said, Writer

with_ids = [add_correlation_id]
ANN = Person(1, uuid4(), "ann", 0.0, "")


class BrokenRooms:
    """Where nobody can be identified."""

    rates = Rates()

    def welcome(self, _: Any) -> None: ...

    def forget(self, _: Any) -> None: ...

    async def identify(self, _: str) -> Person:
        raise RuntimeError("a fault of ours")


async def connect(correlation: str, *frames: dict[str, Any]) -> list[Any]:
    """What a client that says `frames` is sent."""
    sent: list[Any] = []
    coming = [{"type": "websocket.connect"}]
    coming += [{"type": "websocket.receive", "text": json.dumps(frame)} for frame in frames]
    coming += [{"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"x-correlation-id", correlation.encode())]
    scope = {"type": "websocket", "headers": headers, "subprotocols": [], "path": "/ws/"}
    consumer: Any = RoomConsumer.as_asgi(rooms=BrokenRooms())
    await CorrelationId(consumer)(scope, receive, send)
    return sent


async def test_a_frame_that_fails_is_told_with_its_connection_and_its_ref() -> None:
    with capture_logs(processors=with_ids) as logged:
        await connect("of-a-socket", {"event": "auth", "ref": "7", "data": {"token": "a.b.c"}})
    (line,) = [line for line in logged if line["event"] == "frame_failed"]
    assert (line["correlation_id"], line["ref"]) == ("of-a-socket", "7")
    assert line["session"]


async def test_a_message_that_cannot_be_stored_is_told_with_the_id_of_who_said_it() -> None:
    async def post(*_: Any) -> Any:
        raise ValueError("not storable")

    async def after(*_: Any) -> None: ...

    writer = Writer(post, after)

    def said_over(correlation: str) -> Any:
        with bound(correlation):
            return writer.write(7, Said(sender=1, body="a", client_id=correlation, person=ANN))

    with capture_logs(processors=with_ids) as logged:
        together = said_over("the-first-one"), said_over("the-second-one")
        await asyncio.gather(*together, return_exceptions=True)
    failed = [line for line in logged if line["event"] == "message_not_stored"]
    assert [line["correlation_id"] for line in failed] == ["the-first-one", "the-second-one"]
