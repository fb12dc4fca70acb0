"""A target's page over HTTP: anonymous, short, and checked anew at every redirect."""

from collections.abc import Iterator
from http.client import HTTPResponse, IncompleteRead
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from django.conf import settings

from links.addresses import WEB_SCHEMES, AddressError, normalize_address
from links.metadata.charsets import decode_page
from links.metadata.errors import MetadataError
from links.metadata.page import Metadata, read_page
from monitoring.breakers import BreakerOpenError, Breakers, Limits
from monitoring.outbound import Connector, Deadline, OutboundError, Request, ask

MAX_SECONDS = 5.0
MAX_BYTES = 1024 * 1024
MAX_REDIRECTS = 2
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTENT_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_BLOCK = 64 * 1024
# A thousand links to one site that is away must not each cost their whole time.
_BREAKERS = Breakers(
    "link_metadata", Limits(slow_seconds=4.0, open_seconds=30.0), failures=(OutboundError,)
)


class _Answer(NamedTuple):
    """Either where to go on, or a page."""

    location: str = ""
    body: bytes = b""
    charset: str = ""


def fetch_metadata(
    url: str, *, connector: Connector | None = None, seconds: float = MAX_SECONDS
) -> Metadata:
    """MetadataError when nothing can be had. What the page does not say is ""."""
    try:
        return _fetch(url, connector or Connector(), Deadline(seconds))
    except OutboundError as error:
        raise MetadataError(error.code) from None


def _fetch(url: str, connector: Connector, deadline: Deadline) -> Metadata:
    for _ in range(MAX_REDIRECTS + 1):
        parts = _checked(url)
        answer = _get(parts, connector, deadline)
        if not answer.location:
            text = decode_page(answer.body, answer.charset)
            return read_page(text, parts.geturl(), deadline)
        url = _join(parts.geturl(), answer.location)
    raise MetadataError("too_many_redirects")


def _checked(url: str) -> SplitResult:
    """The rules for a link's target hold for wherever it redirects to as well."""
    try:
        parts = urlsplit(normalize_address(url))
    except AddressError:
        raise MetadataError("address_invalid") from None
    if parts.scheme not in WEB_SCHEMES:
        raise MetadataError("address_invalid")
    return parts


def _get(parts: SplitResult, connector: Connector, deadline: Deadline) -> _Answer:
    headers = {
        "User-Agent": f"Rallypoint/{settings.VERSION} (+{settings.PUBLIC_URL})",
        "Accept": "text/html, application/xhtml+xml",
    }
    request = Request("GET", parts, headers)
    try:
        with (
            _BREAKERS.of(parts.netloc).guard(),
            ask(request, connector=connector, deadline=deadline, budget=MAX_BYTES) as response,
        ):
            return _answer(response)
    except BreakerOpenError:
        raise MetadataError("circuit_open") from None


def _answer(response: HTTPResponse) -> _Answer:
    location = response.headers.get("Location")
    if response.status in _REDIRECTS and location:
        return _Answer(location=_as_utf8(location))
    if response.status != 200:
        raise MetadataError("status")
    if response.headers.get_content_type() not in _CONTENT_TYPES:
        raise MetadataError("content_type")
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise MetadataError("content_encoding")
    charset = response.headers.get_content_charset() or ""
    return _Answer(body=b"".join(_head_of(response)), charset=charset)


def _head_of(response: HTTPResponse) -> Iterator[bytes]:
    """The page up to where its head ends; nothing that is looked for comes after it."""
    before = b""
    while True:
        try:
            block = response.read1(_BLOCK)
        except IncompleteRead:
            return
        yield block
        if not block or b"</head" in (before + block).lower():
            return
        before = block[-6:]


def _as_utf8(header: str) -> str:
    """http.client takes every byte for a character."""
    return header.encode("latin-1").decode("utf-8", "replace")


def _join(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        raise MetadataError("address_invalid") from None
