"""How each server is spoken to. The events and their data are the same; what they are wrapped in,
how one says who one is, and what an answer looks like are each server's own."""

from typing import Any, Protocol

import msgspec

_encode = msgspec.json.Encoder().encode
_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cmFsbHlwb2ludC1iZW5jaA==\r\n{more}\r\n"
)


class Dialect(Protocol):
    """The markers tell frames apart without parsing them."""

    ready: bytes
    ack: bytes
    error: bytes

    def request(self, host: str, token: str) -> bytes: ...

    def opening(self, token: str) -> bytes:
        """The first frame, or b""."""

    def frame(self, event: str, data: dict[str, Any], ref: int | None = None) -> bytes: ...


class Rallypoint:
    """Also that of the stock Channels consumer and of the megaphone, which imitate it."""

    ready, ack, error = b'"ready"', b'{"event":"ack"', b'{"event":"error"'

    def request(self, host: str, token: str) -> bytes:
        offered = f"Sec-WebSocket-Protocol: rallypoint.v1, bearer.{token}\r\n"
        return _UPGRADE.format(path="/ws/", host=host, more=offered).encode()

    def opening(self, _: str) -> bytes:
        return b""

    def frame(self, event: str, data: dict[str, Any], ref: int | None = None) -> bytes:
        ref_part = {} if ref is None else {"ref": str(ref)}
        return _encode({"event": event, **ref_part, "data": data})


class SocketIO:
    """Version 5 of its protocol over version 4 of Engine.IO's, WebSocket from the start."""

    ready, ack, error = b"40{", b"43", b"44{"

    def request(self, host: str, _: str) -> bytes:
        path = "/socket.io/?EIO=4&transport=websocket"
        return _UPGRADE.format(path=path, host=host, more="").encode()

    def opening(self, token: str) -> bytes:
        return b"40" + _encode({"token": token})

    def frame(self, event: str, data: dict[str, Any], ref: int | None = None) -> bytes:
        number = b"" if ref is None else b"%d" % ref
        return b"42" + number + _encode([event, data])


DIALECTS: dict[str, Dialect] = {"rallypoint": Rallypoint(), "socket.io": SocketIO()}
JOINED = b'"room:joined"'
