"""Who does not answer is not asked for a while; and exactly so many then look whether it does."""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from django.core.cache import cache
from prometheus_client import REGISTRY
from redis.exceptions import ConnectionError as RedisConnectionError

from monitoring.breakers import Breaker, BreakerOpenError, Breakers, Limits, State, registry
from monitoring.breakers.redis import RedisNotAskedError, guarded
from monitoring.wire.mapping import as_problem


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Silent(Exception):  # noqa: N818
    """What speaks against whom was asked."""


LIMITS = Limits(window=10, minimum=4, slow_seconds=2.0, open_seconds=5.0, probes=3)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("test", LIMITS, failures=(Silent,), clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Silent), breaker.guard():
            raise Silent


def succeed(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with breaker.guard():
            pass


def is_refused(breaker: Breaker) -> bool:
    try:
        succeed(breaker)
    except BreakerOpenError:
        return True
    return False


def test_half_of_the_last_calls_failing_opens_it(breaker: Breaker) -> None:
    succeed(breaker, 4)
    fail(breaker, 3)
    assert not is_refused(breaker)  # 3 of 8
    fail(breaker, 2)  # 5 of the last 10
    assert is_refused(breaker)


def test_a_few_calls_say_nothing(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert breaker.state is State.CLOSED


def test_old_calls_are_forgotten(breaker: Breaker) -> None:
    succeed(breaker, 20)
    fail(breaker, 5)
    assert is_refused(breaker)


def test_what_has_left_the_window_does_not_count(breaker: Breaker) -> None:
    succeed(breaker, 4)
    fail(breaker, 2)
    succeed(breaker, 10)
    fail(breaker, 4)
    assert breaker.state is State.CLOSED


def test_slow_answers_open_it_too(breaker: Breaker, clock: Clock) -> None:
    for _ in range(4):
        with breaker.guard():
            clock.now += 2.0
    assert is_refused(breaker)


def test_another_error_is_an_answer(breaker: Breaker) -> None:
    for _ in range(10):
        with pytest.raises(ValueError, match="theirs"), breaker.guard():
            raise ValueError("theirs")
    assert breaker.state is State.CLOSED


def test_a_call_may_say_that_it_failed(breaker: Breaker) -> None:
    for _ in range(4):
        with breaker.guard() as call:
            call.fail()
    assert is_refused(breaker)


def test_who_is_refused_is_told_for_how_long(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 4)
    clock.now += 1.0
    with pytest.raises(BreakerOpenError) as refused, breaker.guard():
        pass
    assert refused.value.retry_after == pytest.approx(4.0)
    problem = as_problem(refused.value)
    assert problem is not None
    assert problem.status_code == 503
    assert 5 <= int(problem.headers["Retry-After"]) <= 7


def test_good_probes_close_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 4)
    clock.now += 5.0
    succeed(breaker, 2)
    assert breaker.state is State.HALF_OPEN
    succeed(breaker)
    assert breaker.state is State.CLOSED
    fail(breaker, 3)  # what was before is forgotten
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize("slow", [False, True], ids=["failing", "slow"])
def test_one_bad_probe_opens_it_again(breaker: Breaker, clock: Clock, slow: bool) -> None:
    fail(breaker, 4)
    clock.now += 5.0
    succeed(breaker)
    if slow:
        with breaker.guard():
            clock.now += 2.0
    else:
        fail(breaker)
    assert breaker.state is State.OPEN
    assert is_refused(breaker)


def test_what_began_before_does_not_count_after(breaker: Breaker, clock: Clock) -> None:
    early = breaker.admit()
    fail(breaker, 4)
    clock.now += 5.0
    probe = breaker.admit()
    breaker.record(early, failed=True, seconds=9.0)
    assert breaker.state is State.HALF_OPEN
    breaker.record(probe, failed=False, seconds=0.1)
    assert breaker.state is State.HALF_OPEN


def test_probes_that_never_come_back_are_given_up(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 4)
    clock.now += 5.0
    lost = [breaker.admit() for _ in range(3)]
    assert is_refused(breaker)
    clock.now += LIMITS.probe_seconds
    succeed(breaker, 3)
    assert breaker.state is State.CLOSED
    breaker.record(lost[0], failed=True, seconds=99.0)
    assert breaker.state is State.CLOSED


async def test_a_cancelled_probe_gives_its_place_back(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 4)
    clock.now += 5.0
    asking = asyncio.Event()

    async def ask() -> None:
        async with breaker.guard():
            asking.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(ask())
    await asking.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with ExitStack() as probes:
        for _ in range(3):
            probes.enter_context(breaker.guard())
        assert is_refused(breaker)


def test_of_a_hundred_threads_exactly_the_probes_are_let_through(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 4)
    clock.now += 5.0
    start, answer, lock = Barrier(100), Event(), Lock()
    through, refused, most_at_once = 0, 0, 0

    def call() -> None:
        nonlocal through, refused, most_at_once
        start.wait(20)
        try:
            with breaker.guard():
                with lock:
                    through += 1
                    most_at_once = max(most_at_once, through)
                answer.wait(20)
        except BreakerOpenError:
            with lock:
                refused += 1
                if refused == 97:
                    answer.set()

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(lambda _: call(), range(100)))
    assert (through, refused, most_at_once) == (3, 97, 3)
    assert breaker.state is State.CLOSED


