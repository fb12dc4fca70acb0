"""A client's end of a WebSocket: as little of it as a load needs, so that the load is no limit.

Frames are found by their lengths. Servers neither mask nor fragment what they send here, and
compression is not asked for.
"""

import asyncio
import os
from collections.abc import Callable

_HEAD_END = b"\r\n\r\n"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_NO_CODE = 1006
# Engine.IO has heartbeats of its own, in text frames of one character.
_ENGINE_PING, _ENGINE_PONG = b"2", b"3"
_ENGINE_PING_FRAME = b"\x81\x01" + _ENGINE_PING


class LostError(Exception):
    """The connection ended while something was awaited from it."""


def masked(payload: bytes, opcode: int = _TEXT) -> bytes:
    """A client's frame of less than 64 KiB."""
    size = len(payload)
    head = bytes([0x80 | opcode, 0x80 | min(size, 126)])
    if size >= 126:
        head += size.to_bytes(2, "big")
    key = os.urandom(4)
    mask = (key * (size // 4 + 1))[:size]
    covered = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + key + covered.to_bytes(size, "big")


class Client(asyncio.Protocol):
    """Sends `request` and, once it is upgraded, `opening`. `heard(client, text)` gets every text
    frame; `lost(client)` is called once, at the end."""

    def __init__(self, request: bytes, opening: bytes = b"") -> None:
        self.heard: Callable[[Client, bytes], None] = _ignore
        self.lost: Callable[[Client], None] = _ignore
        self.code = _NO_CODE
        self.count = 0  # for who hears
        self._mark = b""
        self._request, self._opening, self._rest = request, opening, b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None
        self._awaited: tuple[tuple[bytes, ...], asyncio.Future[bytes]] | None = None

    # --- Asking -----------------------------------------------------------------------------------
    def send(self, payload: bytes) -> None:
        self._transport.write(masked(payload))

    def expect(self, *markers: bytes) -> asyncio.Future[bytes]:
        """The next frame in which one of them stands, or LostError. One at a time; asked for before
        the frame can come."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._awaited = (markers, future)
        return future

    def abandon(self) -> None:
        """Hear nothing of it any more."""
        self.heard = self.lost = _ignore
        if self._transport:
            self._transport.abort()

    def tally(self, mark: bytes, counted: Callable[[int], None]) -> None:
        """From now on only count frames, as each has `mark` once: `counted(number)` instead of
        `heard`. Four times cheaper than finding each frame."""
        self._mark, self._counted = mark, counted

    # --- What comes -------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if self._mark:
            self._count(data)
            return
        self._rest = self._frames(data) if self._is_open else self._handshake(data)

    def _count(self, data: bytes) -> None:
        # Too short for a mark, long enough for the beginning of one.
        self._rest = data[1 - len(self._mark) :]
        if found := data.count(self._mark):
            self.count += found
            self._counted(found)
        if _ENGINE_PING_FRAME in data:
            self.send(_ENGINE_PONG)

    def connection_lost(self, _: Exception | None) -> None:
        if self._awaited:
            _, future = self._awaited
            self._awaited = None
            if not future.done():
                future.set_exception(LostError(str(self.code)))
        self.lost(self)

    def _handshake(self, data: bytes) -> bytes:
        head, end, rest = data.partition(_HEAD_END)
        if not end:
            return data
        if not head.startswith(b"HTTP/1.1 101"):
            raise LostError(head.decode("latin-1"))
        self._is_open = True
        if self._opening:
            self.send(self._opening)
        return self._frames(rest)

    def _frames(self, data: bytes) -> bytes:
        """Take the whole ones; what is left waits for more."""
        at, end = 0, len(data)
        while at + 2 <= end:
            begin, size = at + 2, data[at + 1]
            if size >= 126:
                begin = at + (4 if size == 126 else 10)
                size = int.from_bytes(data[at + 2 : begin], "big")
            if begin + size > end:
                break
            at, opcode = begin + size, data[at] & 0xF
            if opcode == _TEXT:
                self._take(data[begin:at])
            else:
                self._control(opcode, data[begin:at])
        return data[at:]

    def _take(self, payload: bytes) -> None:
        if payload == _ENGINE_PING:
            self.send(_ENGINE_PONG)
            return
        if self._awaited:
            self._wake(payload)
        self.heard(self, payload)

    def _wake(self, payload: bytes) -> None:
        if self._awaited and any(marker in payload for marker in self._awaited[0]):
            _, future = self._awaited
            self._awaited = None
            if not future.done():
                future.set_result(payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._transport.write(masked(payload, _PONG))
        elif opcode == _CLOSE:
            self.code = int.from_bytes(payload[:2], "big") or _NO_CODE
            self._transport.write(masked(payload[:2], _CLOSE))
            self._transport.close()


def _ignore(*_: object) -> None:
    pass
