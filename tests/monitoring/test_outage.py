"""An evictable Redis that hangs: the first to meet it waits, and all others know."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from django.conf import settings as project
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from monitoring.breakers.outage import KNOCK_SECONDS
from monitoring.breakers.redis import cache_outage, guarded
from monitoring.limits.counting import Counter, Counters
from tests.gate import Gate
from tests.stack import wait_until


@pytest.fixture
def gate() -> Iterator[Gate]:
    """In front of the evictable Redis."""
    parts = urlsplit(project.CACHE_URL)
    made = Gate(str(parts.hostname), str(parts.port or 6379))
    yield made
    made.shut()


@pytest.fixture
def behind_gate(gate: Gate) -> str:
    parts = urlsplit(project.CACHE_URL)
    login = f":{parts.password}@" if parts.password else ""
    return f"redis://{login}127.0.0.1:{gate.port}{parts.path}"


def seconds_of(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    with suppress(RedisConnectionError, RedisTimeoutError):
        ask()
    return time.perf_counter() - started


def test_a_cache_that_hangs_is_waited_for_once_whoever_asks(gate: Gate, behind_gate: str) -> None:
    client, counters = guarded(behind_gate, breaker="cache"), Counters(behind_gate)
    one = [Counter("a", 60)]
    assert client.ping()
    assert counters.add(one) == [1]
    gate.freeze()

    assert seconds_of(client.ping) >= 0.4
    assert seconds_of(lambda: counters.add(one)) < 0.05
    time.sleep(3 * KNOCK_SECONDS)  # those who come seldom do not pay again either
    assert seconds_of(client.ping) < 0.05
    assert seconds_of(lambda: counters.add(one)) < 0.05

    gate.thaw()
    wait_until(lambda: not cache_outage(behind_gate).is_on, seconds=5)
    assert client.ping()
    assert counters.add(one) == [2]


def test_one_lost_answer_costs_a_moment(gate: Gate, behind_gate: str) -> None:
    client = guarded(behind_gate, breaker="cache")
    assert client.ping()
    gate.freeze()
    assert seconds_of(client.ping) >= 0.4
    gate.thaw()

    wait_until(lambda: not cache_outage(behind_gate).is_on, seconds=5 * KNOCK_SECONDS)
    assert client.ping()


def test_a_child_does_not_inherit_an_outage(gate: Gate, behind_gate: str) -> None:
    """Who would knock has stayed with the parent."""
    gate.freeze()
    assert seconds_of(guarded(behind_gate, breaker="cache").ping) >= 0.2
    outage = cache_outage(behind_gate)
    assert outage.is_on
    child = os.fork()
    if not child:
        os._exit(int(outage.is_on))
    assert os.waitpid(child, 0)[1] == 0
    assert outage.is_on
