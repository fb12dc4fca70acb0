"""One HTTP request and its answer."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple, cast
from urllib.parse import SplitResult

from monitoring.outbound.connector import WEB_PORTS, Connector
from monitoring.outbound.errors import Deadline, OutboundError
from monitoring.outbound.exchange import Exchange


class Request(NamedTuple):
    method: str
    url: SplitResult
    headers: Mapping[str, str]
    body: bytes | None = None


@contextmanager
def ask(
    request: Request, *, connector: Connector, deadline: Deadline, budget: int
) -> Iterator[HTTPResponse]:
    """Send it and give the answer, to be read inside of the `with`. OutboundError when there is
    none, `bad_response` when it breaks off while it is read; after `budget` bytes it ends."""
    url = request.url
    host, is_https = _host(url), url.scheme == "https"
    port = url.port if url.port is not None else (443 if is_https else 80)
    try:
        with closing(connector.connect(host, port, deadline, tls=is_https)) as connection:
            yield _send(request, Exchange(connection, deadline, budget=budget))
    except (OSError, HTTPException, ValueError):
        deadline.remaining()
        raise OutboundError("bad_response") from None


def _host(url: SplitResult) -> str:
    return cast("str", url.hostname).rstrip(".")


def _send(request: Request, exchange: Exchange) -> HTTPResponse:
    # rule: timeout - of the socket that it is given, which has a deadline
    connection = HTTPConnection(_host(request.url))
    connection.sock = cast("Any", exchange)
    headers = {
        "Host": _named(request.url),
        **request.headers,
        # Nothing compressed: a small answer cannot become a big one.
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    target = request.url._replace(scheme="", netloc="", fragment="").geturl()
    connection.request(request.method, target, body=request.body, headers=headers)
    return connection.getresponse()


def _named(url: SplitResult) -> str:
    """As servers expect to be called: with the port where it is not one of the usual."""
    host = _host(url)
    name = f"[{host}]" if ":" in host else host
    return name if url.port is None or url.port in WEB_PORTS else f"{name}:{url.port}"
