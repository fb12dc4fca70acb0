"""How often somebody may speak, and how often a network may fail to come in. Counted with all other
processes, and what is said with what comes by REST: both count `messages` for the person."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio import Redis

from monitoring.limits.limits import Asked, Limits
from monitoring.limits.networks import is_exempt, network_of
from monitoring.limits.rates import Usage, refusal
from monitoring.limits.refusals import TELL_AFTER, Refusals, tell_later
from monitoring.proxies import Network, TrustedProxies
from monitoring.redis_clients import AWAY
from realtime.socket.frames import Refusal

# Who speaks counts for herself; who could not come in, for her network.
SAYING, COMING_IN = "messages", "auth"
_MOST_REMEMBERED = 10_000
_FORWARDED = b"x-forwarded-for"


class Rates:
    """Without `limits` nobody is limited."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        trusted_proxies: Iterable[Network] = (),
        exempt: Iterable[Network] = (),
    ) -> None:
        self._limits = limits
        self._proxies = TrustedProxies(trusted_proxies)
        self._exempt = tuple(exempt)
        # Until when networks are over, in Unix time.
        self._over: dict[str, int] = {}
        self.refusals = Refusals()

    async def judge(self, senders: Sequence[int]) -> list[Refusal | None]:
        """For each message of a group, by the ids of who sent them: one call for all of them. Of
        somebody who goes over within the group, the first messages still pass."""
        if self._limits is None:
            return [None] * len(senders)
        said = Counter(senders)
        asked = [Asked(SAYING, f"user {sender}", times) for sender, times in said.items()]
        usages = dict(zip(said, await self._limits.count(*asked), strict=True))
        room = {sender: _room(usages[sender], times) for sender, times in said.items()}
        return [self._judged(sender, usages[sender], room) for sender in senders]

    def _judged(self, sender: int, usage: Usage | None, room: dict[int, int]) -> Refusal | None:
        room[sender] -= 1
        if usage is None or room[sender] >= 0:
            return None
        self.refusals.note(SAYING, f"user {sender}", usage.wait)
        return Refusal("rate_limited", refusal(usage))

    # --- Coming in --------------------------------------------------------------------------------
    def network_of(self, scope: Any) -> str:
        """Empty when nobody knows it, or when it is exempt."""
        peer = (scope.get("client") or ("",))[0] or ""
        forwarded = b",".join(value for name, value in scope["headers"] if name == _FORWARDED)
        address = self._proxies.client(peer, forwarded.decode("latin-1"))
        return "" if not address or is_exempt(address, self._exempt) else network_of(address)

    def wait_of(self, network: str) -> int:
        """Seconds; 0 for who may come in. Known here: it is not asked anew for each connection."""
        if (ends := self._over.get(network)) is None:
            return 0
        if time.time() > ends:
            del self._over[network]
            return 0
        wait = max(1, ends - int(time.time()))
        self.refusals.note(COMING_IN, network, wait)
        return wait

    async def count_failure(self, network: str) -> None:
        if self._limits is None or not network:
            return
        (usage,) = await self._limits.count(Asked(COMING_IN, network))
        if usage and usage.remaining == 0:
            if len(self._over) >= _MOST_REMEMBERED:
                del self._over[next(iter(self._over))]
            self._over[network] = int(time.time()) + usage.wait

    async def tell_operators(self, redis: Redis) -> None:
        """Of whom is being limited, for ever."""
        while True:
            await asyncio.sleep(TELL_AFTER)
            try:
                await tell_later(redis, self.refusals.take())
            except AWAY:
                continue  # the list is for looking at; the metric has it

    async def close(self) -> None:
        if self._limits:
            await self._limits.close()


def _room(usage: Usage | None, times: int) -> int:
    """How many of these still pass."""
    return times - max(0, usage.used - usage.rate.limit) if usage else times
