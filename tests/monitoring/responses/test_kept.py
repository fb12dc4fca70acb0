"""Kept answers: served without the application, until what they speak of has changed."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction

from monitoring.redis import evictable
from monitoring.responses import shelf, tags
from monitoring.responses.cache import ResponseCache
from monitoring.responses.kept import OFFER, Held
from monitoring.responses.shelf import Memory
from tests.monitoring.responses.conftest import PATH, App, get


async def test_the_second_caller_is_served_without_the_application(
    cache: ResponseCache, app: App
) -> None:
    _, first, _ = await get(cache)
    status, headers, body = await get(cache)

    assert (status, body, app.asked) == (200, b"1", 1)
    assert (first[b"x-cache"], headers[b"x-cache"]) == (b"MISS", b"HIT")
    assert headers[b"content-type"] == b"text/plain"
    assert headers[b"age"].isdigit()
    for answer in (first, headers):
        assert OFFER.lower().encode() not in {name.lower() for name in answer}


async def test_every_answer_has_the_id_of_its_own_request(cache: ResponseCache) -> None:
    first, *others = [(await get(cache)).headers[b"x-correlation-id"] for _ in range(3)]
    given = await get(cache, x_correlation_id="my-own-request")
    broken = await get(cache, x_correlation_id="<script>")

    assert first == b"0123456789"  # the application's
    assert len({first, *others}) == 3
    assert given.headers[b"x-correlation-id"] == b"my-own-request"
    assert b"<" not in broken.headers[b"x-correlation-id"]


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer x"}, {"cookie": "a=b"}, {"x_api_key": "rp_x"}]
)
async def test_a_caller_with_credentials_is_never_served_from_it(
    cache: ResponseCache, app: App, headers: dict[str, str]
) -> None:
    await get(cache)
    await get(cache, **headers)

    assert app.asked == 2


async def test_another_path_query_method_or_origin_is_another_answer(
    cache: ResponseCache, app: App
) -> None:
    await get(cache)
    for path, method in ((f"{PATH}2", "GET"), (f"{PATH}?a=1", "GET"), (PATH, "POST")):
        await get(cache, path, method)
    await get(cache, origin="https://app.example")

    assert app.asked == 5


async def test_the_offer_reaches_nobody_whatever_is_asked(cache: ResponseCache) -> None:
    for method, headers in (("HEAD", {}), ("POST", {}), ("GET", {"cookie": "a=b"})):
        _, answered, _ = await get(cache, PATH, method, **headers)
        assert OFFER.lower().encode() not in {name.lower() for name in answered}


async def test_a_raised_generation_ends_it_at_once(cache: ResponseCache, app: App) -> None:
    await get(cache)
    await sync_to_async(tags._raise_generations)(["thing"])

    assert (await get(cache))[2] == b"2"
    assert (await get(cache))[2] == b"2"


async def test_an_answer_that_was_read_before_the_change_is_not_served_after_it(
    cache: ResponseCache, app: App
) -> None:
    app.before_answer = lambda: tags._raise_generations(["thing"])
    await get(cache)
    app.before_answer = lambda: None

    assert (await get(cache))[2] == b"2"


async def test_an_error_is_not_kept(cache: ResponseCache, app: App) -> None:
    app.status = 500
    await get(cache)
    app.status = 200

    assert (await get(cache))[2] == b"2"


async def test_whoever_has_it_is_told_that_it_is_unchanged(cache: ResponseCache) -> None:
    await get(cache)
    etag = (await get(cache))[1][b"etag"].decode()

    status, headers, body = await get(cache, if_none_match=etag)

    assert (status, body) == (304, b"")
    assert headers[b"etag"].decode() == etag


async def test_an_emptied_redis_is_a_miss(cache: ResponseCache, app: App) -> None:
    await get(cache)
    evictable().flushdb()

    assert (await get(cache))[2] == b"2"


async def test_a_redis_that_is_away_is_not_asked_again_at_once(app: App) -> None:
    cache = ResponseCache(app, redis_url="redis://127.0.0.1:1/0", prefixes=("/api/public/",))
    for expected in (b"1", b"2"):
        assert (await get(cache))[2] == expected
    assert cache._shelf.is_away
    await cache.close()


async def test_after_a_broken_connection_it_is_served_again(cache: ResponseCache, app: App) -> None:
    await get(cache)
    redis = evictable()
    number = str(redis.connection_pool.connection_kwargs["db"])
    for client in redis.client_list():
        if client["db"] == number:  # the others are of tests that run beside this one
            redis.client_kill_filter(_id=client["id"], skipme=True)

    assert (await get(cache)).status == 200
    async with asyncio.timeout(5):
        while (await get(cache)).headers.get(b"x-cache") != b"HIT":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_who_leaves_while_he_asks_spoils_nothing_for_the_others(
    cache: ResponseCache,
) -> None:
    await get(cache)
    first, second = (asyncio.create_task(get(cache)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).headers[b"x-cache"] == b"HIT"


async def test_one_process_serves_what_another_one_kept(
    cache: ResponseCache, other: ResponseCache, app: App
) -> None:
    await get(cache)
    found = await get(other)

    assert (found.headers[b"x-cache"], found.body, app.asked) == (b"HIT", b"1", 1)


async def test_a_change_ends_it_in_the_memory_of_every_process(
    cache: ResponseCache, other: ResponseCache
) -> None:
    await get(cache)
    await get(other)
    await sync_to_async(tags._raise_generations)(["thing"])

    assert [(await get(each)).body for each in (cache, other)] == [b"2", b"2"]


async def test_an_evicted_tag_brings_nothing_old_back(cache: ResponseCache, app: App) -> None:
    await get(cache)
    await sync_to_async(tags._raise_generations)(["thing"])
    evictable().delete("rallypoint:tag:thing")

    assert (await get(cache)).body == b"2"


async def test_another_host_or_scheme_is_another_answer(cache: ResponseCache, app: App) -> None:
    """Answers may hold addresses of their own."""
    for headers in ({"host": "a.test"}, {"host": "b.test"}, {"x_forwarded_proto": "https"}):
        await get(cache, **headers)

    assert app.asked == 3


async def test_an_answer_that_sets_a_cookie_is_not_kept(cache: ResponseCache, app: App) -> None:
    app.headers = [(b"set-cookie", b"a=b")]
    await get(cache)

    assert (await get(cache)).body == b"2"


async def test_a_get_with_a_body_is_not_served_from_it(cache: ResponseCache, app: App) -> None:
    await get(cache)
    for headers in ({"content_length": "2"}, {"transfer_encoding": "chunked"}):
        await get(cache, **headers)

    assert app.asked == 3


async def test_what_belongs_to_one_exchange_is_for_the_first_caller_alone(
    cache: ResponseCache, app: App
) -> None:
    app.headers = [(b"ratelimit", b'"general";r=5'), (b"cache-control", b"public")]
    first, second = await get(cache), await get(cache)

    assert b"ratelimit" in first.headers
    assert b"ratelimit" not in second.headers
    assert second.headers[b"cache-control"] == b"public"


async def test_what_is_too_big_is_handed_on_and_not_kept(cache: ResponseCache, app: App) -> None:
    app.padding = b"x" * 300_000

    assert len((await get(cache)).body) == len((await get(cache)).body) == 300_001
    assert app.asked == 2


async def test_head_is_answered_from_it_without_a_body(cache: ResponseCache, app: App) -> None:
    await get(cache)
    found = await get(cache, method="HEAD")

    assert (found.body, app.asked) == (b"", 1)
    assert found.headers[b"content-length"] == b"1"
    assert found.headers[b"x-cache"] == b"HIT"


async def test_an_answer_to_head_is_not_kept(cache: ResponseCache, app: App) -> None:
    await get(cache, method="HEAD")

    assert (await get(cache)).headers[b"x-cache"] == b"MISS"
    assert app.asked == 2


async def test_a_process_remembers_the_newest_up_to_its_bound(
    cache: ResponseCache, app: App
) -> None:
    cache._memory = memory = Memory(limit=5_000)
    for number in range(20):
        await get(cache, f"{PATH}{number}")

    assert 0 < memory.size <= 5_000
    assert all(isinstance(held, Held) for held in memory._held.values())
    assert (await get(cache, f"{PATH}0")).body == b"1"  # Redis still has it
    assert app.asked == 20


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_forgets_nothing() -> None:
    before = tags.generation("thing")

    with transaction.atomic():
        tags.forget_after_commit("thing")
        transaction.set_rollback(True)
    assert tags.generation("thing") == before

    tags.forget_after_commit("thing")
    assert tags.generation("thing") != before


async def test_answers_that_share_a_place_are_not_taken_for_each_other(
    cache: ResponseCache, other: ResponseCache, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are asked for, Redis holds no more than there are places."""
    monkeypatch.setattr(shelf, "PLACES", 1)
    assert [(await get(cache, f"{PATH}?n={n}")).body for n in (1, 2)] == [b"1", b"2"]
    assert [(await get(other, f"{PATH}?n={n}")).body for n in (2, 1)] == [b"2", b"3"]
    held = await sync_to_async(evictable().keys)(f"{shelf.PREFIX}*")
    assert held == [f"{shelf.PREFIX}0".encode()]
