"""A Redis of a test's own, for those that depend on how the server is set up."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from monitoring.embedded.account import servers_account
from monitoring.embedded.binaries import find_valkey
from monitoring.redis_clients import synchronous

StartRedis = Callable[..., str]


@pytest.fixture
def start_redis(tmp_path: Path, unused_tcp_port: int) -> Iterator[StartRedis]:
    """`start_redis(appendonly="yes")` gives the URL of a server that ends with the test."""
    with ExitStack() as running:

        def start(*, appendonly: str) -> str:
            arguments = ["--port", str(unused_tcp_port), "--dir", str(tmp_path), "--save", ""]
            process = subprocess.Popen(
                [find_valkey(servers_account()), *arguments, "--appendonly", appendonly],
                stdout=subprocess.DEVNULL,
            )
            running.callback(process.wait)
            running.callback(process.kill)
            return _ready(f"redis://127.0.0.1:{unused_tcp_port}/0")

        yield start


def _ready(url: str) -> str:
    deadline = time.monotonic() + 10
    with synchronous(url) as client:
        while True:
            try:
                client.ping()
            except RedisConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return url
