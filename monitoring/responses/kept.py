"""An answer that is kept, as it lies in Redis and as it is sent. Imports no Django."""

import time
from typing import NamedTuple, Self

import msgspec

from monitoring.responses.variants import IDENTITY, chosen, etag_of, is_unchanged, strong_etag
from monitoring.trace import Send, id_header

OFFER = "Rallypoint-Keep"

Headers = list[tuple[bytes, bytes]]

_OFFER = OFFER.lower().encode()
# Made anew for each answer from what is kept.
_OURS = frozenset({_OFFER, b"content-length", b"etag", b"vary", b"age", b"x-cache"})
# What belongs to one exchange and not to the answer.
_PASSING = frozenset({
    b"x-correlation-id", b"connection", b"date", b"retry-after", b"ratelimit", b"ratelimit-policy",
})  # fmt: skip


class Kept(msgspec.Struct, array_like=True):
    """An answer with status 200; `at` is Unix time, `seconds` for how long it is fresh after that
    and `stale` for how much longer it is better than none."""

    tag: str
    generation: bytes
    at: float
    seconds: int
    stale: int
    etag: bytes
    route: str
    headers: Headers
    bodies: dict[str, bytes]

    @property
    def age(self) -> float:
        return time.time() - self.at

    @property
    def is_fresh(self) -> bool:
        return self.age < self.seconds

    @property
    def has_ended(self) -> bool:
        return self.age >= self.seconds + self.stale


class Offer(NamedTuple):
    """What a view says of its answer in the header OFFER."""

    seconds: int
    stale: int
    generation: bytes
    tag: str
    route: str

    def __str__(self) -> str:
        return f"{self.seconds} {self.stale} {self.generation.decode()} {self.tag} {self.route}"

    @classmethod
    def of(cls, headers: Headers) -> Self | None:
        """None of an answer that sets a cookie, too: that is for one caller."""
        names = {name for name, _ in headers}
        if _OFFER not in names or b"set-cookie" in names:
            return None
        raw = next(value for name, value in headers if name == _OFFER)
        seconds, stale, generation, tag, route = raw.decode().split(" ", 4)
        return cls(int(seconds), int(stale), generation.encode(), tag, route)


def without_offer(headers: Headers) -> Headers:
    """It is ours, and goes no further. Not every application writes names in lower case."""
    return [(name, value) for name, value in headers if name.lower() != _OFFER]


def passing(headers: Headers) -> Headers:
    return [pair for pair in headers if pair[0] in _PASSING]


def keep(offer: Offer, headers: Headers, bodies: dict[str, bytes]) -> Kept:
    given = dict(headers)
    etag = given.get(b"etag") or strong_etag(bodies[IDENTITY])
    vary = b", ".join(filter(None, [given.get(b"vary"), b"Accept-Encoding"]))
    lasting = [pair for pair in headers if pair[0] not in _OURS | _PASSING]
    return Kept(
        tag=offer.tag,
        generation=offer.generation,
        at=time.time(),
        seconds=offer.seconds,
        stale=offer.stale,
        etag=etag,
        route=offer.route,
        headers=[*lasting, (b"vary", vary)],
        bodies=bodies,
    )


class Variant(NamedTuple):
    """The answer in one encoding, with what can be said of it once and for all."""

    etag: bytes
    headers: Headers
    length: tuple[bytes, bytes]
    body: bytes


class Held:
    """A kept answer in this process, made ready once for each encoding. `retry_at` is when to ask
    for a newer one again, after an attempt that failed (monotonic)."""

    __slots__ = ("_variants", "kept", "retry_at", "size")

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.retry_at = 0.0
        self.size = 1_024 + sum(map(len, kept.bodies.values()))
        self._variants: dict[str, Variant] = {}

    async def answer(
        self, asked: "Asked", send: Send, *, outcome: bytes, own: Headers | None = None
    ) -> None:
        """`own` are headers of this exchange alone, its id among them."""
        encoding = chosen(asked.accept_encoding, self.kept.bodies)
        etag, lasting, length, body = self._variants.get(encoding) or self._prepare(encoding)
        age = b"%d" % max(0, int(self.kept.age))
        headers = [*lasting, (b"age", age), (b"x-cache", outcome)]
        headers += own or (id_header(asked.correlation),)
        status = 200
        if is_unchanged(asked.if_none_match, etag):
            status, body = 304, b""
        else:
            headers.append(length)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if asked.is_head else body})

    def _prepare(self, encoding: str) -> Variant:
        body, etag = self.kept.bodies[encoding], etag_of(self.kept.etag, encoding)
        headers = [*self.kept.headers, (b"etag", etag)]
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        length = (b"content-length", str(len(body)).encode())
        made = self._variants[encoding] = Variant(etag, headers, length, body)
        return made


class Asked(NamedTuple):
    """A request for something public: what its answer depends on."""

    key: bytes
    is_head: bool
    accept_encoding: bytes
    if_none_match: bytes
    correlation: bytes | None
