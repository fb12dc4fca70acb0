"""A reload under chatting clients loses no message and doubles none, and everybody comes back."""

import asyncio
from collections import defaultdict

import pytest

from tests.chaos.crowd import Client, make_crowd
from tests.stack import Stack

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(900)]


async def run(stack: Stack, crowd: list[Client], *, reloads: int, seconds: float) -> None:
    """Reload when a part of what there is to say has been said, again and again."""
    running = [asyncio.create_task(client.run()) for client in crowd]
    total = sum(len(client.left) for client in crowd)
    try:
        async with asyncio.timeout(seconds):
            for number in range(1, reloads + 1):
                await said(crowd, total * number // (reloads + 1), total)
                await asyncio.to_thread(stack.reload)
            await said(crowd, total, total)
            await everybody_heard_all(crowd)
    finally:
        for client in running:
            client.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
    failed = [error for error in ended if not isinstance(error, asyncio.CancelledError)]
    assert not failed, failed[:3]


async def said(crowd: list[Client], many: int, total: int) -> None:
    while total - sum(len(client.left) for client in crowd) < many:  # noqa: ASYNC110 - clients set no event
        await asyncio.sleep(0.05)


async def everybody_heard_all(crowd: list[Client]) -> None:
    while any(len(heard) != max(map(len, lists)) for lists in lists_of(crowd) for heard in lists):  # noqa: ASYNC110 - same
        await asyncio.sleep(0.05)


def lists_of(crowd: list[Client]) -> list[list[list[tuple[int, str]]]]:
    rooms = defaultdict(list)
    for client in crowd:
        rooms[client.room].append(client.heard)
    return list(rooms.values())


async def test_nobody_loses_a_word_in_a_reload(stack: Stack, long_form: bool) -> None:
    clients, rooms, messages, reloads = (500, 50, 60, 5) if long_form else (60, 6, 8, 1)
    slugs = [f"reload-{number}" for number in range(rooms)]
    crowd = make_crowd(stack, clients=clients, rooms=slugs, messages=messages, pace=1.5)
    await run(stack, crowd, reloads=reloads, seconds=800 if long_form else 120)
    for lists in lists_of(crowd):
        assert all(heard == lists[0] for heard in lists)
        words = [body for _, body in lists[0]]
        assert len(set(words)) == len(words) == messages * len(lists)
    assert all(client.returns >= reloads for client in crowd)
    codes = {code for client in crowd for code in client.codes}
    assert codes == {1012}
    assert [d for d in stack.reconcile()["differences"] if d["equation"] == "E5"] == []
    assert "Traceback" not in stack.web_log()
