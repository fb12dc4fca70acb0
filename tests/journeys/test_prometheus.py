"""A real Prometheus scrapes the product under load, over a worker's death and a reload; with
CHAOS=long for more than a minute."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import requests

from benchmarks import PROJECT
from tests.stack import Stack, free_port, wait_until

# Where deploy/prometheus.sh unpacks Debian's.
_UNPACKED = PROJECT / ".venv/debian/usr/bin"
PROMETHEUS, PROMTOOL = (
    shutil.which(name) or shutil.which(name, path=_UNPACKED) for name in ("prometheus", "promtool")
)

pytestmark = [
    pytest.mark.xdist_group("stack"),
    pytest.mark.skipif(not (PROMETHEUS and PROMTOOL), reason="no Prometheus on this machine"),
]

CLIENTS = 8
COUNTED = 'sum(rallypoint_http_requests_total{route="/api/quests",status="2xx"})'

Query = Callable[[str], list[Any]]


@pytest.fixture
def query(stack: Stack, tmp_path: Path) -> Iterator[Query]:
    """Asks a Prometheus that scrapes the stack five times a second."""
    port = free_port()
    target = {"targets": [stack.url.removeprefix("http://")]}
    scrape = {
        "job_name": "rallypoint", "metrics_path": "/api/health/metrics",
        "static_configs": [target],
    }  # fmt: skip
    timing = {"scrape_interval": "200ms", "scrape_timeout": "200ms"}
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"global": timing, "scrape_configs": [scrape]}))
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    with subprocess.Popen(
        [str(PROMETHEUS), *arguments, f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:

        def ask(expression: str) -> list[Any]:
            url, parameters = f"http://127.0.0.1:{port}/api/v1/query", {"query": expression}
            try:
                found = requests.get(url, params=parameters, timeout=5).json()
            except requests.RequestException:
                return []
            return list(found.get("data", {}).get("result", ()))

        yield ask
        process.terminate()


def value(query: Query, expression: str) -> float | None:
    found = query(expression)
    return float(found[0]["value"][1]) if found else None


class Load:
    """Clients that ask without a pause until the block ends; every request is to be answered."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._under_way = [threading.Lock() for _ in range(CLIENTS)]
        self._may_go, self._is_over = threading.Event(), threading.Event()
        self.sent = 0

    def __enter__(self) -> Self:
        self._may_go.set()
        self._threads = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._threads.submit(self._ask, lock) for lock in self._under_way]
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        with self._threads:
            self.sent = sum(client.result() for client in self._clients)

    def _ask(self, under_way: threading.Lock) -> int:
        sent = 0
        with requests.Session() as session:
            while not self._is_over.is_set():
                self._may_go.wait()
                with under_way:
                    answer = session.get(f"{self._stack.url}/api/quests", timeout=20)
                assert answer.status_code == 200
                sent += 1
        return sent

    @contextmanager
    def holding_breath(self) -> Iterator[None]:
        """Nothing is under way: a request that a death cuts off may be counted or not."""
        self._may_go.clear()
        with ExitStack() as held:
            for lock in self._under_way:
                held.enter_context(lock)
            try:
                yield
            finally:
                self._may_go.set()


def assert_clean(stack: Stack) -> None:
    text = requests.get(f"{stack.url}/api/health/metrics", timeout=10).content
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_counters_survive_a_dead_worker_and_a_reload_and_count_every_request(
    stack: Stack, query: Query, long_form: bool, record_property: Callable[[str, object], None]
) -> None:
    part = 21.0 if long_form else 1.0
    requests.get(f"{stack.url}/api/quests", timeout=10)
    wait_until(lambda: value(query, COUNTED))
    before = _settled(stack)
    with Load(stack) as load:
        time.sleep(part)
        with load.holding_breath():
            _kill_a_worker(stack)
        wait_until(lambda: len(stack.web_workers()) == 2 and stack.answers())
        time.sleep(part)
        stack.reload()
        time.sleep(part)
        assert_clean(stack)

    assert _settled(stack) == before + load.sent
    wait_until(lambda: value(query, COUNTED) == before + load.sent)
    falls = query('resets({__name__=~"rallypoint_.*_(total|count|bucket)"}[5m]) > 0')
    assert falls == []
    scrapes = value(query, "sum_over_time(up[5m])") or 0  # those that were answered
    record_property("figures", f"{scrapes:.0f} scrapes, {load.sent} sent, {before:.0f} before")
    assert scrapes > 3 * part


def _kill_a_worker(stack: Stack) -> None:
    worker = stack.web_workers()[0]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in stack.web_workers())


def _settled(stack: Stack) -> float:
    """What the instance itself says it has counted."""
    text = requests.get(f"{stack.url}/api/health/metrics", timeout=10).text
    wanted = 'route="/api/quests",status="2xx"}'
    lines = (line for line in text.splitlines() if "requests_total{" in line and wanted in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines)
