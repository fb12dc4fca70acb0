"""What is published in Redis, heard by one process over one connection."""

import asyncio
import time
from collections.abc import Set as AbstractSet

from monitoring.redis_clients import asynchronous

CONFIRMED_WITHIN = 2.0
# Thousands of channels at once.
BEGUN_WITHIN = 10.0
# A connection that was cut off in silence looks like one on which nothing happens.
PING_AFTER = 5.0
SILENT_AFTER = 12.0


class Subscription:
    """One connection. Errors are those of redis-py, and TimeoutError: then `restart`."""

    def __init__(self, redis_url: str) -> None:
        # A subscriber rightly waits for ever; its connection is its own.
        self._redis = asynchronous(redis_url, timeout=None)
        self._pubsub = self._redis.pubsub()
        self._begun: set[str] = set()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._heard_at = self._pinged_at = 0.0

    async def restart(self) -> None:
        """Anew, and to nothing yet."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        self._pubsub = self._redis.pubsub()
        self._begun = set()
        self._heard_at = time.monotonic()

    async def cover(self, channels: AbstractSet[str]) -> bool:
        """After `restart`: to those of them that are new. Whether anything was waited for; then
        Redis has confirmed each, and what was said until then was not heard."""
        new = channels - self._begun
        if not new:
            return False
        await self._pubsub.subscribe(*new)
        await self._confirmations(set(new))
        self._begun |= new
        return True

    async def _confirmations(self, channels: set[str]) -> None:
        while channels:
            message = await self._pubsub.get_message(timeout=BEGUN_WITHIN)
            if message and message["type"] == "subscribe":
                channels.discard(message["channel"].decode())

    async def close(self) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._redis.aclose()

    async def add(self, channel: str) -> None:
        """Until Redis says so, to somebody who waits in `hear`."""
        confirmed = self._confirmed[channel] = asyncio.Event()
        try:
            async with asyncio.timeout(CONFIRMED_WITHIN):
                await self._pubsub.subscribe(channel)
                await confirmed.wait()
        finally:
            self._confirmed.pop(channel, None)

    async def remove(self, channel: str) -> None:
        async with asyncio.timeout(CONFIRMED_WITHIN):
            await self._pubsub.unsubscribe(channel)

    async def hear(self, seconds: float) -> tuple[str, bytes] | None:
        """The channel and what was said; None when nothing was for so long."""
        message = await self._pubsub.get_message(timeout=seconds)
        if message is None:
            await self._look_alive()
            return None
        self._heard_at = time.monotonic()
        if message["type"] == "message":
            return message["channel"].decode(), message["data"]
        if message["type"] == "subscribe":
            channel = message["channel"].decode()
            if waiting := self._confirmed.get(channel):
                waiting.set()
        return None

    async def _look_alive(self) -> None:
        now = time.monotonic()
        if now > self._heard_at + SILENT_AFTER:
            raise TimeoutError
        if now > max(self._heard_at, self._pinged_at) + PING_AFTER:
            self._pinged_at = now
            await self._pubsub.ping()
