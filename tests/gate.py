"""A gate in front of PostgreSQL or Redis that a test can shut: connections through it break, new
ones are refused, as when the server stops. It can also be a bad network."""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Coroutine
from functools import cache
from threading import Thread
from typing import Any

_LINGER_NOT = struct.pack("ii", 1, 0)
_PIECE = 65_536


class Gate:
    """Its methods may be called from any thread, and have happened when they return. All gates
    are served by one event loop: a campaign passes thousands of connections through two of them."""

    def __init__(self, host: str, port: str) -> None:
        self._server = (f"{host}/.s.PGSQL.{port}",) if host.startswith("/") else (host, int(port))
        self._listener: asyncio.Server | None = None
        # The task that serves a connection, with the client's end and the server's.
        self._open: dict[asyncio.Task[Any], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = {}
        self._forgotten: list[asyncio.StreamWriter] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        # Each piece of an answer takes so many seconds more, and at random up to so many besides.
        self.delay = self.jitter = 0.0
        # Bytes a second of each connection's answers; 0 is no limit.
        self.bandwidth = 0
        self.port = 0
        self.open()

    def open(self) -> None:
        _do(self._listen())

    def freeze(self) -> None:
        """As a machine that hangs: connections are taken, and nothing is ever answered."""
        _loop().call_soon_threadsafe(self._flowing.clear)

    def thaw(self) -> None:
        _loop().call_soon_threadsafe(self._flowing.set)

    def shut(self) -> None:
        self.thaw()
        _do(self._stop_listening())
        self.break_connections()

    def break_connections(self) -> None:
        _do(self._break())

    def reset_connections(self) -> None:
        """As a machine that was restarted answers: with a reset instead of an end."""
        _do(self._reset())

    def forget_connections(self) -> None:
        """As a router that was restarted: the server's ends are gone, and no client is told; what
        is sent over these connections goes nowhere, and new ones are good."""
        _do(self._forget())

    def remember(self) -> None:
        """Whoever still waits at a forgotten connection is told now, by a reset."""
        _do(self._reset_forgotten())

    async def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = await asyncio.start_server(self._join, sock=listener)

    async def _stop_listening(self) -> None:
        if self._listener:
            self._listener.close()

    async def _break(self) -> None:
        for ends in self._open.values():
            for end in ends:
                with contextlib.suppress(OSError):
                    end.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    async def _reset(self) -> None:
        for ends in self._open.values():
            for end in ends:
                _reset_end(end)
        await self._reset_forgotten()

    async def _forget(self) -> None:
        for task, (client, _) in self._open.items():
            self._forgotten.append(client)
            task.cancel()
        await asyncio.sleep(0)

    async def _reset_forgotten(self) -> None:
        while self._forgotten:
            _reset_end(self._forgotten.pop())
        await asyncio.sleep(0)  # an aborted transport closes in the next turn

    async def _join(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        connect = asyncio.open_connection
        if len(self._server) == 1:
            connect = asyncio.open_unix_connection
        try:
            answers, server = await connect(*self._server)
        except OSError:  # it is gone just now, and may come back
            client.close()
            return
        task = asyncio.current_task()
        assert task
        self._open[task] = (client, server)
        try:
            await self._serve(reader, client, answers, server)
        finally:
            del self._open[task]
            server.close()
            if client not in self._forgotten:
                client.close()

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        """Until either end has ended."""
        pumps = [
            asyncio.create_task(self._pump(reader, server)),
            asyncio.create_task(self._pump(answers, client, are_answers=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # forgotten
            pass
        finally:
            for pump in pumps:
                pump.cancel()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        are_answers: bool = False,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_PIECE):
                await self._flowing.wait()
                if are_answers:
                    await self._take_time(len(data))
                target.write(data)
                await target.drain()

    async def _take_time(self, size: int) -> None:
        seconds = self.delay + self.jitter * random.random()
        seconds += size / self.bandwidth if self.bandwidth else 0
        if seconds:
            await asyncio.sleep(seconds)


def _reset_end(end: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    end.transport.abort()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _do(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run_coroutine_threadsafe(work, _loop()).result(timeout=20)
