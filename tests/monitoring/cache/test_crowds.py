"""However many ask at a time, in however many threads and processes: one computes."""

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError

from monitoring.cache import cacheable, values
from monitoring.cache.store import store
from monitoring.responses.tags import _raise_generations
from tests.monitoring.cache.conftest import Counting
from tests.monitoring.processes import eventually

CROWD = 500
PROCESSES = 4
_fork = multiprocessing.get_context("fork")


def crowd(call: Callable[[], Any], size: int) -> list[Any]:
    with ThreadPoolExecutor(size) as threads:
        return [future.result() for future in [threads.submit(call) for _ in range(size)]]


def test_500_threads_compute_once() -> None:
    arrived, computed = threading.Semaphore(0), []

    @cacheable(ttl=60)
    def slow() -> str:
        computed.append(1)
        for _ in range(CROWD):
            assert arrived.acquire(timeout=20)
        return "found"

    def call() -> str:
        arrived.release()
        return slow()

    assert crowd(call, CROWD) == ["found"] * CROWD
    assert len(computed) == 1


def test_500_threads_of_four_processes_compute_once() -> None:
    arrived, computed, right = (_fork.Value("i", 0) for _ in range(3))

    def add(counter: Any) -> None:
        with counter.get_lock():
            counter.value += 1

    @cacheable(ttl=60, tags=["things"])
    def slow() -> str:
        add(computed)
        assert eventually(lambda: arrived.value == CROWD)
        return "found"

    def call() -> None:
        add(arrived)
        if slow() == "found":
            add(right)

    size = CROWD // PROCESSES
    running = [_fork.Process(target=crowd, args=(call, size)) for _ in range(PROCESSES)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)

    assert [process.exitcode for process in running] == [0] * PROCESSES
    assert (right.value, computed.value) == (CROWD, 1)


def test_all_who_wait_hear_of_a_failure(counting: Counting) -> None:
    cached = counting.cached()
    counting.is_database_away = True
    everybody = threading.Barrier(8)
    # The first goes on when the others wait for it, or at least have had their turn to.
    counting.meanwhile = lambda: eventually(lambda: waiting, within=1)
    waiting: list[object] = []
    wait = cached._flights._wait
    cached._flights._wait = lambda flight: (waiting.append(flight), wait(flight))[1]

    def call() -> bool:
        everybody.wait(10)
        with pytest.raises(OperationalError):
            cached()
        return True

    started = time.monotonic()
    assert all(crowd(call, 8))
    assert time.monotonic() - started < values.PATIENCE / 2


def test_who_holds_the_right_to_compute_and_died_is_not_waited_for_long(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = counting.cached()
    assert store.take(values.key_of(cached.name, 1, ((), {})))
    monkeypatch.setattr(values, "PATIENCE", 0.05)

    started = time.monotonic()
    assert cached() == 1
    assert time.monotonic() - started < 2


def test_who_joined_before_a_change_gets_nothing_from_before_it(counting: Counting) -> None:
    cached = counting.cached(tags=["things"])
    began, may_end = threading.Event(), threading.Event()
    joined: list[int] = []

    def meanwhile() -> None:
        began.set()
        assert may_end.wait(10)

    waits = threading.Event()
    wait = cached._flights._wait
    cached._flights._wait = lambda flight: (waits.set(), wait(flight))[1]
    counting.meanwhile = meanwhile
    first = threading.Thread(target=cached)
    first.start()
    assert began.wait(10)
    _raise_generations(["things"])
    second = threading.Thread(target=lambda: joined.append(cached()))
    second.start()
    assert waits.wait(10)
    counting.meanwhile = lambda: None
    may_end.set()
    first.join(10)
    second.join(10)

    assert joined == [2]
