"""More callers than there are places, all of whom want what somebody holds."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.stack import Stack, wait_until

# Of two workers: threads that are busy (one is kept for readers), and places to wait.
PLACES = 2 * (7 + 100)
CROWD = PLACES + 80
_BODY = b'{"url": "https://example.com/"}'


@contextmanager
def all_threads(stack: Stack) -> Iterator[None]:
    """The table of links is locked, and a crowd insists on writing there."""
    told: list[int] = []
    with psycopg.connect(stack.env["DATABASE_URL"]) as holder:
        holder.execute("LOCK TABLE links_link IN ACCESS EXCLUSIVE MODE")
        with _crowd(stack, told):
            # As many as find no place were refused.
            wait_until(lambda: len(told) >= CROWD - PLACES)
            yield
    assert set(told) <= {201, 503}


@contextmanager
def _crowd(stack: Stack, told: list[int]) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    everybody = loop.create_task(_insist_together(stack, told))
    thread = threading.Thread(target=loop.run_until_complete, args=(_until_cancelled(everybody),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(everybody.cancel)
        thread.join()
        loop.close()


async def _until_cancelled(everybody: asyncio.Task[None]) -> None:
    await asyncio.wait([everybody])


async def _insist_together(stack: Stack, told: list[int]) -> None:
    async with asyncio.TaskGroup() as crowd:
        for _ in range(CROWD):
            crowd.create_task(_insist(stack, told))


async def _insist(stack: Stack, told: list[int]) -> None:
    """Again and again, as those do who press reload: a lock that is waited for too long gives
    places back."""
    while True:
        told.append(await _write(stack))
        await asyncio.sleep(0.2)


async def _write(stack: Stack) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    try:
        writer.write(
            f"POST /api/links HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {stack.key}\r\n"
            "Content-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(_BODY)}\r\n\r\n".encode()
            + _BODY
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        return int(answer.split()[1])
    finally:
        writer.close()
