"""However much a target sends and however slowly, it gets so much and no more."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from links.metadata import MetadataError, fetch_metadata
from monitoring.outbound import Connector
from monitoring.outbound.connector import Endpoint
from tests.links.test_metadata_fetching import code_of, fetch
from tests.sites import PAGE, Site, answer, redirect, started_sites

serve = pytest.fixture(started_sites, name="serve")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def test_one_megabyte_is_read_and_no_more(serve: Callable[..., Site]) -> None:
    early = serve(answer(b" " * 900_000 + PAGE))
    late = serve(answer(b" " * 1024 * 1024 + PAGE))
    assert fetch(early).title == "Spring"
    assert fetch(late).title == ""


def test_headers_count_towards_the_megabyte(serve: Callable[..., Site]) -> None:
    site = serve(answer(PAGE, *["X: " + "x" * 60_000] * 20))
    assert fetch(site).title == ""


def test_a_page_without_an_end_is_read_to_the_megabyte(serve: Callable[..., Site]) -> None:
    def flood(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>x</title>")
        while True:  # until the client closes
            connection.sendall(b" " * 65_536)

    assert fetch(serve(flood), seconds=60).title == "x"


def test_a_page_is_read_to_the_end_of_its_head(serve: Callable[..., Site]) -> None:
    """The server keeps the connection open and says no more: nobody waits for that."""

    def linger(connection: socket.socket, _: bytes) -> None:
        answer(PAGE)(connection, b"")
        connection.recv(1)

    with within(4):
        assert fetch(serve(linger), seconds=60).title == "Spring"


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_byte_at_a_time_does_not_keep_us(serve: Callable[..., Site], start: bytes) -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(start)
        while not site.closing.wait(0.02):
            connection.sendall(b"1")

    site = serve(drip)
    with within(3):
        assert code_of(site, seconds=0.5) == "timeout"


def test_silence_does_not_keep_us(serve: Callable[..., Site]) -> None:
    site = serve(lambda connection, _: connection.recv(1) and None)
    with within(3):
        assert code_of(site, seconds=0.3) == "timeout"


def test_the_time_is_for_all_hops_together(serve: Callable[..., Site]) -> None:
    def slow(connection: socket.socket, _: bytes) -> None:
        site.closing.wait(0.3)
        redirect("/again")(connection, b"")

    site = serve(slow)
    assert code_of(site, seconds=0.5) == "timeout"
    assert len(site.requests) == 2


def test_a_slow_name_server_does_not_keep_us() -> None:
    asked, released = threading.Event(), threading.Event()

    def resolve(*_: object) -> Sequence[Endpoint]:
        asked.set()
        released.wait(30)
        return []

    with within(3), pytest.raises(MetadataError, match="timeout"):
        fetch_metadata("http://example.test/", connector=Connector(resolve=resolve), seconds=0.3)
    assert asked.is_set()
    released.set()


def test_a_server_that_takes_no_part_in_tls_does_not_keep_us(serve: Callable[..., Site]) -> None:
    site = serve(lambda connection, _: connection.recv(1) and None)
    with within(3):
        assert code_of(site, "https://example.test/", seconds=0.3) == "timeout"
