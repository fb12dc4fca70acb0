"""The ASGI side of kept answers: found in Redis, a public GET never enters Django.

Only callers without credentials and cookies are served from it. While Redis is away, or slow, every
request goes through, and for PAUSE seconds nobody waits for Redis. Imports no Django.
"""

import hashlib
import time
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import RedisError

from monitoring.metrics import name_route
from monitoring.redis_clients import asynchronous
from monitoring.trace import ASGIApplication, Message, Receive, Scope, Send

PREFIX = "rallypoint:responses:"
OFFER = "Rallypoint-Keep"
PAUSE = 1.0
# A request for something public costs Django milliseconds: no use in waiting longer for Redis.
TIMEOUT = 0.1
MAX_BYTES = 256 * 1024

_OFFER = OFFER.lower().encode()
_PERSONAL = frozenset({b"authorization", b"cookie", b"x-api-key"})
# What belongs to one exchange and not to the answer.
_PASSING = frozenset({
    *(_OFFER, b"x-correlation-id", b"connection", b"date", b"set-cookie"),
    *(b"ratelimit", b"ratelimit-policy"),
})  # fmt: skip
# OSError includes time-outs; RuntimeError is uvloop's word for a connection that was reset.
_AWAY = (OSError, RedisError, RuntimeError)


class Kept(msgspec.Struct, array_like=True):
    """An answer with status 200; `at` is Unix time."""

    tag: str
    generation: int
    at: float
    etag: bytes
    route: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Offer(NamedTuple):
    seconds: int
    generation: int
    tag: str
    route: str


class ResponseCache:
    """`prefix` is where public answers are: everything else passes at the cost of a comparison."""

    def __init__(self, app: ASGIApplication, *, redis_url: str, prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._redis = asynchronous(redis_url, timeout=TIMEOUT, connect_timeout=TIMEOUT)
        self._paused_until = 0.0
        self._decode = msgspec.msgpack.Decoder(Kept).decode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        key = _key(scope) if self._could_be_kept(scope) else None
        if key and (kept := await self._find(key)) is not None:
            name_route(scope, kept.route)
            await _answer(kept, scope, send)
            return
        await self._app(scope, receive, _Keeper(self, key, send))

    def _could_be_kept(self, scope: Scope) -> bool:
        return (
            scope["method"] == "GET"
            and time.monotonic() >= self._paused_until
            and not any(name in _PERSONAL for name, _ in scope["headers"])
        )

    async def _find(self, key: str) -> Kept | None:
        try:
            raw: Any = await self._redis.get(key)
            if raw is None:
                return None
            kept = self._decode(raw)
            current = await self._redis.get(f"{PREFIX}tag:{kept.tag}")
        except _AWAY:
            self._pause()
            return None
        except msgspec.DecodeError:  # of another version of this program
            return None
        return kept if int(current or 0) == kept.generation else None

    async def put(self, key: str, kept: Kept, seconds: int) -> None:
        try:
            await self._redis.set(key, msgspec.msgpack.encode(kept), ex=seconds)
        except _AWAY:
            self._pause()

    def _pause(self) -> None:
        self._paused_until = time.monotonic() + PAUSE

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)


class _Keeper:
    """Hands an answer on without its offer and, when there is a key to keep it under, keeps it."""

    def __init__(self, cache: ResponseCache, key: str | None, send: Send) -> None:
        self._cache, self._key, self._send = cache, key, send
        self._offer: _Offer | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = self._begin(message)
        elif self._offer and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if len(self._body) > MAX_BYTES:
                self._offer = None
            elif not message.get("more_body"):
                await self._keep(self._offer)
        await self._send(message)

    def _begin(self, message: Message) -> Message:
        """The offer is ours, and goes no further."""
        headers = [(bytes(name).lower(), bytes(value)) for name, value in message["headers"]]
        offers = [value for name, value in headers if name == _OFFER]
        if not offers:
            return message
        if self._key and message["status"] == 200:
            self._offer = _read_offer(offers[0])
            self._headers = [pair for pair in headers if pair[0] not in _PASSING]
        shown = [pair for pair in headers if pair[0] != _OFFER]
        return {**message, "headers": [*shown, (b"x-cache", b"MISS")]}

    async def _keep(self, offer: _Offer) -> None:
        assert self._key is not None  # noqa: S101 - without one there is no offer
        etag = b'"' + hashlib.sha256(self._body).hexdigest()[:32].encode() + b'"'
        kept = Kept(
            offer.tag, offer.generation, time.time(), etag, offer.route, self._headers, self._body
        )
        await self._cache.put(self._key, kept, offer.seconds)


def _read_offer(raw: bytes) -> _Offer:
    seconds, generation, tag, route = raw.decode().split(" ", 3)
    return _Offer(int(seconds), int(generation), tag, route)


def _key(scope: Scope) -> str:
    """The path as it was sent: two spellings are two answers. So are two origins, because the
    headers that let a browser read an answer name its own."""
    raw: Any = scope.get("raw_path") or scope["path"].encode()
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    parts = [raw.partition(b"?")[0], scope.get("query_string", b""), *origins]
    return PREFIX + hashlib.sha256(b"\0".join(parts)).hexdigest()


async def _answer(kept: Kept, scope: Scope, send: Send) -> None:
    age = str(max(0, int(time.time() - kept.at))).encode()
    ours = [(b"etag", kept.etag), (b"age", age), (b"x-cache", b"HIT")]
    unchanged = (b"if-none-match", kept.etag) in scope["headers"]
    headers = [pair for pair in kept.headers if not unchanged or pair[0] != b"content-length"]
    status, body = (304, b"") if unchanged else (200, kept.body)
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *ours]})
    await send({"type": "http.response.body", "body": body})
