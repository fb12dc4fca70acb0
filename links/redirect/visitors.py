"""Who visits, without knowing who: hashes that cannot be turned back into an address.

A visitor is the keyed hash of address and agent under a salt that all processes share, that
changes every day (UTC) and is forgotten two days later. Neither the hash nor anything else ties a
visitor of one day to the same one of the next.
"""

import hashlib
import secrets

from redis.asyncio import Redis

SALT_KEY = "rallypoint:links:salt:"
SALT_SECONDS = 2 * 86_400
DAY_MS = 86_400_000


class VisitorHasher:
    def __init__(self, identity_key: bytes) -> None:
        self._identity_key = identity_key[:64]
        # By day number since 1970. A day whose salt Redis could not give has one of this process
        # alone: its visitors may then be counted once a process, never tracked.
        self._salts: dict[int, bytes] = {}

    async def learn(self, redis: Redis, day: int) -> None:
        """Agree with the other processes on the salt of `day`; whoever comes first makes it."""
        key = f"{SALT_KEY}{day}"
        offered = self._salts.get(day) or secrets.token_bytes(32)
        agreed = await redis.set(key, offered, nx=True, get=True, ex=SALT_SECONDS)
        self._salts[day] = agreed if isinstance(agreed, bytes) else offered
        for old in [known for known in self._salts if known < day - 1]:
            del self._salts[old]

    def visitor(self, client: str, agent: str, at: int) -> bytes:
        """8 bytes that are the same for the same client and agent within the day of `at` (ms)."""
        day = at // DAY_MS
        salt = self._salts.get(day)
        if salt is None:
            salt = self._salts[day] = secrets.token_bytes(32)
        return _hash(client, agent, salt)

    def identity(self, client: str, agent: str) -> bytes:
        """What keeps a visitor with one variant for good; never stored or sent anywhere."""
        return _hash(client, agent, self._identity_key)


def _hash(client: str, agent: str, key: bytes) -> bytes:
    return hashlib.blake2b(f"{client}\0{agent}".encode(), digest_size=8, key=key).digest()
