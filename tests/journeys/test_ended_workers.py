"""Workers come and go; what they counted stays, in as many files as there are workers."""

import os
import signal
import socket
from collections import Counter
from pathlib import Path

import pytest
import requests

from monitoring.metrics_files import place_for
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")


def counted(stack: Stack) -> float:
    """Answers to /ping."""
    text = requests.get(f"{stack.url}/api/health/metrics", timeout=10).text
    found = [line for line in text.splitlines() if 'route="/ping",status="2xx"}' in line]
    assert found, "no worker's counts are shared"
    return sum(float(line.rpartition(" ")[2]) for line in found)


def files(stack: Stack) -> Counter[str]:
    """How many of each kind."""
    place = place_for(Path(stack.env["VAR_DIR"]))
    return Counter(file.name.partition("_")[0] for file in place.glob("*.db*"))


def ping(stack: Stack, times: int) -> None:
    for _ in range(times):
        requests.get(f"{stack.url}/ping", timeout=10).raise_for_status()


def test_counts_survive_their_workers_and_files_do_not_add_up(stack: Stack) -> None:
    ping(stack, 10)
    before = counted(stack)
    for _ in range(3):
        leaving = stack.web_workers()[0]
        os.kill(leaving, signal.SIGKILL)
        wait_until(lambda gone=leaving: gone not in stack.web_workers())
        wait_until(lambda: len(stack.web_workers()) == 2 and stack.answers())
    ping(stack, 10)
    wait_until(lambda: counted(stack) >= before + 10)
    assert wait_until(lambda: files(stack)["counter"] <= 3)  # of two workers, and of the ended
    assert files(stack)["histogram"] <= 3


def test_workers_whose_parent_died_leave_the_port_to_its_successor(stack: Stack) -> None:
    """Also while somebody keeps a connection open, whom they let finish."""
    try:
        with requests.Session() as session:
            session.get(f"{stack.url}/ping", timeout=10)
            stack.kill_web()
            wait_until(lambda: is_free(stack.port))
    finally:
        stack.start_web()


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
