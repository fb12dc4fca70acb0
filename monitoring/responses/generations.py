"""The generation of a tag: a random text that is another one after each change of what the tag
stands for. What was computed under one generation is true while it stays. Imports no Django."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

# When a tag has ended, or was evicted, it begins anew, and what was kept under it is not found
# again: so this is no promise, only a bound on memory.
TAG_SECONDS = 86_400

# Turns of the event loop between two questions: those just answered are sent what they asked for,
# whoever asks next is read, and the next question is his too.
TURNS = 3

Read = Callable[[list[str]], Awaitable[list[bytes | None]]]


def tag_key(tag: str) -> str:
    return f"rallypoint:tag:{tag}"


def new_generation() -> str:
    """Never one that was there before, so that a lost key cannot bring old values back."""
    return secrets.token_hex(8)


class Generations:
    """Asks for the tags of all requests at once: one question is on its way, and who comes
    meanwhile joins the next. So what is answered was read after it was asked, and never before."""

    def __init__(self, read: Read) -> None:
        self._read = read
        # A future each: whoever goes away must not take the answer from the others.
        self._asked: dict[str, list[asyncio.Future[bytes | None]]] = {}
        self._asking: asyncio.Task[None] | None = None

    def of(self, tag: str) -> "asyncio.Future[bytes | None]":
        """None when there is none, or nobody knows."""
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(tag, []).append(future)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return future

    async def _ask(self) -> None:
        try:
            await self._ask_until_nobody_waits()
        finally:
            self._asking = None

    async def _ask_until_nobody_waits(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            found: list[bytes | None] = [None] * len(asked)
            try:
                found = await self._read([tag_key(tag) for tag in asked])
            finally:
                for futures, generation in zip(asked.values(), found, strict=True):
                    _answer(futures, generation)
            for _ in range(TURNS):
                await asyncio.sleep(0)


def _answer(futures: list[asyncio.Future[bytes | None]], generation: bytes | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(generation)
