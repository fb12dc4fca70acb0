"""The watch over calls with several keys sees those that a cluster would refuse."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis.asyncio import Redis as AsyncRedis

from monitoring.redis import durable
from monitoring.redis_clients import asynchronous
from tests import slots


@pytest.fixture
def watch() -> Iterator[slots.Watch]:
    with slots.watched() as made:
        yield made


@pytest.fixture(autouse=True)
def _keys_of_a_call_are_of_one_slot(_slots: slots.Watch) -> Iterator[None]:
    """What this file does on purpose is no fault."""
    yield
    _slots.crossing.clear()


def test_keys_of_several_slots_are_seen_in_every_kind_of_call(watch: slots.Watch) -> None:
    redis = durable()
    redis.mget("one", "two")
    redis.eval("return 1", 2, "one", "two", "three")
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.get("one")
        pipeline.get("two")
        pipeline.execute()
    assert watch.crossing == [["one", "two"]] * 3


async def test_keys_of_several_slots_are_seen_on_the_event_loop(watch: slots.Watch) -> None:
    redis: AsyncRedis = asynchronous(settings.REDIS_URL)
    await redis.mget("one", "two")
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.get("one")
        pipeline.get("two")
        await pipeline.execute()
    await redis.aclose(close_connection_pool=True)
    assert watch.crossing == [["one", "two"]] * 2


def test_one_slot_or_one_key_at_a_time_is_right(watch: slots.Watch) -> None:
    redis = durable()
    redis.mget("{tag}one", "{tag}two")
    redis.get("one")
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.get("one")
        pipeline.get("two")
        pipeline.execute()
    assert watch.crossing == []
