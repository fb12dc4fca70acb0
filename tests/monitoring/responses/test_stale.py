"""When nothing newer can be had, what there was is served, and says how old it is."""

import asyncio

import pytest
from asgiref.sync import sync_to_async

from monitoring.responses import cache as module
from monitoring.responses import tags
from monitoring.responses.cache import ResponseCache
from tests.monitoring.responses.conftest import Answer, App, get


@pytest.fixture(autouse=True)
def _ends_at_once(app: App) -> None:
    app.seconds = 0


def is_stale(answer: Answer) -> bool:
    return answer.headers[b"x-cache"] == b"STALE" and answer.headers[b"age"].isdigit()


async def test_while_the_application_works_nothing_is_stale(cache: ResponseCache, app: App) -> None:
    assert [(await get(cache)).body for _ in range(2)] == [b"1", b"2"]
    assert app.asked == 2


async def test_an_answer_5xx_is_replaced_by_the_old_one(cache: ResponseCache, app: App) -> None:
    await get(cache)
    app.status = 503
    answers = [await get(cache) for _ in range(3)]

    assert all(is_stale(answer) for answer in answers)
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"1")}
    assert app.asked == 2  # it is left in peace for a moment


async def test_so_is_an_exception(cache: ResponseCache, app: App) -> None:
    await get(cache)
    app.error = RuntimeError("nothing")

    assert is_stale(await get(cache))


async def test_another_process_serves_it_too(
    cache: ResponseCache, other: ResponseCache, app: App
) -> None:
    await get(cache)
    app.status = 500

    assert is_stale(await get(other))


async def test_who_is_not_there_is_no_failure(cache: ResponseCache, app: App) -> None:
    await get(cache)
    app.status = 404

    assert (await get(cache)).status == 404


async def test_an_application_that_hangs_is_not_waited_for(
    cache: ResponseCache, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    await get(cache)
    may_end = asyncio.Event()
    app.waits = may_end.wait
    answers = await asyncio.gather(*(get(cache) for _ in range(5)))

    assert all(is_stale(answer) for answer in answers)
    assert app.asked == 2
    may_end.set()
    app.waits = lambda: asyncio.sleep(0)
    await asyncio.gather(*(flight.task for flight in cache._flights.values()))
    assert (await get(cache)).body == b"3"  # what came late was kept, and has ended too


async def test_what_comes_too_late_is_not_sent_after_the_old_answer(
    cache: ResponseCache, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    await get(cache)
    may_end = asyncio.Event()
    app.waits, app.status = may_end.wait, 404
    sent: list[object] = []
    assert is_stale(await get(cache, sent=sent))
    may_end.set()
    await asyncio.gather(*(flight.task for flight in cache._flights.values()))

    assert len(sent) == 2


async def test_it_is_tried_again_after_a_moment(
    cache: ResponseCache, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER", 0.0)
    await get(cache)
    app.status = 500
    assert is_stale(await get(cache))
    app.status = 200

    assert (await get(cache)).body == b"3"


async def test_what_has_changed_is_not_served_even_then(cache: ResponseCache, app: App) -> None:
    await get(cache)
    await sync_to_async(tags._raise_generations)(["thing"])
    app.status = 503

    assert (await get(cache)).status == 503


async def test_what_is_too_old_is_not_served_even_then(cache: ResponseCache, app: App) -> None:
    app.stale = 0
    await get(cache)
    app.status = 503

    assert (await get(cache)).status == 503
