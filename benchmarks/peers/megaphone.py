"""The least that a room can do, `python -m benchmarks.peers.megaphone PORT`: whatever is said goes
to everybody as the same bytes, unread. What it reaches the load generator can take at least."""

import asyncio
import base64
import hashlib
import re
import sys

import uvloop

_KEY = re.compile(rb"\r\nsec-websocket-key: *(\S+)", re.IGNORECASE)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PONG = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npong"
_JOIN = 2
_everybody: set[asyncio.Transport] = set()


def _frame(text: bytes) -> bytes:
    return b"\x81\x7e" + len(text).to_bytes(2, "big") + text


_READY = _frame(b'{"event":"ready"}')
_JOINED = _frame(b'{"event":"room:joined"}')
# As long as those of the others.
_TOLD = _frame(
    b'{"event":"typing:started","data":{"room":"lobby","user":'
    b'{"id":"00000000-0000-0000-0000-000000000000","username":"player-100"}}}'
)


class Megaphone(asyncio.Protocol):
    """Each client sends its handshake, then one join, then nothing but what is told on."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._heard = 0

    def data_received(self, data: bytes) -> None:
        self._heard += 1
        if self._heard == 1:
            self._shake_hands(data)
        elif self._heard == _JOIN:
            _everybody.add(self._transport)
            self._transport.write(_JOINED)
        else:
            for _ in range(_frames_in(data)):
                for one in _everybody:
                    one.write(_TOLD)

    def connection_lost(self, _: Exception | None) -> None:
        _everybody.discard(self._transport)

    def _shake_hands(self, head: bytes) -> None:
        if not (key := _KEY.search(head)):
            self._transport.write(_PONG)
            self._transport.close()
            return
        digest = hashlib.sha1(key[1] + _GUID).digest()  # noqa: S324 - RFC 6455 has it so
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: rallypoint.v1\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n" + _READY
        )


def _frames_in(data: bytes) -> int:
    """Of less than 126 bytes each, masked, but for a close."""
    at = found = 0
    while at + 2 <= len(data):
        found += data[at] & 0xF == 1
        at += 6 + (data[at + 1] & 0x7F)
    return found


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Megaphone, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
