"""Asking the application for an answer that may be kept: what it says is collected when it is
offered, kept back when it fails and there is an old one, and otherwise handed on as it comes.
Imports no Django."""

import asyncio
from typing import NamedTuple, Self

from monitoring.responses.kept import Headers, Held, Offer, keep, passing, without_offer
from monitoring.responses.variants import encoded
from monitoring.trace import ASGIApplication, Message, Scope, Send

MAX_BYTES = 256 * 1024
STALE, UNOFFERED, REFUSED, FAILED = "stale", "unoffered", "refused", "failed"
# What they say is said of who asked, and not of what was asked for.
_OF_THE_CALLER = frozenset({401, 403, 406, 429})


class Outcome(NamedTuple):
    """`held` None: what came is not for others, and whoever asked first has had it already. `own`
    are headers for him alone."""

    held: Held | None
    word: str
    own: Headers | None = None

    def shared(self) -> Self:
        return self if self.word == STALE else self._replace(word="shared", own=None)


class Flight:
    """One question to the application, for all who ask the same at the same time.

    `old` is what may be served when no newer answer can be had. The task goes on when the first who
    asked has left; `has_begun` when he has been sent something.
    """

    def __init__(self, send: Send, old: Held | None) -> None:
        self._send: Send | None = send
        self.old = old
        self.has_begun = False
        self.task: asyncio.Task[Outcome] | None = None

    def leave(self) -> None:
        """Whoever asked first has been answered: nothing is handed on any more."""
        self._send = None

    async def hand_on(self, message: Message) -> None:
        if self._send is not None:
            self.has_begun = True
            await self._send(message)


class Collector:
    """The `send` of the application."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._offer: Offer | None = None
        self._start: Message = {}
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._size = 0
        self.has_failed = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._offer and message["type"] == "http.response.body":
            await self._collect(message)
        elif not self.has_failed:
            await self._flight.hand_on(message)

    async def _begin(self, message: Message) -> None:
        headers = [(bytes(name).lower(), bytes(value)) for name, value in message["headers"]]
        self._headers = without_offer(headers)
        self._start = {**message, "headers": self._headers}
        if message["status"] == 200:
            self._offer = Offer.of(headers)
        self.has_failed = message["status"] >= 500 and self._flight.old is not None
        if not self._offer and not self.has_failed:
            await self._flight.hand_on(self._start)

    async def _collect(self, message: Message) -> None:
        self._body.append(message.get("body", b""))
        self._size += len(self._body[-1])
        if self._size > MAX_BYTES:
            self._offer = None
            await self._flight.hand_on(self._start)
            await self._flight.hand_on({**message, "body": b"".join(self._body)})

    async def outcome(self) -> Outcome:
        if self.has_failed:
            return Outcome(self._flight.old, STALE)
        if self._offer is None:
            return Outcome(None, _word_of(self._start.get("status", 500)))
        body = b"".join(self._body)
        content_type = dict(self._headers).get(b"content-type", b"")
        bodies = await asyncio.to_thread(encoded, body, content_type)
        held = Held(keep(self._offer, self._headers, bodies))
        return Outcome(held, "miss", passing(self._headers))


def _word_of(status: int) -> str:
    if status in _OF_THE_CALLER:
        return REFUSED
    return FAILED if status >= 500 else UNOFFERED


async def compute(app: ASGIApplication, scope: Scope, flight: Flight) -> Outcome:
    collector = Collector(flight)
    try:
        await app(scope, _NoBody(), collector)
    except Exception:
        if flight.old is None or flight.has_begun:
            raise
        return Outcome(flight.old, STALE)
    return await collector.outcome()


class _NoBody:
    """The `receive` of a request that is answered even when nobody waits any more."""

    def __init__(self) -> None:
        self._given = False

    async def __call__(self) -> Message:
        if self._given:
            await asyncio.get_running_loop().create_future()
        self._given = True
        return {"type": "http.request", "body": b"", "more_body": False}
