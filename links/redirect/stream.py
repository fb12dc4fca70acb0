"""Writing to the click stream, on a connection of its own.

A client of redis-py takes a connection from its pool, wraps it in retries and time-outs and gives
it back: for a command that one connection sends all day, that cost as much CPU as the command.
"""

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from links.redirect.click import FIELD, STREAM


class StreamWriter:
    """One entry at a time: the journal sends the next batch when the last one is safe, and it is
    the one to give up on an answer that does not come."""

    def __init__(self, redis: Redis) -> None:
        """`redis` is for this writer alone, and has no time-out of its own."""
        self._pool = redis.connection_pool
        self._connection: AbstractConnection | None = None

    async def add(self, payload: bytes) -> None:
        """Returns when Redis has the entry; RedisError or OSError when it may not have it."""
        if self._connection is None:
            self._connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await self._connection.send_command("XADD", STREAM, "*", FIELD, payload)
            await self._connection.read_response()
        except BaseException:
            # Also when given up: a late answer must not be taken for that of the next entry.
            await self._drop(self._connection)
            raise

    async def _drop(self, connection: AbstractConnection) -> None:
        self._connection = None
        await connection.disconnect(nowait=True)
        await self._pool.release(connection)
