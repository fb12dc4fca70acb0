"""The two limits of a link: how many clicks in all, and how many a minute."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from links.redirect.availability import FAILURES, Availability
from links.redirect.target import Target

MINUTE = 60
_TIMEOUT = 0.1
_MAX_REMEMBERED = 10_000

# KEYS: the counter. ARGV: window in ms. Returns the count with this click, and ms until it ends.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

# Lets through as many of `wanted` clicks as the limit has left and returns that number; no row
# when the link has no limit any more. The allowance row is the judge: it is locked, not the link.
CLAIM = """
WITH slot AS (
    SELECT allowance.link_id, allowance.admitted, link.max_clicks
    FROM links_clickallowance allowance JOIN links_link link ON link.id = allowance.link_id
    WHERE allowance.link_id = %(link)s AND link.max_clicks IS NOT NULL
    FOR UPDATE OF allowance
)
UPDATE links_clickallowance allowance
SET admitted = slot.admitted + least(%(wanted)s, greatest(slot.max_clicks - slot.admitted, 0))
FROM slot WHERE allowance.link_id = slot.link_id
RETURNING allowance.admitted - slot.admitted AS granted
"""

USED_UP = """
SELECT allowance.admitted >= link.max_clicks AS used_up
FROM links_clickallowance allowance JOIN links_link link ON link.id = allowance.link_id
WHERE allowance.link_id = %(link)s AND link.max_clicks IS NOT NULL
"""

# Runs CLAIM for (link id, wanted); None when the link has no limit.
Claim = Callable[[int, int], Awaitable[int | None]]


class ClickAllowance:
    """Claims of a link's remaining clicks, exact under any concurrency because PostgreSQL judges.

    Claims that arrive while one is under way go together in the next, so a popular limited link
    costs a transaction a round trip and not one a click.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._waiting: dict[int, list[asyncio.Future[bool]]] = {}
        self._claiming: set[asyncio.Task[None]] = set()
        # Links known to be used up, by version: an edit of the link asks PostgreSQL again.
        self._used_up: dict[int, int] = {}

    async def admit(self, target: Target) -> bool:
        """Whether this click may pass. Errors of PostgreSQL pass through to the caller."""
        if self._used_up.get(target.id) == target.version:
            return False
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        if target.id in self._waiting:
            self._waiting[target.id].append(answer)
        else:
            self._waiting[target.id] = [answer]
            claiming = loop.create_task(self._claim_while_asked(target))
            self._claiming.add(claiming)
            claiming.add_done_callback(self._claiming.discard)
        return await answer

    async def _claim_while_asked(self, target: Target) -> None:
        while asked := self._waiting[target.id]:
            self._waiting[target.id] = []
            try:
                granted = await self._claim(target.id, len(asked))
            except Exception as error:  # noqa: BLE001 - handed to every asker, whatever it is
                _answer_all(asked, error)
                continue
            if granted is not None and granted < len(asked):
                self._remember_used_up(target)
            _answer_each(asked, len(asked) if granted is None else granted)
        del self._waiting[target.id]

    def _remember_used_up(self, target: Target) -> None:
        if len(self._used_up) >= _MAX_REMEMBERED:
            del self._used_up[next(iter(self._used_up))]
        self._used_up[target.id] = target.version


def _answer_each(asked: list[asyncio.Future[bool]], granted: int) -> None:
    for place, answer in enumerate(asked):
        if not answer.done():
            answer.set_result(place < granted)


def _answer_all(asked: list[asyncio.Future[bool]], error: Exception) -> None:
    for answer in asked:
        if not answer.done():
            answer.set_exception(error)


class RateLimit:
    """At most so many in a window that opens with the first; shared by all processes in Redis.

    While Redis is away each process counts for itself, with its share of the limit.
    """

    def __init__(self, redis: Redis, availability: Availability, processes: int) -> None:
        self._count = redis.register_script(_COUNT)
        self._availability = availability
        self._processes = processes
        self._local: dict[str, tuple[int, float]] = {}

    async def exceeded(self, name: str, limit: int, window: int = MINUTE) -> int:
        """0 when one more is within `limit` a `window` (seconds), else the seconds to wait."""
        if self._availability.up:
            try:
                async with asyncio.timeout(_TIMEOUT):
                    count, left = await self._count(
                        keys=[f"rallypoint:rate:{name}"], args=[window * 1000]
                    )
            except FAILURES:
                self._availability.failed()
            else:
                return -(-left // 1000) if count > limit else 0
        return self._exceeded_here(name, max(1, limit // self._processes), window)

    def _exceeded_here(self, name: str, limit: int, window: int) -> int:
        now = time.monotonic()
        count, ends = self._local.get(name, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + window
            if len(self._local) >= _MAX_REMEMBERED:
                del self._local[next(iter(self._local))]
        self._local[name] = (count + 1, ends)
        return max(1, round(ends - now)) if count + 1 > limit else 0
