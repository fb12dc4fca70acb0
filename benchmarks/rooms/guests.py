"""Somebody who comes to a server, joins rooms, and comes back when she is sent away."""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.rooms.client import Client, LostError
from benchmarks.rooms.dialects import DIALECTS, JOINED, Dialect

_ANSWERED_WITHIN = 60.0
# More at once would only fill the server's backlog.
_COMING_AT_ONCE = 100
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 8.0
_UNAVAILABLE = b'"unavailable"'
# One address of this machine has 28,000 ports for clients; Linux has more addresses.
_ADDRESSES = 8 if sys.platform == "linux" else 1


@dataclass(frozen=True)
class Venue:
    """The server, and how it is spoken to."""

    host: str
    port: int
    dialect: Dialect

    @classmethod
    def at(cls, url: str, dialect: str) -> "Venue":
        parts = urlsplit(url)
        return cls(str(parts.hostname), int(parts.port or 80), DIALECTS[dialect])


class Guest:
    """`seqs` are the newest numbers that she has seen, by room; `client` is her connection, and
    `heard` and `lost` are what it is given."""

    client: Client

    def __init__(self, number: int, venue: Venue, token: str, rooms: Sequence[str]) -> None:
        self.number, self.venue = number, venue
        self.seqs: dict[str, int] = dict.fromkeys(rooms, 0)
        self.heard: Callable[[Client, bytes], None] | None = None
        self.lost: Callable[[Client], None] | None = None
        self.is_away, self.has_been_here = True, False
        self.told_to_wait: float | None = None
        self.back_at = 0.0
        self.refused = 0
        self._token = token

    async def enter(self) -> None:
        """Come and join; who has been here before says what she has seen."""
        await self._come()
        for room, seq in self.seqs.items():
            await self._join(room, {"after": seq} if self.has_been_here else {})
        self.is_away = False

    async def _come(self) -> None:
        """Connected and signed in; in no room yet."""
        dialect, host, port = self.venue.dialect, self.venue.host, self.venue.port
        self.client = client = Client(
            dialect.request(f"{host}:{port}", self._token), dialect.opening(self._token)
        )
        client.heard, client.lost = self.heard or client.heard, self.lost or client.lost
        ready = client.expect(dialect.ready, dialect.error)
        source = (f"127.0.0.{1 + self.number % _ADDRESSES}", 0)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: client, host, port, local_addr=source)
        answer = await asyncio.wait_for(ready, _ANSWERED_WITHIN)
        if _UNAVAILABLE in answer:
            self.refused += 1
            raise LostError
        assert dialect.ready in answer, answer

    async def _join(self, room: str, more: dict[str, int]) -> None:
        """While the server says that it is too busy she asks again: later each time."""
        dialect, wait = self.venue.dialect, _FIRST_WAIT
        while True:
            joined = self.client.expect(JOINED, dialect.error)
            self.client.send(dialect.frame("join:room", {"room": room, **more}, 1))
            answer = await asyncio.wait_for(joined, _ANSWERED_WITHIN)
            if JOINED in answer:
                return
            assert _UNAVAILABLE in answer, answer
            self.refused += 1
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - no secret
            wait = min(2 * wait, _LONGEST_WAIT)


def invite(
    venue: Venue, tokens: str, clients: int, rooms: Sequence[str], small: int
) -> list[Guest]:
    """Guests for `rooms`, each with one of `small` rooms too, in turn."""
    known = Path(tokens).read_text(encoding="ascii").split()[:clients]
    assert len(known) == clients, f"{len(known)} tokens for {clients} clients"
    return [
        Guest(number, venue, token, [*rooms, *([f"room-{number % small}"] if small else [])])
        for number, token in enumerate(known)
    ]


async def until(is_so: Callable[[], bool], limit: float) -> None:
    """Or until so many seconds have passed: what is not so then, whoever asked looks into."""
    deadline = time.monotonic() + limit
    while not is_so() and time.monotonic() < deadline:  # noqa: ASYNC110 - many frames, one wish
        await asyncio.sleep(0.05)


async def all_come(guests: Iterable[Guest]) -> None:
    turn = asyncio.Semaphore(_COMING_AT_ONCE)

    async def come(guest: Guest) -> None:
        async with turn:
            await guest.enter()

    async with asyncio.TaskGroup() as group:
        for guest in guests:
            group.create_task(come(guest))
