"""How frames reach a client. Writing never waits; what waits for the client is counted in bytes,
and it is the session that decides when it is too much."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from realtime.socket.frames import Frame, Frames

# How the server names the transport in the extensions of a scope: see config.websocket.
TRANSPORT = "rallypoint.transport"

# For a client that reads no more.
GOODBYE = 5.0

Send = Callable[[Any], Awaitable[None]]


class Line(Protocol):
    def write(self, frame: Frame | Frames) -> None: ...

    def waiting(self) -> int: ...

    async def close(self, code: int, reason: str) -> None:
        """After what was written."""

    def stop(self) -> None:
        """The client has gone."""


class Straight:
    """Into the transport, past everything between: the same bytes for everybody in a room."""

    __slots__ = ("_send", "_transport", "waiting")

    def __init__(self, transport: asyncio.Transport, send: Send) -> None:
        self._transport, self._send = transport, send
        self.waiting = transport.get_write_buffer_size

    def write(self, frame: Frame | Frames) -> None:
        if not self._transport.is_closing():
            self._transport.write(frame.wire)

    async def close(self, code: int, reason: str) -> None:
        """Who has not said goodbye by then, because she does not read, is cut off."""
        with suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        self._transport.abort()

    def stop(self) -> None:
        pass


class Queued:
    """By a server that gives no transport: a task sends what was written, one after the other."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._wake, self._empty = asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._task = asyncio.create_task(self._run())

    def write(self, frame: Frame | Frames) -> None:
        self._frames.extend(frame.parts)
        self._bytes += len(frame.wire)
        self._empty.clear()
        self._wake.set()

    def waiting(self) -> int:
        return self._bytes

    async def close(self, code: int, reason: str) -> None:
        with suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._empty.wait()
                await self._finish(code, reason)
        self.stop()

    def stop(self) -> None:
        """Nothing is sent any more."""
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._frames:
                frame = self._frames.popleft()
                self._bytes -= len(frame.wire)
                await self._deliver(frame)
            self._empty.set()

    async def _deliver(self, frame: Frame) -> None:
        await self._send({"type": "websocket.send", "text": frame.data.decode()})

    async def _finish(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
