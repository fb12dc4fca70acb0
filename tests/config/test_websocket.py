"""What is ours of the server's WebSocket."""

import asyncio

from config.websocket import WebSocket


class GoneTransport:
    def is_closing(self) -> bool:
        return True

    def write(self, _: bytes) -> None:
        raise RuntimeError("the handler is closed")


async def test_who_has_gone_is_not_told_goodbye() -> None:
    socket = WebSocket.__new__(WebSocket)
    socket.transport, socket.closed = GoneTransport(), False
    socket._close_sent, socket._close_event = False, asyncio.Event()

    await socket._send_close(1011, "Application error")

    assert socket.closed
    assert socket._close_event.is_set()
