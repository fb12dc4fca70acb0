"""What Redis knows of who is present where, by one Lua script: see presence.lua.

People are known by their public ids, processes by the names they gave themselves. Room EVERYWHERE
is the whole service.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
from redis.asyncio import Redis as AsyncRedis

EVERYWHERE = 0
# One hash tag, so that all the keys are in one place of a cluster.
PREFIX = "rallypoint:{presence}:"
SCRIPT = Path(__file__).with_name("presence.lua").read_text(encoding="ascii")
LEASE = 30
REAPED_AT_ONCE = 500
PAGE, MOST = 50, 200

# A room and a user in it; what to show of her, or nothing when she goes.
Change = tuple[int, str, bytes]


@dataclass(frozen=True, slots=True)
class Page:
    """`present` counts everybody in the room; `people` are at most a page of them, each
    `{user: {id, username}, status, note}`. `next` is what to ask for the following page with, None
    after the last."""

    present: int
    people: list[msgspec.Raw]
    next: str | None = None

    @classmethod
    def read(cls, answer: Any, limit: int) -> Self:
        """Of one person more than the page has, who says whether there is another page."""
        present, users, people = answer
        shown = [msgspec.Raw(person) for person in people[:limit] if person is not None]
        return cls(present, shown, users[limit - 1].decode() if len(users) > limit else None)


class Register:
    """The part of one process. Errors are those of redis-py."""

    def __init__(self, redis: "AsyncRedis", process: str) -> None:
        self._redis, self._process = redis, process
        self._script = redis.register_script(SCRIPT)

    async def beat(self, figures: bytes) -> tuple[bool, str]:
        """This process lives, for another LEASE seconds. Whether it counted as alive until now,
        and the epoch: another one means that Redis has forgotten everything."""
        known, epoch = await self._do("beat", LEASE, figures, secrets.token_hex(8))
        return bool(known), epoch.decode()

    async def change(self, changes: Iterable[Change], *, quietly: bool = False) -> bool:
        """False when this process counts as dead: then nothing was done. The same change again
        changes nothing."""
        values = (value for change in changes for value in change)
        return bool(await self._do("change", "quiet" if quietly else "", *values))

    async def reap(self) -> int:
        """How many were taken out because their process died, at most REAPED_AT_ONCE: until 0."""
        return int(await self._do("reap", REAPED_AT_ONCE))

    async def show(self, user: str, person: bytes) -> None:
        """What the world sees of her from now on."""
        await self._do("show", user, person)

    async def held(self) -> set[tuple[int, str]]:
        """(room, user) that this process holds, as Redis has it."""
        entries: Any = await self._redis.smembers(f"{PREFIX}process:{self._process}")
        pairs = (entry.decode().split(" ") for entry in entries)
        return {(int(room), user) for room, user in pairs}

    async def page(self, room: int, *, after: str = "", limit: int = PAGE) -> Page:
        return Page.read(await self._do("page", room, after, limit + 1), limit)

    async def _do(self, operation: str, *arguments: Any) -> Any:
        return await self._script(keys=[PREFIX], args=(operation, self._process, *arguments))
