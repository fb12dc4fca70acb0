"""More than can be done: who is over is told so at once, and what matters most goes on."""

import asyncio
import time
from typing import NamedTuple

import psycopg
import pytest
import requests

from tests.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")
# Two workers: threads that are busy (one is kept for readers), and places to wait.
PLACES = 2 * (7 + 100)
BODY = b'{"url": "https://example.com/"}'


class Told(NamedTuple):
    status: int
    seconds: float
    head: bytes


async def write(stack: Stack) -> Told:
    """From when the whole request was sent to the first byte of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    head = (
        f"POST /api/links HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {stack.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    try:
        writer.write(head.encode() + BODY)
        began = time.perf_counter()
        answer = await reader.readuntil(b"\r\n\r\n")
        return Told(int(answer.split()[1]), time.perf_counter() - began, answer.lower())
    finally:
        writer.close()


async def insist(stack: Stack, told: list[Told]) -> None:
    """Again and again, as those do who press reload: a lock that is waited for too long gives
    places back."""
    while True:
        told.append(await write(stack))
        await asyncio.sleep(0.1)


async def crowd(stack: Stack, size: int) -> tuple[list[Told], list[Told]]:
    """What those of a crowd were told for whom there was no place to wait, and what others are told
    who come one by one meanwhile."""
    told: list[Told] = []
    writes = [asyncio.create_task(insist(stack, told)) for _ in range(size)]
    while len(told) < size - PLACES:  # noqa: ASYNC110 - nobody tells how many were told
        await asyncio.sleep(0.05)
    later = [await write(stack) for _ in range(10)]
    health = await asyncio.to_thread(requests.get, f"{stack.url}/api/health/live", timeout=5)
    assert health.status_code == 200
    for task in writes:
        task.cancel()
    await asyncio.gather(*writes, return_exceptions=True)
    return told, later


def test_who_is_over_is_told_at_once_while_redirects_and_health_go_on(stack: Stack) -> None:
    slug = stack.make_link(url="https://example.com/")["slug"]
    assert stack.click(slug).status_code == 302
    with psycopg.connect(stack.env["DATABASE_URL"]) as holder:
        holder.execute("LOCK TABLE links_link IN ACCESS EXCLUSIVE MODE")
        told, later = asyncio.run(asyncio.wait_for(crowd(stack, PLACES + 80), 60))
        began = time.perf_counter()
        assert stack.click(slug).status_code == 302
        assert time.perf_counter() - began < 1
    assert {one.status for one in (*told, *later)} == {503}
    assert all(b"\r\nretry-after: " in one.head for one in (*told, *later))
    # The crowd waits for its own client, which is one process; of those who come one by one, this
    # is how long the house takes.
    assert sorted(one.seconds for one in later)[5] < 0.05
