"""`cacheable`: what a function gives, kept for its next callers."""

import hashlib
import time
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, get_type_hints

import msgspec
from django.db import InterfaceError, OperationalError, transaction

from monitoring.cache.changes import Tags, tags_of
from monitoring.cache.entries import Entry, is_due, soft_end
from monitoring.cache.flights import Flights
from monitoring.cache.store import Looked, store
from monitoring.lookups import looked_up

P = ParamSpec("P")
R = TypeVar("R")

# How long somebody waits for another one who computes the same.
PATIENCE = 5.0
# A database that has just failed is not asked again by each caller who can have an old value.
PAUSE = 1.0
_POLL = 0.01
_TRIES = 3
DATABASE_AWAY = (OperationalError, InterfaceError)


class Keeping(NamedTuple):
    """Seconds: `ttl` until a value is computed again, `stale` for which it is given after that
    while the database is away, `negative` instead of `ttl` for None."""

    ttl: float
    stale: float
    negative: float
    tags: Tags
    version: int

    def seconds_of(self, value: object) -> float:
        return self.negative if value is None else self.ttl


def cacheable(
    *,
    ttl: float,
    key: Callable[..., object] | None = None,
    tags: Tags = (),
    stale: float = 3_600,
    negative: float | None = None,
    version: int = 1,
) -> Callable[[Callable[P, R]], "Cached[P, R]"]:
    """Keep what the function gives, None too, for its next callers in all processes.

    `key` gives from the arguments what tells values apart (numbers, texts, tuples of them; without
    it, the arguments themselves); `tags` names from them what the value speaks of. Raise `version`
    when a value of the same type comes to mean something else. The function's annotation says of
    which type its values are: everything that msgspec can read back, no models. What it raises is
    raised and not kept.
    """
    keeping = Keeping(ttl, stale, ttl if negative is None else negative, tags, version)
    return lambda compute: Cached(compute, key, keeping)


class _Asked(NamedTuple):
    key: str
    tags: list[str]
    compute: Callable[[], Any]


class _Found(NamedTuple):
    entry: Entry
    outcome: str


class Cached(Generic[P, R]):
    def __init__(
        self, compute: Callable[P, R], key: Callable[..., object] | None, keeping: Keeping
    ) -> None:
        update_wrapper(self, compute)
        self.name = f"{compute.__module__}.{compute.__qualname__}"
        self._compute = compute
        self._key = key
        self._keeping = keeping
        self._decode = msgspec.msgpack.Decoder(get_type_hints(compute)["return"]).decode
        self._flights: Flights[_Found] = Flights(patience=PATIENCE)
        self._failing_until = 0.0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if transaction.get_connection().in_atomic_block:
            return self._compute(*args, **kwargs)
        asked = self._ask(*args, **kwargs)
        if self._flights.is_mine(asked.key):
            return self._compute(*args, **kwargs)
        for _ in range(_TRIES):
            looked = store.look([asked.key], asked.tags)
            if looked is None:
                break
            try:
                found, is_mine = self._find(asked, looked)
                if is_mine or found.entry.generations == looked.under(asked.tags):
                    looked_up(self.name, found.outcome)
                    value: R = self._decode(found.entry.value)
                    return value
            except msgspec.ValidationError:  # of another version of this program
                break
            # Somebody else's, begun before a change that this call may know of.
        looked_up(self.name, "away")
        return self._compute(*args, **kwargs)

    def _ask(self, *args: P.args, **kwargs: P.kwargs) -> _Asked:
        parts = self._key(*args, **kwargs) if self._key else (args, kwargs)
        return _Asked(
            key_of(self.name, self._keeping.version, parts),
            tags_of(self._keeping.tags, *args, **kwargs),
            partial(self._compute, *args, **kwargs),
        )

    def _find(self, asked: _Asked, looked: Looked) -> tuple[_Found, bool]:
        kept = current(looked, 0, asked.tags)
        if kept and time.time() < kept.until:
            return self._early(asked, kept) if is_due(kept) else _Found(kept, "hit"), True
        if kept and time.monotonic() < self._failing_until:
            return _Found(kept, "stale"), True
        found, is_mine = self._flights.fly(asked.key, partial(self._fly, asked, kept))
        return found if is_mine else found._replace(outcome="shared"), is_mine

    def _fly(self, asked: _Asked, old: Entry | None) -> _Found:
        """Of the processes, too, one computes; the others look again and again for what it found,
        and take over when it dies or takes too long."""
        give_up_at = time.monotonic() + PATIENCE
        while True:
            lock = store.take(asked.key)
            try:
                # After the lock: it may have been computed between the first look and now.
                looked = store.look([asked.key], asked.tags)
                kept = looked and current(looked, 0, asked.tags)
                if kept and time.time() < kept.until:
                    return _Found(kept, "shared")
                if lock or looked is None or time.monotonic() > give_up_at:
                    return self._renew(asked, old, looked and looked.under(asked.tags))
            finally:
                if lock:
                    store.give_back(lock)
            time.sleep(_POLL)

    def _early(self, asked: _Asked, kept: Entry) -> _Found:
        """Renewed by one, for whom it costs a computation; the others go on with what there is."""
        if self._flights.is_flying(asked.key) or (lock := store.take(asked.key)) is None:
            return _Found(kept, "hit")
        try:
            return self._renew(asked, kept, kept.generations)._replace(outcome="early")
        finally:
            store.give_back(lock)

    def _renew(self, asked: _Asked, old: Entry | None, generations: list[bytes] | None) -> _Found:
        """`generations` are from before this moment; None while Redis is away."""
        started = time.monotonic()
        try:
            value = asked.compute()
        except DATABASE_AWAY:
            if old is None:
                raise
            self._failing_until = time.monotonic() + PAUSE
            return _Found(old, "stale")
        cost = time.monotonic() - started
        entry = entry_of(value, self._keeping, cost, generations or [])
        if generations is not None:
            store.put({asked.key: entry}, keep=self._keeping.stale)
        return _Found(entry, "miss")


def key_of(name: str, version: int, parts: object) -> str:
    """TypeError for parts that are no plain values: a model is not what tells values apart."""
    packed = msgspec.msgpack.encode(parts, order="deterministic")
    return f"rallypoint:cache:{name}:{version}:{hashlib.sha256(packed).hexdigest()[:32]}"


def current(looked: Looked, number: int, tags: list[str]) -> Entry | None:
    """The entry, unless something has changed since."""
    entry = looked.entries[number]
    return entry if entry and entry.generations == looked.under(tags) else None


def entry_of(value: object, keeping: Keeping, cost: float, generations: list[bytes]) -> Entry:
    packed = msgspec.Raw(msgspec.msgpack.encode(value))
    return Entry(soft_end(keeping.seconds_of(value)), cost, generations, packed)
