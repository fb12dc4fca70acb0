"""The ASGI side of kept answers: a public GET that is kept never enters Django, and of those that
ask the same at one time one enters it.

Only callers without credentials and cookies are served from it, and only what is not known to have
changed. When a newer answer cannot be had, for Django or PostgreSQL fails or is slow, an old one is
served with `X-Cache: STALE` and its Age. Imports no Django.
"""

import asyncio
import time
from collections.abc import Awaitable

from monitoring.lookups import looked_up
from monitoring.metrics import name_route
from monitoring.responses.computing import REFUSED, STALE, UNOFFERED, Flight, Outcome, compute
from monitoring.responses.generations import Generations
from monitoring.responses.kept import Asked, Held, without_offer
from monitoring.responses.shelf import Memory, Shelf
from monitoring.trace import ASGIApplication, Message, Receive, Scope, Send

# How long somebody waits for a newer answer while there is an old one.
PATIENCE = 1.0
# After a failure the old one is served without another attempt.
RETRY_AFTER = 1.0
# How often another process is looked after, which computes the same, and for how long.
_POLL, _POLLED = 0.02, 2.0
_TRIES = 3
# Requests whose answers are not kept do not wait for each other.
_UNOFFERED_SECONDS, _UNOFFERED_MOST = 2.0, 4_096

_METHODS = frozenset({"GET", "HEAD"})
_PERSONAL = frozenset({b"authorization", b"cookie", b"x-api-key"})
# Two spellings of a path are two answers, and so are two origins or hosts: the headers that let a
# browser read an answer name its own.
_TELLING = frozenset({b"host", b"origin", b"x-forwarded-proto"})
_READ = _PERSONAL | _TELLING | {
    *(b"transfer-encoding", b"content-length", b"accept-encoding", b"if-none-match"),
    b"x-correlation-id",
}  # fmt: skip
_SHOWN = {"miss": b"MISS", STALE: b"STALE"}
_NO_BODY = frozenset({b"", b"0"})


