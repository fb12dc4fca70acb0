"""Where a room's messages travel: over the one Redis, or the one of several that is the room's own.

What Redis itself tells of a room (who comes and goes), and what is announced outside of the socket,
always comes by the first, `home`, where presence is. With several, a room is listened to at both.
"""

import asyncio
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from monitoring.redis_clients import asynchronous
from realtime.news import CHANNEL
from realtime.socket.subscription import BEGUN_WITHIN, Subscription


class Shards:
    """All processes need the same `urls` in the same order; without any, home is all there is.
    Errors are those of redis-py, and TimeoutError: then `begin` again, with all of them."""

    def __init__(self, home: str, urls: Sequence[str] = (), *, published_within: float) -> None:
        self._publishers = [asynchronous(url, timeout=published_within) for url in urls or [home]]
        self._home = Subscription(home)
        self._lines = [Subscription(url) for url in urls]

    @property
    def lines(self) -> list[Subscription]:
        """To be heard side by side."""
        return [self._home, *self._lines]

    async def begin(self, always: str, rooms: Callable[[], AbstractSet[int]]) -> None:
        """Anew, and to all of these: others may be added meanwhile. When it returns, nothing was
        waited for since the last look at them. A line without rooms listens to `always`, too: on
        one that listens to nothing nobody could wait."""
        async with asyncio.timeout(BEGUN_WITHIN):
            for publisher in self._publishers:
                await publisher.ping()
            for line in self.lines:
                await line.restart()
            waited = True
            while waited:
                waited = await self._home.cover({always, *map(channel_of, rooms())})
                for number, line in enumerate(self._lines):
                    own = {channel_of(room) for room in rooms() if self._number(room) == number}
                    waited = await line.cover({always, *own}) or waited

    async def add(self, room: int) -> None:
        for line in self._lines_of(room):
            await line.add(channel_of(room))

    async def remove(self, room: int) -> None:
        for line in self._lines_of(room):
            await line.remove(channel_of(room))

    async def publish(self, room: int, data: bytes) -> None:
        await self._publishers[self._number(room)].publish(channel_of(room), data)

    async def close(self) -> None:
        for line in self.lines:
            await line.close()
        for publisher in self._publishers:
            await publisher.aclose()

    def _lines_of(self, room: int) -> list[Subscription]:
        return [self._home, *(self._lines[self._number(room) :][:1])]

    def _number(self, room: int) -> int:
        """Rooms are numbered one after the other, so this is even."""
        return room % len(self._publishers)


def channel_of(room: int) -> str:
    return f"{CHANNEL}{room}"
