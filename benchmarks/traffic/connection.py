"""One keep-alive connection of a client that asks, waits for the answer and asks again."""

import asyncio
import re
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Broken(Exception):  # noqa: N818 - an outcome that is counted
    """The connection ended before the answer did."""


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_open = True
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def connection_lost(self, _: Exception | None) -> None:
        self.is_open = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(Broken())

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(_END)
        if not found or not _is_whole(head, body):
            return
        status, self._data = int(head[9:12]), b""
        if _CLOSES.search(head + b"\r\n"):
            self.close()
        if self._answer and not self._answer.done():
            self._answer.set_result(status)

    async def ask(self, request: bytes, seconds: float) -> int:
        """The status. Broken, or TimeoutError, after which the connection is closed."""
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            self.close()
            raise

    def close(self) -> None:
        self.is_open = False
        if self._transport:
            self._transport.close()


def _is_whole(head: bytes, body: bytes) -> bool:
    """No answer here comes to HEAD."""
    if length := _LENGTH.search(head + b"\r\n"):
        return len(body) >= int(length[1])
    return head[9:12] in {b"204", b"304"} or body.endswith(_LAST_CHUNK)
