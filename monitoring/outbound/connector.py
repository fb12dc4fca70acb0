"""Connections to public addresses, to exactly the one that was checked.

A name is looked up once, all its addresses are checked, and one of those is connected to: there is
no second look-up in which the name could lead somewhere else (DNS rebinding). The name itself is
only used for TLS and in the request.
"""

import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from functools import cache
from threading import Thread

from monitoring.outbound.errors import Deadline, OutboundError
from monitoring.outbound.reach import is_public

# An IP address and a port, like the first two parts of what getaddrinfo calls a sockaddr.
Endpoint = tuple[str, int]
Resolve = Callable[[str, int], Sequence[Endpoint]]

WEB_PORTS = frozenset({80, 443})
_MAX_TRIES = 4


def look_up(host: str, port: int) -> Sequence[Endpoint]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), int(address[1])) for *_, address in found]


class Connector:
    """To the usual ports of the web unless `ports` says otherwise. `resolve`, `is_allowed` and
    `tls` are there for tests, which have no public addresses."""

    def __init__(
        self,
        *,
        ports: Collection[int] = WEB_PORTS,
        resolve: Resolve = look_up,
        is_allowed: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._ports = ports
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._tls = tls

    def connect(self, host: str, port: int, deadline: Deadline, *, tls: bool) -> socket.socket:
        if port not in self._ports:
            raise OutboundError("port_forbidden")
        endpoints = self._checked_endpoints(host, port, deadline)
        connection = _open_one(endpoints, deadline)
        return self._secure(connection, host, deadline) if tls else connection

    def _checked_endpoints(self, host: str, port: int, deadline: Deadline) -> Sequence[Endpoint]:
        """One forbidden address spoils them all: a name for both is up to something."""
        endpoints = _in_time(lambda: self._resolve(host, port), deadline)
        if not endpoints:
            raise OutboundError("name_unresolved")
        if not all(self._is_allowed(address) for address, _ in endpoints):
            raise OutboundError("address_forbidden")
        return endpoints[:_MAX_TRIES]

    def _secure(self, connection: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
        context = self._tls or _default_tls()
        try:
            connection.settimeout(deadline.remaining())
            return context.wrap_socket(connection, server_hostname=host)
        except (OSError, ValueError, OutboundError) as error:
            connection.close()
            raise _handshake_error(error) from None


@cache
def _default_tls() -> ssl.SSLContext:
    """Reading the certificates of all authorities takes a while: once a process."""
    return ssl.create_default_context()


def _in_time(look_up: Callable[[], Sequence[Endpoint]], deadline: Deadline) -> Sequence[Endpoint]:
    """getaddrinfo knows no time limit. A thread that is left behind ends by the resolver's own."""
    answer: Future[Sequence[Endpoint]] = Future()
    Thread(target=_answer, args=(answer, look_up), daemon=True).start()
    try:
        return answer.result(timeout=deadline.remaining())
    except TimeoutError:
        raise OutboundError("timeout") from None
    except (OSError, UnicodeError):
        raise OutboundError("name_unresolved") from None


def _answer(answer: Future[Sequence[Endpoint]], look_up: Callable[[], Sequence[Endpoint]]) -> None:
    try:
        answer.set_result(look_up())
    except Exception as error:  # noqa: BLE001 - raised again in the thread that asked
        answer.set_exception(error)


def _open_one(endpoints: Sequence[Endpoint], deadline: Deadline) -> socket.socket:
    """The first that answers; each gets its share of the time, should the others be dead."""
    for tried, endpoint in enumerate(endpoints):
        share = deadline.remaining() / (len(endpoints) - tried)
        try:
            return socket.create_connection(endpoint, timeout=share)
        except OSError:
            continue
    deadline.remaining()
    raise OutboundError("unreachable")


def _handshake_error(error: Exception) -> OutboundError:
    if isinstance(error, OutboundError):
        return error
    return OutboundError("timeout" if isinstance(error, TimeoutError) else "tls_failed")
