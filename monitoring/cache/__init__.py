"""What functions give, kept in the evictable Redis: computed once by however many ask at a time,
renewed before it ends, served a little longer while the database is away.

    @cacheable(ttl=60, tags=lambda board, limit: [f"board:{board}"])
    def top(board: int, limit: int) -> list[Place]: ...

    @cache_invalidate(tags=lambda board: [f"board:{board}"])
    def rebuild(board: int) -> None: ...

A value is kept under the generations that its tags had *before* it was computed; a change raises
them after its commit, and so no value computed from old rows is served for longer than it takes to
say so. Inside of a transaction nothing is looked up and nothing kept: what it sees may never be
committed. Kept answers (`monitoring.responses`) know the same tags.
"""

from monitoring.cache.batches import cacheable_many
from monitoring.cache.changes import cache_invalidate
from monitoring.cache.values import cacheable

__all__ = ["cache_invalidate", "cacheable", "cacheable_many"]
