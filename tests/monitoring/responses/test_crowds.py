"""Of those who ask the same at one time, one asks the application."""

import asyncio
import time

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from monitoring.redis import evictable
from monitoring.responses import cache as module
from monitoring.responses import shelf, tags
from monitoring.responses.cache import ResponseCache
from tests.monitoring.responses.conftest import PATH, Answer, App, get

CROWD = 500


async def crowd(*caches: ResponseCache, size: int = CROWD) -> list[Answer]:
    each = size // len(caches)
    return await asyncio.gather(*(get(cache) for cache in caches for _ in range(each)))


async def test_500_at_once_ask_the_application_once(cache: ResponseCache, app: App) -> None:
    answers = await crowd(cache)

    assert {answer.body for answer in answers} == {b"1"}
    assert sorted(a.headers[b"x-cache"] for a in answers) == [b"HIT"] * (CROWD - 1) + [b"MISS"]
    assert app.asked == 1


async def test_500_at_two_processes_ask_it_once(
    cache: ResponseCache, other: ResponseCache, app: App
) -> None:
    answers = await crowd(cache, other)

    assert {answer.body for answer in answers} == {b"1"}
    assert app.asked == 1


async def test_a_process_that_died_while_it_computed_is_not_waited_for_long(
    cache: ResponseCache,
    other: ResponseCache,
    app: App,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_POLLED", 0.05)
    app.waits = asyncio.Event().wait
    never = asyncio.create_task(get(cache))
    await app.begun.wait()
    app.waits = lambda: asyncio.sleep(0)

    started = time.monotonic()
    assert (await get(other)).body == b"2"
    assert time.monotonic() - started < shelf.LOCK_SECONDS / 2
    never.cancel()


async def test_who_leaves_does_not_take_the_answer_from_those_who_wait(
    cache: ResponseCache, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    may_end = asyncio.Event()
    app.waits = may_end.wait
    first = asyncio.create_task(get(cache))
    await app.begun.wait()
    second = asyncio.create_task(get(cache))
    for _ in range(5):
        await asyncio.sleep(0)
    first.cancel()
    may_end.set()

    assert (await second).body == b"1"


async def test_who_came_after_a_change_gets_nothing_from_before_it(
    cache: ResponseCache, app: App
) -> None:
    may_end = asyncio.Event()
    app.waits = may_end.wait
    first = asyncio.create_task(get(cache))
    await app.begun.wait()
    await sync_to_async(tags._raise_generations)(["thing"])
    second = asyncio.create_task(get(cache))
    await asyncio.sleep(0)
    may_end.set()

    assert ((await first).body, (await second).body) == (b"1", b"2")


async def test_what_is_not_offered_is_asked_by_each(cache: ResponseCache, app: App) -> None:
    app.offers = False
    answers = await crowd(cache, size=20)

    assert len({answer.body for answer in answers}) == app.asked == 20


async def test_the_first_error_is_not_everybodys(cache: ResponseCache, app: App) -> None:
    app.status = 404
    answers = await crowd(cache, size=5)

    assert {answer.status for answer in answers} == {404}
    assert app.asked == 5


@pytest.mark.parametrize("status", [401, 403, 406, 429])
async def test_who_is_refused_does_not_turn_keeping_off_for_others(
    cache: ResponseCache, app: App, status: int
) -> None:
    may_end = asyncio.Event()
    app.waits, app.status = may_end.wait, status
    refused = asyncio.create_task(get(cache))
    await app.begun.wait()
    others = [asyncio.create_task(get(cache)) for _ in range(5)]
    await asyncio.sleep(0)

    def begin_to_answer() -> None:
        app.status = 200

    app.before_answer = begin_to_answer
    may_end.set()

    assert (await refused).status == status
    assert {(await other).body for other in others} == {b"2"}
    assert (await get(cache)).headers[b"x-cache"] == b"HIT"
    assert app.asked == 2


async def test_what_the_application_raises_is_raised(cache: ResponseCache, app: App) -> None:
    app.error = RuntimeError("nothing")
    with pytest.raises(RuntimeError):
        await get(cache, PATH)


async def test_who_took_too_long_does_not_end_the_turn_of_the_next() -> None:
    lock, key = shelf.Shelf(settings.CACHE_URL), b"slow"
    slow = await lock.take(key)
    assert slow
    await sync_to_async(evictable().delete)(shelf._lock(key))  # its time is over
    successor = await lock.take(key)
    assert successor

    await lock.give_back(key, slow)
    assert await lock.take(key) is None

    await lock.give_back(key, successor)
    assert await lock.take(key)
    await lock.close()
