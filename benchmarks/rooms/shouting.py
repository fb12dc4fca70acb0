"""Fan-out: some of those in a room tell that they type, and that they do not, and all hear it.

Always so many frames are under way: when one has reached everybody, the next one is sent, by the
next sender. So the server is never idle, and nobody sends more often than a person may.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle

from benchmarks.rooms.guests import Guest, until

_MARK = b'"typing:st'  # typing:started, typing:stopped
_EVENTS = ("typing:start", "typing:stop")
_QUIET_FOR = 0.5
_DELIVERED_WITHIN = 30.0
# s between two frames of one sender: she may send twenty a second.
_APART = 0.06


class Shouting:
    def __init__(self, guests: Sequence[Guest], room: str, *, senders: int, under_way: int) -> None:
        self._guests, self._under_way = guests, under_way
        dialect = guests[0].venue.dialect
        frames = [dialect.frame(event, {"room": room}) for event in _EVENTS]
        # A sender's first frame is a start, her next one a stop, and so on.
        self._turns = cycle([(guest, frame) for frame in frames for guest in guests[:senders]])
        self._sent = self._heard = self._done = 0
        self._may_send_at: dict[Guest, float] = {}
        self._stopping = False

    async def measure(self, *, warm_up: float, seconds: float) -> dict[str, float]:
        for guest in self._guests:
            guest.client.count = 0
            guest.client.tally(_MARK, self._count)
        await asyncio.sleep(_QUIET_FOR)  # people who came are still being told of
        for _ in range(self._under_way):
            self._send()
        await asyncio.sleep(warm_up)
        before, started, used = self._heard, time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        done, took = self._heard - before, time.perf_counter() - started
        used = time.process_time() - used
        await self._prove()
        return {"deliveries": done, "seconds": took, "sent": self._sent, "busy": used / took}

    def _count(self, found: int) -> None:
        self._heard += found
        while self._heard // len(self._guests) > self._done:
            self._done += 1
            if not self._stopping:
                self._send()

    def _send(self) -> None:
        guest, frame = next(self._turns)
        self._sent += 1
        now = time.monotonic()
        at = max(now, self._may_send_at.get(guest, 0.0))
        self._may_send_at[guest] = at + _APART
        if at > now:
            asyncio.get_running_loop().call_later(at - now, guest.client.send, frame)
        else:
            guest.client.send(frame)

    async def _prove(self) -> None:
        """Everybody has heard every frame, and each once."""
        self._stopping = True
        expected = self._sent * len(self._guests)
        await until(lambda: self._heard >= expected, _DELIVERED_WITHIN)
        counts = {guest.client.count for guest in self._guests}
        assert counts == {self._sent}, f"{self._sent} frames were sent; heard: {sorted(counts)}"
