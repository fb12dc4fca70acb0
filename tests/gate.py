"""A gate in front of PostgreSQL or Redis that a test can shut: connections through it break, new
ones are refused, as when the server stops."""

import contextlib
import os
import select
import socket
import struct
import time
from threading import Event, Thread
from typing import Any


class Gate:
    def __init__(self, host: str, port: str) -> None:
        self._server = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._flowing = Event()
        self._flowing.set()
        # Each piece of an answer takes so many seconds more.
        self.delay = 0.0
        self.port = 0
        self.open()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def freeze(self) -> None:
        """As a machine that hangs: connections are taken, and nothing is ever answered."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def shut(self) -> None:
        self.thaw()
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.break_connections()

    def break_connections(self) -> None:
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def reset_connections(self) -> None:
        """As a machine that was restarted answers: with a reset instead of an end."""
        for end in self._open:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for end in self._open:
            os.close(end.detach())
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._join(listener.accept()[0])

    def _join(self, client: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET
        server = socket.socket(family)
        try:
            server.connect(self._server)
        except OSError:  # it is gone just now, and may come back
            client.close()
            return
        self._open += [client, server]
        for source, target in ((client, server), (server, client)):
            Thread(target=self._pump, args=(source, target, server), daemon=True).start()

    def _pump(self, source: Any, target: Any, server: Any) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: closed meanwhile
            while data := _received(source):
                self._flowing.wait()
                if source is server:
                    time.sleep(self.delay)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _received(source: Any) -> bytes:
    """In short waits: a socket is not really closed while a thread waits for it in the kernel."""
    while not select.select([source], [], [], 0.05)[0]:
        pass
    data: bytes = source.recv(65_536)
    return data
