"""Who is connected to this process, and in which rooms, told to Redis.

People count, not their connections. What has changed waits for the batch before it, so that a
thousand who come at once take a few calls. What Redis should know stands here: after trouble the
two are compared, and only what differs is told.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice

import structlog

from monitoring.redis_clients import AWAY
from realtime.presence.register import EVERYWHERE, Change, Page, Register

log = structlog.get_logger("rallypoint.rooms")

BEAT = 5.0
TOGETHER = 200
# Others are declared dead by who has itself been in touch for so long: after trouble everybody's
# lease has run out, and whoever lives says so within a beat.
STEADY = 2 * BEAT
SETTLED_WITHIN = 1.0

_Entry = tuple[int, str]


class Attendance:
    """`figures()` is what this process says of itself, to those who look at the whole service."""

    def __init__(self, register: Register, figures: Callable[[], bytes]) -> None:
        self._register, self._figures = register, figures
        self._connections: Counter[_Entry] = Counter()
        self._people: dict[str, bytes] = {}
        self._told: set[_Entry] = set()
        self._changed: dict[_Entry, None] = {}
        self._wake = asyncio.Event()
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._epoch = ""
        self._must_compare = self._is_leaving = False
        self._beat_at = 0.0
        self._steady_since = time.monotonic()

    def come(self, room: int, user: str, person: bytes) -> None:
        """One more connection of hers is there; `person` is what the world sees of her."""
        self._people.setdefault(user, person)
        self._connections[room, user] += 1
        if self._connections[room, user] == 1:
            self._note((room, user))

    def go(self, room: int, user: str) -> None:
        """One less."""
        self._connections[room, user] -= 1
        if not self._connections[room, user]:
            del self._connections[room, user]
            self._note((room, user))

    async def show(self, user: str, person: bytes) -> None:
        """From now on the world sees this of her."""
        await self._register.show(user, person)
        self._people[user] = person

    def beat_soon(self) -> None:
        """What the figures say has changed."""
        self._beat_at = 0.0
        self._wake.set()

    def page(self, room: int, *, after: str, limit: int) -> Page:
        """Of those who are connected to this process."""
        here = sorted(user for its, user in self._connections if its == room)
        users = [user for user in here if user > after][: limit + 1]
        people = [self._people[user] for user in users]
        return Page.read((len(here), [user.encode() for user in users], people), limit)

    async def settled(self) -> None:
        """When what has changed until now is known to Redis, or could not be made known."""
        if self._changed:
            await asyncio.wait([self._settled], timeout=SETTLED_WITHIN)

    async def run(self) -> None:
        """Until cancelled. Whoever leaves then stays present until the lease ends: she comes back
        to another process, and nobody sees her go and come."""
        while not self._is_leaving:
            try:
                await self._beat_if_due()
                await self._tell()
            except AWAY as error:
                self._note_trouble(error)
                await asyncio.sleep(BEAT / 5)
            await self._wait()

    async def farewell(self) -> None:
        """A last sign of life, from which the lease runs; what changes from now on is not told."""
        self._is_leaving = True
        try:
            await self._register.beat(self._figures())
        except AWAY as error:
            log.warning("presence_not_prolonged", error=type(error).__name__)

    def _note(self, entry: _Entry) -> None:
        self._changed[entry] = None
        self._wake.set()

    async def _wait(self) -> None:
        if self._changed or self._must_compare:
            return
        self._wake.clear()
        left = max(0.0, self._beat_at + BEAT - time.monotonic())
        try:
            await asyncio.wait_for(self._wake.wait(), left)
        except TimeoutError:
            return

    async def _beat_if_due(self) -> None:
        if not self._must_compare and time.monotonic() < self._beat_at + BEAT:
            return
        known, epoch = await self._register.beat(self._figures())
        if self._must_compare or not known or epoch != self._epoch:
            self._must_compare = False
            await self._compare(quietly=self._epoch not in {"", epoch})
        self._epoch, self._beat_at = epoch, time.monotonic()
        while time.monotonic() > self._steady_since + STEADY and await self._register.reap():
            pass

    async def _compare(self, *, quietly: bool) -> None:
        """Redis was away, has taken us for dead or was emptied. In the last case whoever is here
        was here before, as everybody knows."""
        self._told = await self._register.held()
        differing = self._told ^ set(self._connections)
        self._changed |= dict.fromkeys(differing)
        await self._tell(quietly=quietly)

    async def _tell(self, *, quietly: bool = False) -> None:
        while self._changed and not self._is_leaving:
            batch = list(islice(self._changed, TOGETHER))
            settled, self._settled = self._settled, asyncio.get_running_loop().create_future()
            for entry in batch:
                del self._changed[entry]
            try:
                if not await self._register.change(self._changes(batch), quietly=quietly):
                    self._must_compare = True
            except AWAY:
                self._must_compare = True
                raise
            finally:
                settled.set_result(None)
            if self._must_compare:
                return

    def _changes(self, batch: Iterable[_Entry]) -> list[Change]:
        """Who came and went in between has not changed."""
        changes = []
        for entry in batch:
            room, user = entry
            if (is_here := entry in self._connections) == (entry in self._told):
                continue
            changes.append((room, user, self._people[user] if is_here else b""))
            (self._told.add if is_here else self._told.discard)(entry)
        self._forget_people(batch)
        return changes

    def _forget_people(self, batch: Iterable[_Entry]) -> None:
        for room, user in batch:
            if (room, user) not in self._connections and room == EVERYWHERE:
                self._people.pop(user, None)

    def _note_trouble(self, error: BaseException) -> None:
        if not self._must_compare:
            log.warning("presence_degraded", error=type(error).__name__)
        self._must_compare = True
        self._steady_since = time.monotonic()
