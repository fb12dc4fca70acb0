"""What the redirect reads of a request."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from links.agents import MAX_AGENT_LENGTH
from links.redirect.countries import Countries
from links.slugs import MAX_LENGTH, slug_key
from monitoring.proxies import TrustedProxies
from monitoring.trace import valid_or_new

_PREFETCH = frozenset({b"sec-purpose", b"purpose", b"x-moz", b"x-purpose"})
_PREFETCH_VALUES = (b"prefetch", b"preview", b"prerender")


class Caller(NamedTuple):
    """Who asks, as far as headers tell. `private` asks not to be profiled (DNT, GPC)."""

    address: str
    country: str
    agent: str
    language: str
    referrer: str
    private: bool


class Addresses:
    """Tells short addresses from every other path, and which link domain they belong to."""

    def __init__(self, reserved: Iterable[str], domains: Iterable[str]) -> None:
        self._reserved = frozenset(reserved)
        self._domains = {domain.encode(): domain for domain in domains}

    def slug_of(self, path: str) -> str | None:
        """The one segment of `path`, or None when the path is not a short address."""
        slug = path[1:]
        if not slug or "/" in slug:
            return None
        return None if slug_key(slug) in self._reserved else slug

    def locate(self, slug: str, headers: dict[bytes, bytes]) -> tuple[str, str]:
        """(domain, slug key), which is what links are found by. Unknown hosts are the main one's:
        nothing in the answer depends on the Host header."""
        if not self._domains:
            return "", slug_key(slug)
        host = headers.get(b"host", b"").partition(b":")[0].lower()
        return self._domains.get(host, ""), slug_key(slug)


def could_be_slug(key: str) -> bool:
    """Whether any link can have this key: what cannot is not worth asking the stores for."""
    return (
        len(key) <= MAX_LENGTH * 3
        and all(
            character.isalnum() or character in "-_" or ord(character) > 127 for character in key
        )
        and key.isprintable()
    )


def is_counted(method: str, headers: dict[bytes, bytes]) -> bool:
    """HEAD and prefetches look without clicking: they are answered and never counted."""
    if method == "HEAD":
        return False
    if _PREFETCH.isdisjoint(headers):
        return True
    said = b" ".join(headers[name].lower() for name in _PREFETCH if name in headers)
    return not any(value in said for value in _PREFETCH_VALUES)


def wants_html(headers: dict[bytes, bytes]) -> bool:
    return b"text/html" in headers.get(b"accept", b"")


def correlation_of(headers: dict[bytes, bytes], event_id: bytes) -> bytes:
    """The caller's own id when it is harmless, else the event's: it names the click's row."""
    given = headers.get(b"x-correlation-id")
    return event_id.hex().encode() if given is None else valid_or_new(given).encode()


class Callers:
    """Reads a Caller from a request; believes proxies only where they are trusted."""

    def __init__(self, proxies: TrustedProxies, countries: Countries) -> None:
        self._client = lru_cache(maxsize=4096)(proxies.client)
        self._countries = countries

    def read(self, scope: dict[str, Any], headers: dict[bytes, bytes]) -> Caller:
        peer = scope["client"][0] if scope.get("client") else ""
        forwarded = headers.get(b"x-forwarded-for", b"")
        address = self._client(peer, forwarded.decode("latin-1")) if forwarded else peer
        # In the order of its fields: by name it takes twice as long.
        return Caller(
            address,
            self._countries.country(peer, address, headers),
            headers.get(b"user-agent", b"")[:MAX_AGENT_LENGTH].decode("latin-1"),
            headers.get(b"accept-language", b"")[:200].decode("latin-1"),
            headers.get(b"referer", b"")[:512].decode("latin-1"),
            headers.get(b"dnt") == b"1" or headers.get(b"sec-gpc") == b"1",
        )