class ResponseCache:
    """`prefixes` are where public answers are: everything else passes at the cost of a look."""

    def __init__(self, app: ASGIApplication, *, redis_url: str, prefixes: tuple[str, ...]) -> None:
        self._app = app
        self._prefixes = prefixes
        self._shelf = Shelf(redis_url)
        self._memory = Memory()
        self._generations = Generations(self._shelf.read)
        self._flights: dict[bytes, Flight] = {}
        self._unoffered: dict[bytes, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefixes):
            await self._app(scope, receive, send)
            return
        asked = _read(scope)
        if asked is None or self._shelf.is_away:
            await self._app(scope, receive, _unoffered(send))
            return
        held = self._memory.find(asked.key)
        if held and not await self._is_current(held):
            held = None
        if held and held.kept.is_fresh:
            await self._answer(Outcome(held, "hit"), asked, scope, send)
        elif held and time.monotonic() < held.retry_at:
            await self._answer(Outcome(held, "stale"), asked, scope, send)
        elif not await self._share(asked, held, scope, send):
            await self._app(scope, receive, _unoffered(send))

    async def _share(self, asked: Asked, old: Held | None, scope: Scope, send: Send) -> bool:
        """Whether it was answered: what is not offered to others each has to ask for himself."""
        for _ in range(_TRIES):
            if asked.is_head or self._is_unoffered(asked.key):
                return False
            flight = self._flights.get(asked.key)
            is_mine = flight is None
            if flight is None:
                flight = self._start(asked.key, old, scope, send)
            outcome = await _wait(flight, is_mine=is_mine)
            if outcome.held is None:
                # Who was refused must not stand between the others and an answer for all of them.
                if outcome.word == REFUSED and not is_mine:
                    continue
                if outcome.word == UNOFFERED:
                    self._unoffered[asked.key] = time.monotonic() + _UNOFFERED_SECONDS
                return is_mine
            # A flight that began before a change says nothing to who came after it.
            if is_mine or await self._is_current(outcome.held):
                await self._answer(outcome if is_mine else outcome.shared(), asked, scope, send)
                return True
        return False

    def _start(self, key: bytes, old: Held | None, scope: Scope, send: Send) -> Flight:
        flight = self._flights[key] = Flight(send, old)
        flight.task = asyncio.create_task(self._fly(key, scope, flight))
        flight.task.add_done_callback(lambda task: self._land(key, task))
        return flight

    def _land(self, key: bytes, task: "asyncio.Task[Outcome]") -> None:
        del self._flights[key]
        if not task.cancelled():
            task.exception()  # whoever asked may have left, and asyncio would complain

    async def _fly(self, key: bytes, scope: Scope, flight: Flight) -> Outcome:
        """Of the processes, too, one asks the application; the others look for what it got."""
        give_up_at = time.monotonic() + _POLLED
        while True:
            turn = await self._shelf.take(key)
            try:
                if found := await self._look(key, flight):
                    return Outcome(found, "hit")
                if turn or time.monotonic() > give_up_at:
                    return await self._compute(key, scope, flight)
            finally:
                if turn:
                    await self._shelf.give_back(key, turn)
            await asyncio.sleep(_POLL)

    async def _look(self, key: bytes, flight: Flight) -> Held | None:
        """What Redis has, when it is fresh; when it is not, it is better than nothing."""
        kept = await self._shelf.find(key)
        if kept is None or kept.has_ended:
            return None
        held = Held(kept)
        if not await self._is_current(held):
            return None
        self._memory.put(key, held)
        if kept.is_fresh:
            return held
        flight.old = held
        return None

    async def _compute(self, key: bytes, scope: Scope, flight: Flight) -> Outcome:
        outcome = await compute(self._app, scope, flight)
        if outcome.held is None:
            return outcome
        if outcome.word == STALE:
            outcome.held.retry_at = time.monotonic() + RETRY_AFTER
        else:
            await self._shelf.put(key, outcome.held.kept)
        self._memory.put(key, outcome.held)
        return outcome

    async def _is_current(self, held: Held) -> bool:
        if held.kept.has_ended:
            return False
        return await self._generations.of(held.kept.tag) == held.kept.generation

    def _is_unoffered(self, key: bytes) -> bool:
        if len(self._unoffered) > _UNOFFERED_MOST:
            self._unoffered.clear()
        return time.monotonic() < self._unoffered.get(key, 0.0)

    def _answer(self, outcome: Outcome, asked: Asked, scope: Scope, send: Send) -> Awaitable[None]:
        assert outcome.held is not None  # noqa: S101 - there is something to answer with
        route = outcome.held.kept.route
        name_route(scope, route)
        looked_up(route, outcome.word)
        shown = _SHOWN.get(outcome.word, b"HIT")
        return outcome.held.answer(asked, send, outcome=shown, own=outcome.own)

    async def close(self) -> None:
        await self._shelf.close()


async def _wait(flight: Flight, *, is_mine: bool) -> Outcome:
    """The outcome or, when that takes long, what there was before."""
    assert flight.task is not None  # noqa: S101 - it is started with the flight
    done, _ = await asyncio.wait({flight.task}, timeout=PATIENCE)
    if not done and flight.old is not None and not (is_mine and flight.has_begun):
        if is_mine:
            flight.leave()
        return Outcome(flight.old, STALE)
    return await asyncio.shield(flight.task)


def _read(scope: Scope) -> Asked | None:
    """None for what is never served from here: a caller who says who he is, a body, a write."""
    if scope["method"] not in _METHODS:
        return None
    encoding = known = b""
    correlation: bytes | None = None
    telling: list[bytes] = []
    for name, value in scope["headers"]:
        if name not in _READ:
            continue
        if name in _PERSONAL or name == b"transfer-encoding":
            return None
        if name == b"content-length" and value not in _NO_BODY:
            return None
        if name == b"accept-encoding":
            encoding = value
        elif name == b"if-none-match":
            known = value
        elif name in _TELLING:
            telling += (name, value)
        elif name == b"x-correlation-id":
            correlation = value
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    key = b"\0".join((raw.partition(b"?")[0], scope.get("query_string", b""), *telling))
    return Asked(key, scope["method"] == "HEAD", encoding, known, correlation)


def _unoffered(send: Send) -> Send:
    """Hands an answer on without its offer."""

    def handing_on(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": without_offer(message["headers"])}
        return send(message)

    return handing_on
