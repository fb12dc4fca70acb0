"""Who is typing: said when it begins, and taken back by itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LASTS = 6.0
# A sign of life that nobody needs twice in this time.
AGAIN_AFTER = 3.0


class Typist:
    """One connection's. `tell(event, slug)` says it to the room."""

    def __init__(self, tell: Callable[[str, str], Awaitable[None]]) -> None:
        self._tell = tell
        self._rooms: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self, slug: str) -> None:
        now = time.monotonic()
        told_at, timer = self._rooms.get(slug, (0.0, None))
        if timer:
            timer.cancel()
        is_news = now - told_at > AGAIN_AFTER
        timer = asyncio.get_running_loop().call_later(LASTS, self._end, slug)
        self._rooms[slug] = (now if is_news else told_at, timer)
        if is_news:
            await self._tell("typing:started", slug)

    async def stop(self, slug: str) -> None:
        """Nothing, when she was not."""
        if (typing := self._rooms.pop(slug, None)) is not None:
            typing[1].cancel()
            await self._tell("typing:stopped", slug)

    async def stop_all(self) -> None:
        for slug in tuple(self._rooms):
            await self.stop(slug)

    def _end(self, slug: str) -> None:
        task = asyncio.ensure_future(self.stop(slug))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
