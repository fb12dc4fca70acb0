"""An engine for all tests of the warehouse, emptied for each of them."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from pytest_django import Settings

from benchmarks import PROJECT
from links.clicks import partitions
from links.warehouse import client
from tests.stack import free_port, wait_until


class Engine:
    """`kill` and `start` it as often as you like: it keeps what it has."""

    def __init__(self, directory: Path) -> None:
        self.port, self._directory = free_port(), directory
        self.url = f"http://rally:secret@127.0.0.1:{self.port}/rally"
        self.start()

    def start(self) -> None:
        module = "tests.links.warehouse.engine"
        argv = [sys.executable, "-m", module, str(self.port), str(self._directory / "engine")]
        self._process = subprocess.Popen(argv, cwd=PROJECT)
        wait_until(self._answers, seconds=60)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=2):
                return True
        except OSError:
            return False


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if find_spec("chdb") is None:
        pytest.skip("ClickHouse's engine has no wheel for this system")
    engine = Engine(tmp_path_factory.mktemp("clickhouse"))
    yield engine
    engine.kill()


@pytest.fixture
def engine(running: Engine, settings: Settings) -> Iterator[Engine]:
    settings.CLICKHOUSE_URL = running.url
    client.breaker.reset()
    client.command("DROP TABLE IF EXISTS click")
    yield running
    partitions.drop_before(datetime.now(UTC).date())
