"""Health is answered while every thread of every worker waits for something else."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from threading import Event

import psycopg
import pytest
import requests

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")

# Of each worker that readers can take: the default of WEB_THREADS, but for one that is kept for
# writers.
THREADS = 7
_QUEUED = re.compile(r"^rallypoint_requests_queued\{.*\} (\S+)$", re.MULTILINE)


@contextmanager
def all_threads_busy(stack: Stack) -> Iterator[None]:
    """More people than there are threads ask, again and again, for a table that somebody holds."""
    threads = THREADS * len(stack.web_workers())
    enough = Event()
    with psycopg.connect(stack.env["DATABASE_URL"]) as holder, ThreadPoolExecutor(99) as people:
        holder.execute("LOCK TABLE links_link IN ACCESS EXCLUSIVE MODE")
        asking = [people.submit(_list_links, stack, enough) for _ in range(3 * threads)]
        try:
            wait_until(lambda: _queued(stack) >= threads)
            yield
        finally:
            enough.set()
            holder.rollback()
        assert all(task.result() for task in asking)


def _list_links(stack: Stack, enough: Event) -> int:
    headers = {"Authorization": f"Bearer {stack.key}"}
    times = 0
    while not enough.is_set():
        requests.get(f"{stack.url}/api/links", headers=headers, timeout=60)
        times += 1
    return times


def _queued(stack: Stack) -> float:
    """Requests that wait for a thread, in all workers."""
    text = requests.get(f"{stack.url}/api/health/metrics", timeout=5).text
    return sum(float(value) for value in _QUEUED.findall(text))


def test_health_is_answered_at_once_while_all_threads_are_busy(stack: Stack) -> None:
    wait_until(lambda: requests.get(f"{stack.url}/api/health", timeout=5).status_code == 200)
    times = []
    with all_threads_busy(stack), requests.Session() as prober:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for path in ("/api/health", "/health", "/api/health/live", "/api/health/ready"):
                started = time.perf_counter()
                answer = prober.get(f"{stack.url}{path}", timeout=5)
                times.append(time.perf_counter() - started)
                assert answer.status_code == 200, answer.text
    # Who needs a thread waits for seconds; how fast it is otherwise, the benchmark says.
    assert median(times) < 0.05
    assert max(times) < 2


def test_metrics_are_given_while_all_threads_are_busy(stack: Stack) -> None:
    with all_threads_busy(stack):
        scraped = requests.get(f"{stack.url}/api/health/metrics", timeout=5)
    assert "rallypoint_http_requests_total" in scraped.text
