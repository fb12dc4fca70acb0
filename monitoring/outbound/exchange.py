"""A socket as http.client sees it, with an end to its patience and to its appetite."""

import io
import socket

from monitoring.outbound.errors import Deadline, OutboundError


class Exchange:
    """Every read and write is held to the deadline, so a server that sends a byte a second gains
    nothing; and after `budget` bytes, headers included, the stream simply ends."""

    def __init__(self, connection: socket.socket, deadline: Deadline, *, budget: int) -> None:
        self._connection = connection
        self._deadline = deadline
        self._budget = budget

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Stream(self))

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._deadline.remaining())
        try:
            self._connection.sendall(data)
        except TimeoutError:
            raise OutboundError("timeout") from None

    def receive(self, buffer: memoryview) -> int:
        allowed = buffer[: self._budget]
        if not allowed:
            return 0
        self._connection.settimeout(self._deadline.remaining())
        try:
            count = self._connection.recv_into(allowed)
        except TimeoutError:
            raise OutboundError("timeout") from None
        self._budget -= count
        return count

    def close(self) -> None:
        """http.client closes its end after the headers and reads on; who connected closes."""


class _Stream(io.RawIOBase):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return self._exchange.receive(buffer)
