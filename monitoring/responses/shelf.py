"""Where answers are kept: this process' memory first, the evictable Redis behind it for all.

While Redis is away, or slow, nobody waits for it (`monitoring.breakers.outage`). Imports no Django.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from monitoring.breakers.redis import cache_outage
from monitoring.redis_clients import AWAY, asynchronous
from monitoring.responses.connection import KeptConnection
from monitoring.responses.kept import Held, Kept

# The digit changes with what is kept.
PREFIX = "rallypoint:responses:4:"
# Whoever asks ever new questions gets ever new answers: they take each other's places. At 256 KiB
# each, at most, that is 128 MiB of a Redis that may hold more than what can be made again.
PLACES = 512
# Not much more than a busy event loop may need to see an answer that has come: who takes that for
# an outage sends a crowd to Django when it is least welcome.
TIMEOUT = 0.5
MEMORY = 16 * 1024 * 1024
# Who computes longer than this is thought dead, and another process begins.
LOCK_SECONDS = 5
# Whoever took longer than that must not end the turn of the next.
_GIVE_BACK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

T = TypeVar("T")


class Filed(msgspec.Struct, array_like=True):
    """With whose it is: several share a place."""

    digest: bytes
    kept: Kept


class Shelf:
    def __init__(self, redis_url: str) -> None:
        self._redis = asynchronous(redis_url, timeout=TIMEOUT)
        self._line = KeptConnection(redis_url, timeout=TIMEOUT)
        self._outage = cache_outage(redis_url)
        self._decode = msgspec.msgpack.Decoder(Filed).decode

    @property
    def is_away(self) -> bool:
        return self._outage.is_on

    async def find(self, key: bytes) -> Kept | None:
        digest = _digest(key)
        raw: Any = await self._try(lambda: self._redis.get(_place(digest)), None)
        if raw is None:
            return None
        try:
            filed = self._decode(raw)
        except msgspec.DecodeError:  # of another version of this program
            return None
        # rule: comparison - of a public address, which names a kept answer
        return filed.kept if filed.digest == digest else None

    async def put(self, key: bytes, kept: Kept) -> None:
        digest = _digest(key)
        raw = msgspec.msgpack.encode(Filed(digest, kept))
        seconds = max(1, kept.seconds + kept.stale)
        await self._try(lambda: self._redis.set(_place(digest), raw, ex=seconds), None)

    async def take(self, key: bytes) -> bytes | None:
        """The right to compute it, to be given back; everybody has it while Redis is away."""
        lock, turn = _lock(key), secrets.token_bytes(16)
        setting: Any = lambda: self._redis.set(lock, turn, nx=True, ex=LOCK_SECONDS)  # noqa: E731
        return turn if await self._try(setting, fallback=True) else None

    async def give_back(self, key: bytes, turn: bytes) -> None:
        await self._try(lambda: self._redis.eval(_GIVE_BACK, 1, _lock(key), turn), 0)

    async def read(self, keys: list[str]) -> list[bytes | None]:
        """One caller at a time."""
        nothing: list[bytes | None] = [None] * len(keys)
        return await self._try(lambda: self._line.ask("MGET", *keys), nothing)

    async def close(self) -> None:
        await self._line.close()
        await self._redis.aclose(close_connection_pool=True)

    async def _try(self, ask: Callable[[], Any], fallback: T) -> T:
        if self.is_away:
            return fallback
        try:
            answer: T = await ask()
        except AWAY as error:
            self._outage.begin(error)
            return fallback
        self._outage.note_answer()
        return answer


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _place(digest: bytes) -> str:
    return f"{PREFIX}{int.from_bytes(digest[:8]) % PLACES}"


def _lock(key: bytes) -> str:
    return f"{PREFIX}lock:{_digest(key).hex()}"


class Memory:
    """What was asked for most recently, up to `limit` bytes. It is never believed without a look at
    its generation, so it saves the way of the answer and not the question."""

    def __init__(self, limit: int = MEMORY) -> None:
        self._limit = limit
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self.size = 0

    def find(self, key: bytes) -> Held | None:
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
        return held

    def put(self, key: bytes, held: Held) -> None:
        self.forget(key)
        self._held[key] = held
        self.size += held.size + len(key)
        while self.size > self._limit:
            dropped, other = self._held.popitem(last=False)
            self.size -= other.size + len(dropped)

    def forget(self, key: bytes) -> None:
        if (held := self._held.pop(key, None)) is not None:
            self.size -= held.size + len(key)
