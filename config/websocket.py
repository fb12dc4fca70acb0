"""gunicorn's WebSocket, with three things changed: the application may write finished frames
straight into the transport, a client's frames are unmasked as one number instead of byte by byte,
and who has gone is not told goodbye."""

from typing import Any

from gunicorn.asgi import websocket

from realtime.socket.lines import TRANSPORT


class WebSocket(websocket.WebSocketProtocol):
    async def run(self) -> None:
        self.scope.setdefault("extensions", {})[TRANSPORT] = self.transport
        await super().run()

    async def _send_close(self, code: int, reason: str = "") -> None:
        """Of a client that has gone, gunicorn's raises: the connection is then neither closed nor
        forgotten, and a traceback is in the log."""
        if self.transport.is_closing():
            self.closed = self._close_sent = True
            self._close_event.set()
        else:
            await super()._send_close(code, reason)

    def _unmask(self, payload: bytes, masking_key: bytes) -> bytes:
        """64 KiB took 5 ms, in which nobody else was served."""
        length = len(payload)
        key = (masking_key * (length // 4 + 1))[:length]
        masked = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
        return masked.to_bytes(length, "little")


def install() -> None:
    """gunicorn has no setting for it, and looks the class up at each handshake."""
    module: Any = websocket
    module.WebSocketProtocol = WebSocket
