"""One opinion on whether Redis answers, shared by everything on the redirect road.

Whoever meets a failure says so, and from then on nobody waits for Redis; only the recovery task
knocks, and says when it is back. Without this every lookup of an outage would pay a time-out.
"""

from redis.exceptions import RedisError

# What a call to Redis raises while it is away. OSError includes time-outs; RuntimeError is how
# uvloop says that a connection was reset while nobody used it.
FAILURES = (OSError, RedisError, RuntimeError)


class Availability:
    def __init__(self) -> None:
        self.up = True

    def failed(self) -> None:
        self.up = False

    def restored(self) -> None:
        self.up = True
