"""One opinion on whether Redis answers, shared by everything on the redirect road.

Whoever meets a failure says so, and from then on nobody waits for Redis; only the recovery task
knocks, and says when it is back. Without this every lookup of an outage would pay a time-out.
"""

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

# What a call to Redis raises while it is away. OSError includes time-outs; RuntimeError is how
# uvloop says that a connection was reset while nobody used it.
FAILURES = (OSError, RedisError, RuntimeError)


class NotReplicatedError(RedisConnectionError):
    """Redis has it, and would lose it if it went now."""


class Availability:
    def __init__(self) -> None:
        self.up = True

    def failed(self) -> None:
        self.up = False

    def restored(self) -> None:
        self.up = True


class StreamAvailability:
    """Of the click stream: it is away while Redis is, and while too few replicas have what Redis
    has. All else goes on then."""

    def __init__(self, redis: Availability) -> None:
        self._redis = redis
        self._is_safe = True

    @property
    def up(self) -> bool:
        return self._is_safe and self._redis.up

    def failed(self, error: BaseException) -> None:
        self._is_safe = False
        if not isinstance(error, NotReplicatedError):
            self._redis.failed()

    def restored(self) -> None:
        """Of itself alone."""
        self._is_safe = True
