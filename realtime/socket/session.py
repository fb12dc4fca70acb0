"""One connection: who it is, what waits to be sent to it, and how much it may ask."""

import asyncio
import time
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from realtime.socket.frames import Frame, Frames, Refusal, encode
from realtime.socket.identity import Person
from realtime.socket.lines import Line

# Bytes that may wait for a client that does not read; who would exceed it is told to come back and
# resume. A client that has read everything is sent whatever there is.
MOST_WAITING = 512 * 1024

BURST, PER_SECOND = 40.0, 20.0
# Frames beyond the rate that are each answered with an error, before the connection ends.
PATIENCE = 100

NOT_AUTHENTICATED, FORBIDDEN, IDLE, REPLACED = 4401, 4403, 4408, 4409
DISCONNECTED, BEHIND, TOO_BIG, FLOODING = 4410, 4412, 4413, 4429
RESTARTING, TRY_AGAIN_LATER = 1012, 1013


class Bucket:
    """A token bucket: BURST at once, PER_SECOND in the long run."""

    __slots__ = ("_at", "_tokens", "refused")

    def __init__(self) -> None:
        self._tokens, self._at, self.refused = BURST, time.monotonic(), 0

    def take(self, tokens: float = 1.0) -> bool:
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._at) * PER_SECOND)
        self._at = now
        if self._tokens < tokens:
            self.refused += 1
            return False
        self._tokens -= tokens
        self.refused = 0
        return True


@dataclass(eq=False, slots=True)
class Session:
    """Frames go out in the order in which they were pushed."""

    id: str
    line: Line
    person: Person | None = None
    rooms: dict[str, int] = field(default_factory=dict)
    # Rooms in which she counts as present through this connection.
    present_in: set[int] = field(default_factory=set)
    heard_at: float = field(default_factory=time.monotonic)
    bucket: Bucket = field(default_factory=Bucket)
    _held: dict[int, list[tuple[int | None, Frame]]] = field(default_factory=dict)
    _closing: asyncio.Task[None] | None = None

    def hear(self, room: int, first: int | None, frames: Frame | Frames) -> None:
        """The hub's: never waits."""
        if self._held and (held := self._held.get(room)) is not None:
            for number, frame in enumerate(frames.parts):
                held.append((None if first is None else first + number, frame))
        else:
            self.push(frames)

    def hold(self, room: int) -> None:
        """What is heard of the room waits until `release`: she is being told what was before."""
        self._held[room] = []

    def drop(self, room: int) -> None:
        """What was held back is not for her."""
        self._held.pop(room, None)

    @property
    def held(self) -> Container[int]:
        """Rooms that she is coming into."""
        return self._held

    def release(self, room: int, after: int) -> None:
        """Now all that was heard meanwhile, but for messages up to the number `after`."""
        for seq, frame in self._held.pop(room, ()):
            if seq is None or seq > after:
                self.push(frame)

    def push(self, frame: Frame | Frames) -> None:
        if self._closing:
            return
        if (waiting := self.line.waiting()) and waiting + len(frame.wire) > MOST_WAITING:
            self.end(BEHIND, "behind: come back and resume")
        else:
            self.line.write(frame)

    def ack(self, ref: str | None, **data: Any) -> None:
        if ref is not None:
            self.push(encode("ack", data, ref))

    def refuse(self, refusal: Refusal, ref: str | None) -> None:
        data = {"code": refusal.code, "detail": refusal.detail}
        self.push(encode("error", data, ref))

    def end(self, code: int, reason: str) -> None:
        """Close, when what was pushed before has been sent."""
        if not self._closing:
            self._closing = asyncio.ensure_future(self.line.close(code, reason))
