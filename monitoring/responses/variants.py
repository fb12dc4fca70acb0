"""An answer in the encodings that its callers can read, and whether they have it already.
Imports no Django."""

import gzip
import hashlib
from collections.abc import Container
from functools import lru_cache

import brotli

IDENTITY, GZIP, BROTLI = "", "gzip", "br"
# Below this, what is saved is less than the headers that say so.
COMPRESS_FROM = 1_024
_PREFERRED = (BROTLI, GZIP)
_TEXTUAL = (b"text/", b"application/json", b"application/problem+json", b"image/svg+xml")


def encoded(body: bytes, content_type: bytes) -> dict[str, bytes]:
    """The body as it is and, where that is shorter, in other encodings. Takes milliseconds."""
    bodies = {IDENTITY: body}
    if len(body) >= COMPRESS_FROM and content_type.startswith(_TEXTUAL):
        others = {BROTLI: brotli.compress(body, quality=5), GZIP: gzip.compress(body, 6, mtime=0)}
        bodies |= {name: other for name, other in others.items() if len(other) < len(body)}
    return bodies


def chosen(accepted: bytes, offered: Container[str]) -> str:
    """The best of `offered` for this Accept-Encoding (RFC 9110, 12.5.3). Who accepts nothing of it
    is sent the plain body all the same."""
    if not accepted:
        return IDENTITY
    return next((name for name in _accepted(accepted) if name in offered), IDENTITY)


@lru_cache(maxsize=256)
def _accepted(header: bytes) -> tuple[str, ...]:
    """Browsers have few ways to say it; so each is read once."""
    weights: dict[str, float] = {}
    for part in header.decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    everything = weights.get("*", 0.0)
    found = {name: weights.get(name, everything) for name in _PREFERRED}
    plain = weights.get("identity", 0.0)
    wanted = [name for name in _PREFERRED if found[name] > 0 and found[name] >= plain]
    return tuple(sorted(wanted, key=lambda name: -found[name]))


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


def strong_etag(body: bytes) -> bytes:
    return b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'


def etag_of(etag: bytes, encoding: str) -> bytes:
    """A strong one names the very bytes, so each encoding has its own."""
    if not encoding or etag.startswith(b"W/"):
        return etag
    return etag[:-1] + b"-" + encoding.encode() + b'"'


def is_unchanged(if_none_match: bytes, etag: bytes) -> bool:
    """By weak comparison (RFC 9110, 13.1.2): a proxy that compresses makes weak ones of ours."""
    if not if_none_match:
        return False
    wanted = etag.removeprefix(b"W/")
    known = [part.strip().removeprefix(b"W/") for part in if_none_match.split(b",")]
    return wanted in known or known == [b"*"]
