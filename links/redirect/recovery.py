"""After an outage of Redis: notice that it is back, and send what was kept on disk meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from links.redirect.availability import Availability, StreamAvailability
from links.redirect.spool import Spool
from links.redirect.stream import StreamWriter, additions, refuse_fewer, wait_for

log = structlog.get_logger(__name__)

_SENT_WITHIN = 5
_KNOCK = ("SET", "rallypoint:knock", 1, "EX", 60)


class Recovery:
    """With `replicas`, what is sent is as safe as a click is before its 302: that many have it."""

    def __init__(
        self,
        redis: Redis,
        writer: StreamWriter,
        spool: Spool,
        availability: tuple[Availability, StreamAvailability],
        *,
        on_back: Callable[[], None],
        replicas: int = 0,
        streams: int = 1,
    ) -> None:
        self._redis, self._writer, self._spool = redis, writer, spool
        self._availability, self._stream = availability
        self._on_back = on_back
        self._replicas, self._streams = replicas, streams

    async def look(self) -> None:
        """Knock while Redis is away, or before a replay; once it answers, send what waits."""
        if not self._availability.up:
            # A write, because that is what is needed: a full Redis would answer a ping.
            await self._write(_KNOCK)
            self._availability.restored()
            self._on_back()
            # Connections of the time before are not to be trusted, whoever noticed the outage.
            await self._writer.connect()
        await self._look_at_stream(is_waiting=self._spool.size() > 0)

    async def _look_at_stream(self, *, is_waiting: bool) -> None:
        if is_waiting or not self._stream.up:
            # Without the replicas that are wanted, the first frame would be sent again and again.
            await self._write_safely(_KNOCK)
        if not self._stream.up:
            await self._writer.connect()
            self._stream.restored()
            log.info("click_stream_restored")
        if is_waiting:
            loop = asyncio.get_running_loop()
            if frames := await asyncio.to_thread(self._replay, loop):
                log.info("spool_replayed", batches=frames)

    def _replay(self, loop: asyncio.AbstractEventLoop) -> int:
        """In a thread of its own: the disk may be slow. Sends through the loop's own client."""
        self._spool.close()
        return self._spool.replay(
            lambda frame: asyncio.run_coroutine_threadsafe(
                self._write_safely(*additions(frame, self._streams)), loop
            ).result(_SENT_WITHIN)
        )

    async def _write_safely(self, *commands: tuple[Any, ...]) -> None:
        if not self._replicas:
            await self._write(*commands)
            return
        *_, having = await self._write(*commands, wait_for(self._replicas))
        refuse_fewer(having, self._replicas)

    async def _write(self, *commands: tuple[Any, ...]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return list(await pipeline.execute())
