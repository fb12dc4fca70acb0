"""What rooms have observed, announced to whoever wants to know, always after the commit.

Signals carry `ids`, at most TOGETHER: `message_posted` and `message_changed` the public ids of
messages, as strings, `presence_observed` the ids of stays. Direct rooms are nobody's business. A
process that dies has announced nothing of what it stored last: who must not miss a fact looks into
the tables from time to time.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.db import transaction
from django.dispatch import Signal

log = structlog.get_logger("rallypoint.rooms")

presence_observed = Signal()
message_posted = Signal()
message_changed = Signal()

TOGETHER = 500
MOST_WAITING = 10_000
GATHERED_FOR = 0.1
CLOSED_WITHIN = 2.0

Id = int | str


def announce_after_commit(signal: Signal, ids: Sequence[Id]) -> None:
    """From where there is no event loop: receivers are called in this thread."""
    if signal.has_listeners():
        transaction.on_commit(partial(_announce, signal, ids))


def _announce(signal: Signal, ids: Sequence[Id]) -> None:
    """Receivers that raise are logged by Django, and the others are called all the same."""
    for first in range(0, len(ids), TOGETHER):
        signal.send_robust(sender=None, ids=list(ids[first : first + TOGETHER]))


class Announcer:
    """From an event loop, where nobody may block: a thread calls the receivers with what has
    gathered. While they are slower than what happens, the oldest is dropped beyond MOST_WAITING of
    a kind; `dropped` counts that."""

    def __init__(self) -> None:
        self.dropped = self._noted = 0
        self._waiting: dict[Signal, dict[Id, None]] = {}
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="facts")

    def announce(self, signal: Signal, ids: Iterable[Id]) -> None:
        """What has been committed. The same id again, before it was told, is told once."""
        if not signal.has_listeners():
            return
        waiting = self._waiting.setdefault(signal, {})
        waiting |= dict.fromkeys(ids)
        self._wake.set()
        if (too_many := len(waiting) - MOST_WAITING) > 0:
            for one in list(islice(waiting, too_many)):
                del waiting[one]
            self.dropped += too_many

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHERED_FOR)
            await self._tell()

    async def close(self) -> None:
        """When the last has been told, or receivers take too long for it."""
        try:
            async with asyncio.timeout(CLOSED_WITHIN):
                await self._tell()
        except TimeoutError:
            log.warning("facts_not_announced", count=sum(map(len, self._waiting.values())))
        self._thread.shutdown(wait=False)

    async def _tell(self) -> None:
        self._wake.clear()
        self._note_dropped()
        for signal in tuple(self._waiting):
            await self._on_a_thread(signal, list(self._waiting.pop(signal)))

    async def _on_a_thread(self, *values: Any) -> None:
        """One that gives its connection to PostgreSQL back."""
        call: Any = database_sync_to_async(_announce, thread_sensitive=False, executor=self._thread)
        await call(*values)

    def _note_dropped(self) -> None:
        if self.dropped > self._noted:
            log.warning("facts_dropped", count=self.dropped - self._noted, in_all=self.dropped)
            self._noted = self.dropped
