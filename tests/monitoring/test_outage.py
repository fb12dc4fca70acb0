"""An evictable Redis that hangs: the first to meet it waits, and all others know."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from django.conf import settings as project
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError
from redis.exceptions import TimeoutError as RedisTimeoutError

from monitoring.breakers.outage import Outage
from monitoring.breakers.redis import RedisNotAskedError, cache_outage, guarded
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


def counting(monkeypatch: pytest.MonkeyPatch, outage: Outage) -> list[bool]:
    """What those got who knocked."""
    found: list[bool] = []
    answers = outage._answers

    def knock() -> bool:
        found.append(answers())
        return found[-1]

    monkeypatch.setattr(outage, "_answers", knock)
    return found


def never(**_: object) -> None:
    pytest.fail("it was asked")


def test_a_cache_that_hangs_is_waited_for_once_whoever_asks(
    gate: Gate, behind_gate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, counters = guarded(behind_gate, breaker="cache"), Counters(behind_gate)
    one = [Counter("a", 60)]
    assert client.ping()
    assert counters.add(one) == [1]
    outage = cache_outage(behind_gate)
    knocked = counting(monkeypatch, outage)
    gate.freeze()

    assert seconds_of(client.ping) >= 0.4
    assert outage.is_on
    monkeypatch.setattr(counters, "_script", never)
    assert counters.add(one) == [1]  # by memory
    wait_until(lambda: len(knocked) > 2)  # those who come seldom do not pay again either
    with pytest.raises(RedisNotAskedError):
        client.ping()
    assert counters.add(one) == [2]
    monkeypatch.undo()

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

    wait_until(lambda: not cache_outage(behind_gate).is_on, seconds=5)
    assert client.ping()


def test_a_child_does_not_inherit_an_outage(gate: Gate, behind_gate: str) -> None:
    """Who would knock has stayed with the parent."""
    gate.freeze()
    assert seconds_of(guarded(behind_gate, breaker="cache").ping) >= 0.2
    outage = cache_outage(behind_gate)
    assert outage.is_on
    with outage._lock, outage._breaker._lock:  # as other threads of the parent may
        child = os.fork()
        if not child:
            os._exit(int(outage.is_on))
    try:
        wait_until(lambda: os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    finally:
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    assert status == 0
    assert outage.is_on


def test_an_answer_that_is_no_is_no_outage(behind_gate: str) -> None:
    """A Redis that is full, or a replica."""
    outage = cache_outage(behind_gate)
    outage.begin(OutOfMemoryError("OOM command not allowed"))
    assert not outage.is_on


def test_without_a_thread_to_end_it_none_begins(
    behind_gate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = cache_outage(behind_gate)
    monkeypatch.setattr(threading.Thread, "start", _no_more_threads)
    outage.begin(RedisTimeoutError())
    assert not outage.is_on


def _no_more_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_who_knocks_outlives_every_error(
    gate: Gate, behind_gate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = cache_outage(behind_gate)
    monkeypatch.setattr(outage._client, "ping", Mock(side_effect=[ValueError, True]))
    outage.begin(RedisTimeoutError())
    wait_until(lambda: not outage.is_on)
