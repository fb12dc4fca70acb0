"""A real Prometheus scrapes the product under load, over a worker's death and a reload."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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

CLIENTS, REQUESTS_EACH = 8, 40
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


def load(stack: Stack) -> int:
    """How many requests were answered; every one of them is to be."""

    def client(_: int) -> int:
        with requests.Session() as session:
            answers = (
                session.get(f"{stack.url}/api/quests", timeout=20) for _ in range(REQUESTS_EACH)
            )
            return sum(answer.status_code == 200 for answer in answers)

    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(clients.map(client, range(CLIENTS)))


def test_what_is_exposed_is_clean(stack: Stack) -> None:
    load(stack)
    text = requests.get(f"{stack.url}/api/health/metrics", timeout=10).content
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_counters_survive_a_dead_worker_and_a_reload_and_count_every_request(
    stack: Stack, query: Query
) -> None:
    load(stack)
    wait_until(lambda: value(query, COUNTED))
    before = _settled(stack)
    sent = load(stack)
    os.kill(stack.web_workers()[0], signal.SIGKILL)
    wait_until(lambda: len(stack.web_workers()) == 2 and stack.answers())
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(load, stack)
        stack.reload()
        sent += loading.result()
    sent += load(stack)

    assert sent == 3 * CLIENTS * REQUESTS_EACH
    assert _settled(stack) == before + sent
    wait_until(lambda: value(query, COUNTED) == before + sent)
    falls = query('resets({__name__=~"rallypoint_.*_(total|count|bucket)"}[5m]) > 0')
    assert falls == []
    assert (value(query, f"count_over_time({COUNTED}[5m:200ms])") or 0) > 10  # so many looks


def _settled(stack: Stack) -> float:
    """What the instance itself says it has counted."""
    text = requests.get(f"{stack.url}/api/health/metrics", timeout=10).text
    wanted = 'route="/api/quests",status="2xx"}'
    lines = (line for line in text.splitlines() if "requests_total{" in line and wanted in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines)
