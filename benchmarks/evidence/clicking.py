"""The clients: sockets that wait for their XP, and clicks that come at their own times, whether or
not those before them are answered. Run as a program: a line of JSON in, a line of JSON out."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load import HEADERS
from benchmarks.rooms.client import Client
from benchmarks.rooms.dialects import DIALECTS
from benchmarks.traffic.connection import Broken, Connection

_CONNECTIONS = 64
_ANSWERED_WITHIN = 10.0
_PAID_WITHIN = 60.0
_CAME_TOGETHER = 50
_PAID = b'"quest:completed"'


class Player:
    """Her socket, and the moments of her click and of her XP."""

    def __init__(self, client: Client) -> None:
        self.clicked_at = self.paid_at = 0.0
        self.times = 0
        client.heard = self._hear

    def _hear(self, _: Client, frame: bytes) -> None:
        if _PAID in frame:
            self.times += 1
            self.paid_at = self.paid_at or time.perf_counter()


class Clicks:
    """As many a second as they should be; each takes the next connection that is free."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        self._rest = f" HTTP/1.1\r\nHost: {host}:{port}\r\n{head}\r\n"
        self.answered = self.failed = 0

    async def open(self) -> None:
        for _ in range(_CONNECTIONS):
            self._free.put_nowait(await self._connect())

    async def click(self, query: str = "") -> float:
        """The moment of the answer; 0 when there was none."""
        connection = await self._free.get()
        try:
            if not connection.is_open:
                connection = await self._connect()
            request = f"GET /landing{query}{self._rest}".encode()
            status = await connection.ask(request, _ANSWERED_WITHIN)
        except (OSError, Broken, TimeoutError):
            status = 0
        self._free.put_nowait(connection)
        self.answered += status == 302
        self.failed += status != 302
        return time.perf_counter() if status == 302 else 0.0

    async def _connect(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, self._host, self._port
        )
        return connection


async def measure(
    *, url: str, tokens: Sequence[str], queries: Sequence[str], rate: float, share: int
) -> dict[str, Any]:
    """`latencies` in seconds, of those that were paid. The first player is paid before the others
    begin: then everything is there."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    clicks = Clicks(parts.hostname, parts.port)
    await clicks.open()
    players = await _come(parts.hostname, parts.port, tokens, len(queries))
    first = players[0]
    await _click(clicks, (first, queries[0]))
    await _wait_for([first])
    players, queries = players[1:], queries[1:]
    began = time.perf_counter()
    await _click_all(clicks, list(zip(players, queries, strict=True)), rate, share)
    clicking = time.perf_counter() - began
    await _wait_for(players)
    paid = [player for player in players if player.paid_at]
    return {
        "latencies": [max(0.0, player.paid_at - player.clicked_at) for player in paid],
        "twice": sum(player.times > 1 for player in players),
        "rate": clicks.answered / clicking,
        "failed": clicks.failed,
    }


async def _come(host: str, port: int, tokens: Sequence[str], number: int) -> list[Player]:
    dialect, players = DIALECTS["rallypoint"], list[Player]()
    for first in range(0, number, _CAME_TOGETHER):
        ready = []
        for token in tokens[first : min(first + _CAME_TOGETHER, number)]:
            client = Client(dialect.request(f"{host}:{port}", token), dialect.opening(token))
            ready.append(client.expect(dialect.ready))
            await asyncio.get_running_loop().create_connection(
                lambda client=client: client, host, port
            )
            players.append(Player(client))
        await asyncio.gather(*ready)
    return players


async def _click_all(
    clicks: Clicks, visits: Sequence[tuple[Player, str]], rate: float, share: int
) -> None:
    loop, running = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    start = loop.time()
    for number in range(len(visits) * share):
        await asyncio.sleep(start + number / rate - loop.time())
        visit = visits[number // share] if number % share == 0 else None
        task = asyncio.create_task(_click(clicks, visit))
        running.add(task)
        task.add_done_callback(running.discard)
    while running:
        await asyncio.wait(running)


async def _click(clicks: Clicks, visit: tuple[Player, str] | None) -> None:
    if visit is None:
        await clicks.click()
        return
    player, query = visit
    player.clicked_at = await clicks.click(query)


async def _wait_for(players: Sequence[Player]) -> None:
    until = time.perf_counter() + _PAID_WITHIN
    for player in players:
        while player.clicked_at and not player.paid_at and time.perf_counter() < until:  # noqa: ASYNC110 - a client's frame sets no event
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(**json.loads(sys.stdin.readline())))))
