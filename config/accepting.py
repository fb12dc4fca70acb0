"""New connections, many in one turn of the event loop.

uvloop takes one each turn, so a loop whose turns take 5 ms takes 200 a second: a crowd that comes
back after a reload waits in the kernel's queue, and a probe behind it, while the loop is on time.
"""

import asyncio
import errno
import socket
from collections.abc import Callable

import structlog

logger = structlog.get_logger("rallypoint.worker")

# A turn; the other workers are awake too and take the rest.
MOST_AT_ONCE = 16
# There is no descriptor or memory for another connection. asyncio's server takes those who come,
# and cuts them off; asking without a pause would only keep the loop busy.
PAUSE = 1.0
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Acceptor:
    """Beside the server that asyncio has for the same listener, until it is closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        self._loop = loop
        self._listener = listener.dup()
        self._listener.settimeout(0)
        self._protocol = protocol
        self._connecting: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._resume()

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _resume(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                logger.warning("no_more_connections", error=errno.errorcode[error.errno])
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(PAUSE, self._resume)
                return
            self._connect(connection)

    def _connect(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        connecting = self._loop.connect_accepted_socket(self._protocol, connection)
        task = self._loop.create_task(connecting)
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