def test_no_lock_is_held_during_a_call(breaker: Breaker) -> None:
    with breaker.guard(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(succeed, breaker).result(5) is None


def test_one_of_many_does_not_stand_for_the_others(clock: Clock) -> None:
    breakers = Breakers("tests", LIMITS, failures=(Silent,), at_most=2)
    fail(breakers.of("one"), 4)
    assert is_refused(breakers.of("one"))
    assert not is_refused(breakers.of("two"))
    breakers.of("three")
    assert not is_refused(breakers.of("one"))  # only the last two are remembered


def test_metrics_and_report_show_what_is_open(breaker: Breaker) -> None:
    def metric(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, {"breaker": "test", **labels}) or 0.0

    before = metric("rallypoint_breaker_refusals_total")
    fail(breaker, 4)
    assert is_refused(breaker)
    assert metric("rallypoint_breakers", state="open") == 1
    assert metric("rallypoint_breaker_refusals_total") == before + 1
    assert registry.report()["test"]["open"] == 1
    breaker.reset()
    assert metric("rallypoint_breakers", state="open") == 0


# --- Redis ----------------------------------------------------------------------------------------
@pytest.fixture
def cache_away(settings: Any, unused_tcp_port: int) -> Iterator[None]:
    config = settings.CACHES["default"]
    place = f"redis://127.0.0.1:{unused_tcp_port}/0"
    settings.CACHES = {"default": config | {"LOCATION": place}}
    return


def test_after_a_few_calls_nobody_waits_for_a_redis_that_keeps_silent() -> None:
    client = guarded(os.environ["REDIS_URL"], breaker="redis")
    client.connection_pool.connection_kwargs["socket_timeout"] = 0.1

    def ask() -> float:
        started = time.perf_counter()
        with pytest.raises((RedisConnectionError, Exception)) as failed:
            client.blpop(["nothing-comes-here"], timeout=5)
        waited.append(isinstance(failed.value, RedisNotAskedError))
        return time.perf_counter() - started

    waited: list[bool] = []
    times = [ask() for _ in range(6)]
    assert waited == [False] * 4 + [True] * 2
    assert min(times[:4]) >= 0.1
    assert max(times[4:]) < 0.05
    with pytest.raises(RedisNotAskedError):
        client.pipeline(transaction=False).get("a").execute()


def test_a_redis_that_is_back_is_asked_again() -> None:
    client = guarded(os.environ["REDIS_URL"], breaker="redis")
    client._breaker.trip()
    with pytest.raises(RedisNotAskedError):
        client.ping()
    client._breaker.reset()
    assert client.ping()
    with client.pipeline() as pipeline:
        assert pipeline.set("a", 1).get("a").execute() == [True, b"1"]


def test_a_cache_that_is_not_asked_is_a_miss(cache_away: None) -> None:
    for _ in range(6):
        assert cache.get("a", "nothing") == "nothing"
    started = time.perf_counter()
    assert cache.get("a", "nothing") == "nothing"
    assert time.perf_counter() - started < 0.02
    assert registry.report()["cache"]["open"] == 1
