"""`cacheable_many`: the same for functions that are asked for many things at once."""

import time
from collections.abc import Callable, Collection, Hashable, Iterable
from functools import update_wrapper
from typing import Generic, NamedTuple, TypeVar, get_args, get_type_hints

import msgspec
from django.db import transaction

from monitoring.cache.changes import tags_of
from monitoring.cache.entries import Entry
from monitoring.cache.store import Looked, store
from monitoring.cache.values import DATABASE_AWAY, Keeping, current, entry_of, key_of
from monitoring.lookups import looked_up

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def cacheable_many(
    *,
    ttl: float,
    tags: Callable[[K], Iterable[str]] | Iterable[str] = (),
    stale: float = 3_600,
    negative: float | None = None,
    version: int = 1,
) -> Callable[[Callable[[Collection[K]], dict[K, V]]], "CachedMany[K, V]"]:
    """Keep each value of a function that takes ids and gives a dictionary of those it knows, as its
    annotation `dict[K, V]` says. It is asked for what is not kept, once; that it does not know an
    id is kept, too. Callers who lack the same do not wait for each other: see `cacheable`.
    """
    keeping = Keeping(ttl, stale, ttl if negative is None else negative, tags, version)
    return lambda compute: CachedMany(compute, keeping)


class _Asked(NamedTuple, Generic[K]):
    id: K
    key: str
    tags: list[str]


class CachedMany(Generic[K, V]):
    def __init__(self, compute: Callable[[Collection[K]], dict[K, V]], keeping: Keeping) -> None:
        update_wrapper(self, compute)
        self.name = f"{compute.__module__}.{compute.__qualname__}"
        self._compute = compute
        self._keeping = keeping
        of_value = get_args(get_type_hints(compute)["return"])[1]
        self._decode = msgspec.msgpack.Decoder(of_value | None).decode

    def __call__(self, ids: Iterable[K]) -> dict[K, V]:
        wanted = list(dict.fromkeys(ids))
        if not wanted or transaction.get_connection().in_atomic_block:
            return self._compute(wanted)
        asked = [self._ask(id_) for id_ in wanted]
        looked = store.look([one.key for one in asked], [tag for one in asked for tag in one.tags])
        if looked is None:
            looked_up(self.name, "away", len(asked))
            return self._compute(wanted)
        kept = {one.id: current(looked, number, one.tags) for number, one in enumerate(asked)}
        now = time.time()
        values = {
            id_: self._read(entry) for id_, entry in kept.items() if entry and now < entry.until
        }
        looked_up(self.name, "hit", len(values))
        if missing := [one for one in asked if one.id not in values]:
            values |= self._complete(missing, looked, kept)
        return {id_: value for id_, value in values.items() if value is not None}

    def _ask(self, id_: K) -> _Asked[K]:
        key = key_of(self.name, self._keeping.version, id_)
        return _Asked(id_, key, tags_of(self._keeping.tags, id_))

    def _read(self, entry: Entry) -> V | None:
        value: V | None = self._decode(entry.value)
        return value

    def _complete(
        self, missing: list[_Asked[K]], looked: Looked, kept: dict[K, Entry | None]
    ) -> dict[K, V | None]:
        started = time.monotonic()
        try:
            found = self._compute([one.id for one in missing])
        except DATABASE_AWAY:
            old = {one.id: entry for one in missing if (entry := kept[one.id])}
            if len(old) < len(missing):
                raise
            looked_up(self.name, "stale", len(old))
            return {id_: self._read(entry) for id_, entry in old.items()}
        cost = (time.monotonic() - started) / len(missing)
        entries = {
            one.key: entry_of(found.get(one.id), self._keeping, cost, looked.under(one.tags))
            for one in missing
        }
        store.put(entries, keep=self._keeping.stale)
        looked_up(self.name, "miss", len(missing))
        return {one.id: found.get(one.id) for one in missing}
