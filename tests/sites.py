"""Servers of a test's own, over real connections; only where names lead to is made up."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

from monitoring.outbound import Connector

HERE = "127.0.0.1"
PAGE = b"<title>Spring</title><link rel=icon href=/i.png></head>"
Handler = Callable[[socket.socket, bytes], None]


def answer(
    body: bytes = PAGE, *headers: str, status: str = "200 OK", kind: str = "text/html"
) -> Handler:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *headers]
    raw = "\r\n".join([*lines, "", ""]).encode() + body
    return lambda connection, _: connection.sendall(raw)


def redirect(location: str, status: str = "302 Found") -> Handler:
    return answer(b"", f"Location: {location}", "Set-Cookie: a=b", status=status)


class Site:
    """A server of one connection after another; the last handler stays."""

    def __init__(self, *handlers: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.closing = threading.Event()
        self._handlers = list(handlers)
        self._tls = tls
        self._listener = socket.create_server((HERE, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        # On Linux closing alone does not wake up accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._handle(connection)

    def _handle(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            if request := _received(connection):
                self.requests.append(request)
                handler = self._handlers.pop(0) if len(self._handlers) > 1 else self._handlers[0]
                handler(connection, request)
        except OSError:
            return  # the client had enough
        finally:
            connection.close()


def _received(connection: socket.socket) -> bytes:
    """A request with its body, or what came before the client went away."""
    request, wanted = b"", 0
    while len(request) <= wanted and (block := connection.recv(4096)):
        request += block
        head, end, _ = request.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        wanted = len(head + end) + int(length[1] if length else 0) - 1 if end else len(request)
    return request


def started_sites() -> Iterator[Callable[..., Site]]:
    """As a fixture: what starts sites, and closes them after the test."""
    sites: list[Site] = []

    def start(*handlers: Handler, tls: ssl.SSLContext | None = None) -> Site:
        sites.append(Site(*handlers, tls=tls))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


def towards(site: Site, **options: Any) -> Connector:
    """Every name leads to the site, and its address passes for a public one."""
    return Connector(
        **{"resolve": lambda *_: [(HERE, site.port)], "is_allowed": HERE.__eq__, **options}
    )
