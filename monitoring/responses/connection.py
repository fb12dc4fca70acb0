"""One connection to Redis that is kept, for one command at a time. Imports no Django.

A client of redis-py takes a connection from its pool, wraps it in retries and time-outs and gives
it back: for the one question of every kept answer, that cost as much CPU as the answer.
"""

import asyncio
from typing import Any

from redis.asyncio.connection import AbstractConnection

from monitoring.redis_clients import asynchronous


class KeptConnection:
    """Opened by the first command, and anew by the first after a failure."""

    def __init__(self, redis_url: str, *, timeout: float) -> None:
        self._pool = asynchronous(redis_url, timeout=None).connection_pool
        self._timeout = timeout
        self._connection: AbstractConnection | None = None

    async def ask(self, *command: str) -> Any:
        """The answer; one of `redis_clients.AWAY` within the time-out, opening included."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._connection or await self._open()
                await connection.send_command(*command)
                return await connection.read_response()
        except BaseException:
            # Also when given up: a late answer must not be taken for that of the next command.
            await self.close()
            raise

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _open(self) -> AbstractConnection:
        self._connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        await self._connection.connect()
        return self._connection
