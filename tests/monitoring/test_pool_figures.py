"""What a pool does is seen: its size, who waits and how long, and who was refused and why."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from psycopg import OperationalError
from psycopg_pool import PoolTimeout, TooManyRequests

from monitoring.health import services
from monitoring.postgresql import pool as pools
from monitoring.postgresql.base import DatabaseWrapper
from monitoring.postgresql.pool import FailFastPool
from tests.gate import Gate
from tests.monitoring.processes import eventually
from tests.monitoring.test_metrics import samples, scraped

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate() -> Iterator[Gate]:
    where = connection.settings_dict
    made = Gate(where["HOST"] or "127.0.0.1", where["PORT"] or "5432")
    yield made
    made.shut()


@pytest.fixture
def pool(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailFastPool]:
    monkeypatch.setattr(pools, "FIGURES_SECONDS", 0.01)
    where = {**connection.get_connection_params(), "host": "127.0.0.1", "port": gate.port}
    made = FailFastPool(
        kwargs=where, open=False, min_size=1, max_size=2, timeout=0.05, max_waiting=1,
        check=FailFastPool.check_connection,
    )  # fmt: skip
    made.open(wait=True)
    yield made
    made.close()


def figure(name: str, **labels: str) -> float:
    key = tuple(sorted({"pool": "django", **labels}.items()))
    return samples(scraped()).get((f"rallypoint_pool_{name}", key), 0.0)


def test_health_is_told_sizes_waiting_and_refusals(pool: FailFastPool) -> None:
    held = [pool.getconn(timeout=5) for _ in range(2)]
    with pytest.raises(PoolTimeout):
        pool.getconn()
    told = pool.figures()
    for one in held:
        pool.putconn(one)
    assert (told["min"], told["max"], told["size"], told["available"]) == (1, 2, 2, 0)
    assert (told["waiting"], told["requests"], told["refused"]) == (0, 3, 1)
    assert told["waitMs"] >= 50
    assert pool.figures()["available"] == 2


def test_the_check_of_the_database_has_them(
    pool: FailFastPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseWrapper, "pool", pool)
        details = services.check_database().details
    assert details["pool"] == pool.figures()
    assert details["pool"]["max"] == 2


def test_metrics_follow_the_pool(pool: FailFastPool) -> None:
    before = {name: figure(name) for name in ("requests_total", "wait_seconds_total")}
    held = [pool.getconn(timeout=5) for _ in range(2)]
    with pytest.raises(PoolTimeout):
        pool.getconn()
    assert eventually(lambda: figure("available") == 0 and figure("connections") == 2)
    assert eventually(lambda: figure("requests_total") - before["requests_total"] == 3)
    assert figure("wait_seconds_total") - before["wait_seconds_total"] >= 0.05
    for one in held:
        pool.putconn(one)
    assert eventually(lambda: figure("available") == 2)
    assert figure("limit") == 2


def test_who_is_refused_is_counted_by_the_reason(pool: FailFastPool, gate: Gate) -> None:
    reasons = ("timeout", "full", "away")
    before = {reason: figure("refused_total", reason=reason) for reason in reasons}
    held = [pool.getconn(timeout=5) for _ in range(2)]
    with pytest.raises(PoolTimeout):
        pool.getconn()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pool.getconn, 5)
        assert eventually(lambda: pool.figures()["waiting"] == 1)
        with pytest.raises(TooManyRequests):
            pool.getconn()
        pool.putconn(held.pop())
        pool.putconn(first.result())
    gate.shut()
    pool.putconn(held.pop())
    with pytest.raises(OperationalError):
        pool.getconn(timeout=5)
    after = {reason: figure("refused_total", reason=reason) for reason in reasons}
    assert [after[reason] - before[reason] for reason in reasons] == [1, 1, 1]


SCRIPT = """
import os, sys
from monitoring.postgresql.figures import Figures
stats = {name: 3 for name in (
    "pool_size", "pool_available", "pool_max", "requests_waiting", "requests_num")}
figures = Figures("django")
figures.hand_over(stats); figures.hand_over(stats)
print(os.getpid())
"""
READ = "from monitoring import metrics; print(metrics.exposition('')[0].decode())"


def test_of_several_processes_sizes_are_those_of_the_living_and_counts_stay(tmp_path: Path) -> None:
    def run(code: str) -> str:
        environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.check_output(
            [sys.executable, "-c", code], text=True, env=environment, cwd=settings.BASE_DIR
        )

    first, _ = run(SCRIPT), run(SCRIPT)
    forget = f"from monitoring import metrics_files; metrics_files.forget({first})"

    def read() -> Any:
        found = samples(run(READ))
        key = (("pool", "django"),)
        return [found[f"rallypoint_pool_{name}", key] for name in ("connections", "requests_total")]

    assert read() == [6, 6]
    run(forget)
    assert read() == [3, 6]
