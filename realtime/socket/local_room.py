"""A room of one process: which numbers it has heard of, and which it has passed on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from realtime.socket.frames import Frame, Frames

# Gives the number of a room's newest message.
Newest = Callable[[int], Awaitable[int]]
# Gives the frames of messages after a number, FILLED_AT_ONCE at most: [(seq, frame), ...].
Read = Callable[[int, int], Awaitable[list[tuple[int, Frame]]]]


class Ear(Protocol):
    """Somebody who hears a room: `hear` must not wait, and not raise. `first` is the number of the
    first frame, None for what has none; the others follow it."""

    def hear(self, room: int, first: int | None, frames: Frame | Frames) -> None: ...


class LocalRoom:
    """Each number goes to the ears once and in order; one that comes too early waits for those
    before it. Until it is known where to begin, all of them wait."""

    __slots__ = ("_said", "_waiting", "ears", "filling", "heard", "id", "seq")

    def __init__(self, room: int) -> None:
        self.id = room
        self.seq: int | None = None
        # The highest number that anybody has told of.
        self.heard = 0
        self.ears: set[Ear] = set()
        self.filling: asyncio.Task[None] | None = None
        self._waiting: dict[int, Frame] = {}
        self._said: list[Frame] = []

    def begin(self, seq: int) -> None:
        """What comes after this number is passed on."""
        self.seq = seq
        self._waiting = {one: frame for one, frame in self._waiting.items() if one > seq}
        self._advance()

    def take(self, first: int, frames: Iterable[Frame]) -> None:
        """Without frames: there is such a number."""
        self.heard = max(self.heard, first)
        for seq, frame in enumerate(frames, first):
            self.heard = max(self.heard, seq)
            if self.seq is None or seq > self.seq:
                self._waiting[seq] = frame
        self._advance()

    @property
    def lacks(self) -> bool:
        """Something that it has heard of."""
        return self.seq is not None and self.heard > self.seq

    async def fill(self, newest: Newest, read: Read) -> None:
        """Numbers are given in the order of commits: what is missing below one that was heard of is
        stored."""
        while (end := max(await newest(self.id), self.heard)) > (self.seq or 0):
            found = await read(self.id, self.seq or 0)
            # Numbers below the first one found are gone: retention took them. Others may have come
            # while we read.
            self.begin(max(self.seq or 0, (found[0][0] if found else end + 1) - 1))
            for seq, frame in found:
                self.take(seq, [frame])

    def say(self, frame: Frame) -> None:
        """What has no number. All that is said in one turn of the loop goes out together: a
        transport takes many frames for the price of one."""
        self._said.append(frame)
        if len(self._said) == 1:
            asyncio.get_running_loop().call_soon(self._tell_said)

    def _tell_said(self) -> None:
        if self._said:
            said, self._said = self._said, []
            self._tell(None, said)

    def _tell(self, first: int | None, parts: list[Frame]) -> None:
        frames = parts[0] if len(parts) == 1 else Frames(parts)
        for ear in tuple(self.ears):
            ear.hear(self.id, first, frames)

    def _advance(self) -> None:
        """All that is due goes out together."""
        if self.seq is None:
            return
        first, due = self.seq + 1, []
        while (frame := self._waiting.pop(self.seq + 1, None)) is not None:
            self.seq += 1
            due.append(frame)
        if due:
            self._tell_said()  # it came before
            self._tell(first, due)
