"""After an outage of Redis: notice that it is back, and send what was kept on disk meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from links.redirect.availability import Availability
from links.redirect.click import FIELD, STREAM
from links.redirect.spool import Spool
from links.redirect.stream import StreamWriter, refuse_fewer, wait_for

log = structlog.get_logger(__name__)

_SENT_WITHIN = 5


class Recovery:
    """With `replicas`, what is sent is as safe as a click is before its 302: that many have it."""

    def __init__(
        self,
        redis: Redis,
        stream: StreamWriter,
        spool: Spool,
        availability: Availability,
        *,
        on_back: Callable[[], None],
        replicas: int = 0,
    ) -> None:
        self._redis, self._stream, self._spool = redis, stream, spool
        self._availability = availability
        self._on_back = on_back
        self._replicas = replicas

    async def look(self) -> None:
        """Knock while Redis is away, or before a replay; once it answers, send what waits."""
        is_waiting = self._spool.size() > 0
        if is_waiting or not self._availability.up:
            # A write, because that is what is needed: a full Redis would answer a ping. And without
            # the replicas that are wanted, the spool's first frame would be sent again and again.
            await self._write("SET", "rallypoint:knock", 1, "EX", 60)
        if not self._availability.up:
            await self._stream.connect()
            self._availability.restored()
            log.info("click_stream_restored")
            self._on_back()
        if is_waiting:
            loop = asyncio.get_running_loop()
            if frames := await asyncio.to_thread(self._replay, loop):
                log.info("spool_replayed", batches=frames)

    def _replay(self, loop: asyncio.AbstractEventLoop) -> int:
        """In a thread of its own: the disk may be slow. Sends through the loop's own client."""
        self._spool.close()
        return self._spool.replay(
            lambda frame: asyncio.run_coroutine_threadsafe(
                self._write("XADD", STREAM, "*", FIELD, frame), loop
            ).result(_SENT_WITHIN)
        )

    async def _write(self, *command: Any) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.execute_command(*command)
            if self._replicas:
                pipeline.execute_command(*wait_for(self._replicas))
            answers = await pipeline.execute()
        if self._replicas:
            refuse_fewer(answers[-1], self._replicas)
