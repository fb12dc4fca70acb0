"""The line to the click stream, on production's event loop: what breaks it, and what mends it."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop

from links.redirect.availability import FAILURES
from links.redirect.click import FIELD, STREAM
from links.redirect.stream import StreamWriter
from monitoring.redis import durable
from tests.gate import Gate

pytestmark = pytest.mark.django_db  # its Redis is emptied for each test


@pytest.fixture
def gate() -> Iterator[Gate]:
    parts = urlsplit(os.environ["REDIS_URL"])
    made = Gate(parts.hostname or "127.0.0.1", str(parts.port))
    yield made
    made.shut()


@pytest.fixture
def writer(gate: Gate) -> StreamWriter:
    parts = urlsplit(os.environ["REDIS_URL"])
    login = f"{parts.username or ''}:{parts.password or ''}@" if parts.password else ""
    return StreamWriter(f"redis://{login}127.0.0.1:{gate.port}{parts.path}")


def run(work: Coroutine[Any, Any, None]) -> None:
    """The time-out of a test is a signal, which uvloop does not hear while it waits."""
    uvloop.run(asyncio.wait_for(work, 20))


def stored() -> list[bytes]:
    return [fields[FIELD] for _, fields in durable().xrange(STREAM)]


def test_what_was_added_is_there(writer: StreamWriter) -> None:
    async def add() -> None:
        await writer.connect()
        await writer.add(b"one")
        await writer.add(b"two")
        await writer.close()

    run(add())
    assert stored() == [b"one", b"two"]


@pytest.mark.parametrize("break_off", [Gate.break_connections, Gate.reset_connections, Gate.shut])
def test_a_broken_line_is_a_failure_once_and_whole_after_the_next_connect(
    gate: Gate, writer: StreamWriter, break_off: Callable[[Gate], None]
) -> None:
    async def add() -> None:
        await writer.connect()
        bystander, asking = await asyncio.open_connection("127.0.0.1", gate.port)
        asking.write(b"PING\r\n")
        await bystander.readline()
        break_off(gate)
        with contextlib.suppress(OSError):
            await bystander.read()  # ends when the loop has heard of it, as that of an idle process
        with pytest.raises(FAILURES):
            await writer.add(b"lost")
        if break_off is Gate.shut:
            with pytest.raises(FAILURES):
                await writer.connect()
            gate.open()
        await writer.connect()
        await writer.add(b"kept")
        await writer.close()

    run(add())
    assert stored() == [b"kept"]


def test_a_request_does_not_pay_for_connecting(writer: StreamWriter) -> None:
    with pytest.raises(FAILURES, match="no connection"):
        run(writer.add(b"one"))
    assert stored() == []


def test_an_answer_that_was_given_up_is_not_taken_for_that_of_the_next(
    gate: Gate, writer: StreamWriter
) -> None:
    async def add() -> None:
        await writer.connect()
        gate.freeze()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await writer.add(b"slow")
        with pytest.raises(FAILURES):
            await writer.add(b"unsent")
        gate.thaw()
        await writer.connect()
        await writer.add(b"next")
        await writer.close()

    run(add())
    assert stored() in ([b"slow", b"next"], [b"next"])
