"""Whatever is sent to it, the house stays its size and answers the others."""

import gzip
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")
MIB = 1024 * 1024
# The first round may leave what a process needs from then on: threads, their arenas, code that was
# imported late. No more than the bodies that it may hold at once (64 MiB, monitoring/bodies.py).
MOST_AT_FIRST = 64 * MIB
# After it, nothing of a body of 10 MiB may be left: two of them would be seen.
FLAT = 16 * MIB
CHUNK = b"10000\r\n" + b"a" * 65_536 + b"\r\n"


def resident(stack: Stack) -> dict[int, int]:
    return {
        pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
        for pid in stack.web_workers()
    }


def growth(stack: Stack, before: dict[int, int]) -> int:
    """Of the worker that grew most; a worker that died had no memory to keep flat."""
    now = resident(stack)
    assert now.keys() == before.keys()
    return max(now[pid] - before[pid] for pid in now)


def assert_stays_flat(stack: Stack, attack: Callable[[], None]) -> None:
    before = resident(stack)
    attack()
    # What is left of bodies goes within a second.
    wait_until(lambda: growth(stack, before) < MOST_AT_FIRST, seconds=5)
    warm = resident(stack)
    for _ in range(3):
        attack()
    wait_until(lambda: growth(stack, warm) < FLAT, seconds=5)


def send(stack: Stack, *parts: bytes) -> int:
    """The status of what was answered; 0 when the connection was closed without a word."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # it has been refused before its end
        try:
            words = connection.recv(65_536).split()
        except OSError:
            return 0
    return int(words[1]) if len(words) > 1 else 0


def post(stack: Stack, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        "POST /api/links HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {stack.key}",
        "Content-Type: application/json", "Connection: close", *headers,
    ]  # fmt: skip
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _deep(stack: Stack) -> bytes:
    body = b"[" * 100_000 + b"]" * 100_000
    return post(stack, body, length=len(body))


def _bomb(stack: Stack) -> bytes:
    body = gzip.compress(b"[" + b"0," * 25 * MIB + b"0]")
    return post(stack, body, "Content-Encoding: gzip", length=len(body))


def _nul(stack: Stack) -> bytes:
    body = b'{"url": "https://example.com/\\u0000", "slug": "a\\u0000b"}'
    return post(stack, body, length=len(body))


ATTACKS: dict[str, tuple[Callable[[Stack], list[bytes]], set[int]]] = {
    "100 MB, declared": (lambda stack: [post(stack, b"", length=100 * MIB)], {413}),
    "100 MB, in chunks": (
        lambda stack: [post(stack, b"", "Transfer-Encoding: chunked"), *[CHUNK] * 1600],
        {413, 0},
    ),
    "10,000 headers": (
        lambda stack: [post(stack, b"", *(f"X-{n}: {n}" for n in range(10_000)), length=0)],
        {400, 431},
    ),
    "a gzip bomb": (lambda stack: [_bomb(stack)], {400, 415}),
    "deep JSON": (lambda stack: [_deep(stack)], {400}),
    "NUL in JSON": (lambda stack: [_nul(stack)], {400}),
    "NUL in a path": (lambda _: [b"GET /api/links/%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"], {400}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused_and_memory_stays_flat(stack: Stack, name: str) -> None:
    make, expected = ATTACKS[name]
    parts = make(stack)

    def attack() -> None:
        assert {send(stack, *parts) for _ in range(8)} <= expected

    assert_stays_flat(stack, attack)
    assert stack.answers()


def test_bodies_of_ten_megabytes_leave_nothing_behind(stack: Stack) -> None:
    """Four at once, good ones and refused ones."""
    good = b'{"url": "https://example.com/"}'.ljust(10 * MIB)
    refused = b'{"url": "https://example.com/", "title": "%s"}' % (b"a" * (10 * MIB - 100))
    both = [post(stack, body, length=len(body)) for body in (good, refused)] * 2

    def attack() -> None:
        with ThreadPoolExecutor(4) as clients:
            for _ in range(4):
                answers = clients.map(lambda request: send(stack, request), both)
                assert sorted(answers) == [201, 201, 400, 400]

    assert_stays_flat(stack, attack)


@pytest.fixture
def crowd(stack: Stack) -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_hundreds_who_never_finish_their_request_are_in_nobodys_way(
    stack: Stack, crowd: ExitStack
) -> None:
    before = resident(stack)
    beginnings = [b"GET /api/links HTTP/1.1\r\nHost: 127.0.0.1\r\nX-", post(stack, b"{", length=99)]
    for number in range(400):
        connection = socket.create_connection(("127.0.0.1", stack.port), timeout=20)
        crowd.enter_context(connection)
        connection.sendall(beginnings[number % 2])
    times = []
    for _ in range(20):
        started = time.perf_counter()
        assert requests.get(f"{stack.url}/api/quests", timeout=10).status_code == 200
        times.append(time.perf_counter() - started)
    assert sorted(times)[10] < 0.5
    assert growth(stack, before) < MOST_AT_FIRST


def test_a_crowd_that_comes_while_nobody_takes_it_in_is_not_sent_away(
    stack: Stack, crowd: ExitStack
) -> None:
    """Whom the kernel finds no place for would ask again after a second."""
    if int(Path("/proc/sys/net/core/somaxconn").read_text()) < 500:
        pytest.skip("this kernel lets fewer wait")
    workers = stack.web_workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        came = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", stack.port), timeout=0.9))
            for _ in range(500)
        ]
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    for connection in came:
        connection.settimeout(20)
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert {connection.recv(65_536).split()[1] for connection in came} == {b"200"}


def test_who_never_says_what_she_wants_is_let_go(stack: Stack, crowd: ExitStack) -> None:
    connection = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
    crowd.enter_context(connection)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
    began = time.monotonic()
    assert connection.recv(10) == b""
    assert time.monotonic() - began < 15


def test_a_dead_database_costs_a_writer_less_than_a_tenth_of_a_second(stack: Stack) -> None:
    assert stack.make_link(url="https://example.com/")["slug"]

    def write() -> tuple[int, float]:
        started = time.perf_counter()
        answer = stack.api.post(f"{stack.url}/api/links", json={"url": "https://a.test"}, timeout=9)
        return answer.status_code, time.perf_counter() - started

    with stack.killed(stack.postgres):
        wait_until(lambda: write()[0] == 503)
        answers = [write() for _ in range(30)]
        assert {status for status, _ in answers} == {503}
        assert sorted(seconds for _, seconds in answers)[-3] < 0.1
    wait_until(lambda: write()[0] == 201)
