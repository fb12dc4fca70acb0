"""Writing to the click stream, on one connection that is kept.

A client of redis-py takes a connection from its pool, wraps it in retries and time-outs and gives
it back: for a command that one connection sends all day, that cost as much CPU as the command.
"""

import asyncio
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from links.redirect.availability import NotReplicatedError
from links.redirect.click import FIELD, entries
from links.redirect.networks import COUNT_AND_ADD, COUNT_AND_ADD_SHA, Tally
from monitoring.redis_clients import asynchronous

# It opens with half a dozen commands, one after the other.
CONNECT_TIMEOUT = 2.0
# Within what the journal waits for an answer.
REPLICATED_MS = 80


def additions(payload: bytes, streams: int) -> list[tuple[str | bytes, ...]]:
    """The commands that add a batch to the streams."""
    return [("XADD", name, "*", FIELD, share) for name, share in entries(payload, streams).items()]


def wait_for(replicas: int) -> tuple[str, int, int]:
    """The command that answers when so many replicas have what this connection wrote."""
    return "WAIT", replicas, REPLICATED_MS


def refuse_fewer(having: Any, replicas: int) -> None:
    if int(having) < replicas:
        raise NotReplicatedError(f"{having} of {replicas} replicas have it")


class StreamWriter:
    """With `replicas`, an entry is safe only when so many of them have it, too.

    One entry at a time: the journal sends the next batch when the last one is safe, and it is
    the one to give up on an answer that does not come. After a failure somebody has to `connect`
    again: a request that waits is not to pay for that."""

    def __init__(self, redis_url: str, *, replicas: int = 0, streams: int = 1) -> None:
        self._pool = asynchronous(redis_url, timeout=None).connection_pool
        self._replicas = replicas
        self._streams = streams
        self._wait = [wait_for(replicas)] if replicas else []
        self._connection: AbstractConnection | None = None

    async def connect(self) -> None:
        """Begin anew; one of `availability.FAILURES` when Redis is away."""
        await self.close()
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await connection.connect()  # type: ignore[no-untyped-call]
                # What has forgotten it was started anew, and connected to anew.
                await connection.send_command("SCRIPT", "LOAD", COUNT_AND_ADD)
                await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._connection = connection

    async def add(self, payload: bytes) -> None:
        """Returns when Redis has it; with an error it may have it all the same, or a part of it."""
        await self._ask(*additions(payload, self._streams))

    async def add_counted(self, payload: bytes, tally: Tally) -> list[int]:
        """What the counters of `tally` are now; Redis has the entry when none is over the rate."""
        arguments = tally.arguments(entries(payload, self._streams))
        counts: list[int] = await self._ask(("EVALSHA", COUNT_AND_ADD_SHA, *arguments))
        return counts

    async def _ask(self, *commands: tuple[Any, ...]) -> Any:
        """The answer to the last of them."""
        if (connection := self._connection) is None:
            raise RedisConnectionError("There is no connection to the click stream.")
        try:
            return await self._exchange(connection, commands)
        except BaseException:
            # Also when given up: a late answer must not be taken for that of the next entry.
            await self.close()
            raise

    async def _exchange(self, connection: AbstractConnection, commands: Any) -> Any:
        if len(commands) == 1 and not self._wait:
            await connection.send_command(*commands[0])
            return await connection.read_response()
        # Together: WAIT begins when the entries are written.
        packed = connection.pack_commands([*commands, *self._wait])
        await connection.send_packed_command(packed)
        answers = [await connection.read_response() for _ in commands]
        if self._wait:
            refuse_fewer(await connection.read_response(), self._replicas)
        return answers[-1]

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
