"""Keeps what a web process knows true. Imports no Django: how PostgreSQL is asked is handed in."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from monitoring.maintenance.notice import KEY, Notice, current, decode, encode, put
from monitoring.redis_clients import AWAY, asynchronous

logger = structlog.get_logger("rallypoint.maintenance")

# Every process knows within a second.
LOOK_EVERY = 0.4
# So long an announcement is believed; then PostgreSQL is asked again.
ANNOUNCED_SECONDS = 10
_TIMEOUT = 0.25


class Watcher:
    """`ask_database` is called in a thread and may raise whatever it likes: while nobody can be
    asked, what was known last stays true."""

    def __init__(self, *, redis_url: str, ask_database: Callable[[], Notice]) -> None:
        self._redis = asynchronous(redis_url, timeout=_TIMEOUT, connect_timeout=_TIMEOUT)
        self._ask_database = ask_database
        self._task: asyncio.Task[None] | None = None
        self._is_blind = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._redis.aclose(close_connection_pool=True)

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - it must go on looking
                self._note(error)
            else:
                self._note(None)
            await asyncio.sleep(LOOK_EVERY)

    def _note(self, error: Exception | None) -> None:
        """Once, however long nobody can be asked."""
        if error and not self._is_blind:
            logger.warning("maintenance_not_read", error=type(error).__name__)
        elif self._is_blind and not error:
            logger.info("maintenance_read_again")
        self._is_blind = error is not None

    async def look(self) -> None:
        before = current()
        put(await self._announced() or await self._stored())
        if current().is_on != before.is_on:
            logger.warning("maintenance_changed", on=current().is_on)

    async def _announced(self) -> Notice | None:
        """None when Redis is away, knows nothing, or knows less than we do."""
        try:
            raw: Any = await self._redis.get(KEY)
            notice = decode(raw) if raw else None
        except (*AWAY, msgspec.DecodeError):
            return None
        return notice if notice and notice.version >= current().version else None

    async def _stored(self) -> Notice:
        notice = await asyncio.to_thread(self._ask_database)
        with contextlib.suppress(*AWAY):
            # What was announced while PostgreSQL was being asked may be newer, and stays.
            await self._redis.set(KEY, encode(notice), ex=ANNOUNCED_SECONDS, nx=True)
        return notice
