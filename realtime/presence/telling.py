"""What a room hears of who comes and goes.

Each change is a frame to everybody who is there: ten thousand who come to a lobby would be told of
each other a hundred million times. So a room may spend so many frames a second; what goes beyond is
told together, as how many are present.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from realtime.socket.frames import Frame, encode

FRAMES_A_SECOND = 2_500.0
BURST = 2 * FRAMES_A_SECOND
# The shortest time in which changes are told together.
TOGETHER = 1.0


class _Counted(msgspec.Struct):
    present: int


_count = msgspec.json.Decoder(_Counted).decode


@dataclass(slots=True)
class _Purse:
    frames: float = BURST
    at: float = field(default_factory=time.monotonic)
    present: int = 0
    timer: asyncio.TimerHandle | None = None

    def pay(self, frames: int) -> bool:
        now = time.monotonic()
        self.frames = min(BURST, self.frames + (now - self.at) * FRAMES_A_SECOND)
        self.at = now
        if self.frames < frames:
            return False
        self.frames -= frames
        return True


class Teller:
    """`tell(room, frame)` reaches those in this process, `listeners(room)` counts them."""

    def __init__(self, tell: Callable[[int, Frame], None], listeners: Callable[[int], int]) -> None:
        self._tell, self._listeners = tell, listeners
        self._purses: dict[int, _Purse] = {}

    def change(self, room: int, slug: str, change: bytes) -> None:
        """A JSON object, with `present`, how many there are now."""
        purse = self._purses.setdefault(room, _Purse())
        listeners = self._listeners(room)
        if purse.timer is None and purse.pay(listeners):
            self._tell(room, _updated(slug, change))
            return
        purse.present = _count(change).present
        if purse.timer is None:
            wait = max(TOGETHER, listeners / FRAMES_A_SECOND)
            loop = asyncio.get_running_loop()
            purse.timer = loop.call_later(wait, self._summarise, room, slug)

    def forget(self, room: int) -> None:
        """Nobody is in it here."""
        purse = self._purses.pop(room, None)
        if purse and purse.timer:
            purse.timer.cancel()

    def _summarise(self, room: int, slug: str) -> None:
        purse = self._purses[room]
        purse.timer = None
        purse.pay(self._listeners(room))
        self._tell(room, encode("presence:summary", {"room": slug, "present": purse.present}))


def _updated(slug: str, change: bytes) -> Frame:
    """The change is a JSON object already: only the room's name is put before it."""
    room = msgspec.json.encode(slug)
    return Frame(b'{"event":"presence:updated","data":{"room":' + room + b"," + change[1:] + b"}")
