"""Connections that come together are taken together."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from config import accepting
from config.accepting import MOST_AT_ONCE, Acceptor


class Clients:
    """Who has been taken, and a listener at which others wait."""

    def __init__(self, opened: ExitStack) -> None:
        self.listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        self.met: asyncio.Queue[asyncio.BaseTransport] = asyncio.Queue()
        self._opened = opened

    def come(self, count: int) -> None:
        for _ in range(count):
            self._opened.enter_context(socket.create_connection(self.listener.getsockname()))

    def protocol(self) -> asyncio.Protocol:
        clients = self

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                clients.met.put_nowait(transport)

        return Protocol()

    async def meet(self, count: int) -> None:
        async with asyncio.timeout(5):
            for _ in range(count):
                (await self.met.get()).close()


@pytest.fixture
def clients() -> Iterator[Clients]:
    with ExitStack() as opened:
        yield Clients(opened)


async def test_many_are_taken_in_one_turn_and_the_rest_in_the_next(clients: Clients) -> None:
    clients.come(40)
    acceptor = Acceptor(asyncio.get_running_loop(), clients.listener, clients.protocol)
    await clients.meet(1)
    assert clients.met.qsize() == MOST_AT_ONCE - 1
    await clients.meet(39)
    acceptor.close()


async def test_a_closed_one_takes_nobody(clients: Clients) -> None:
    acceptor = Acceptor(asyncio.get_running_loop(), clients.listener, clients.protocol)
    clients.come(1)
    await clients.meet(1)
    acceptor.close()
    clients.come(1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert clients.met.empty()
    clients.listener.accept()[0].close()  # it still waits for somebody else


class Exhausted(socket.socket):
    """A listener of a process that has no descriptor left, for a while."""

    left = 0
    refused: asyncio.Event

    @classmethod
    def instead_of(cls, listener: socket.socket, *, left: int) -> "Exhausted":
        made = cls(fileno=listener.dup().detach())
        made.left, made.refused = left, asyncio.Event()
        return made

    def dup(self) -> "Exhausted":
        return self

    def accept(self) -> tuple[socket.socket, object]:
        if self.left:
            self.left -= 1
            self.refused.set()
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


async def test_without_descriptors_it_waits_and_goes_on(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "PAUSE", 0.01)
    listener = Exhausted.instead_of(clients.listener, left=3)
    acceptor = Acceptor(asyncio.get_running_loop(), listener, clients.protocol)
    clients.come(1)
    await clients.meet(1)
    assert listener.left == 0
    acceptor.close()


async def test_one_that_is_closed_while_it_waits_does_not_go_on(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "PAUSE", 60)
    listener = Exhausted.instead_of(clients.listener, left=1)
    acceptor = Acceptor(asyncio.get_running_loop(), listener, clients.protocol)
    clients.come(1)
    async with asyncio.timeout(5):
        await listener.refused.wait()
    pause = acceptor._pause
    acceptor.close()
    assert pause
    assert pause.cancelled()
