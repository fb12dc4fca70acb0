"""The clients, in a process of their own: `python -m benchmarks.traffic.generator`.

Reads one JSON object from stdin: `{"host", "port", "rate", "seconds", "connections", "timeout",
"kinds": {name: {"share", "requests": [raw HTTP, ...]}}}`, writes what it saw as one to stdout.
The load is open: a request begins when its time has come, and its latency counts from then on, so
that a server that stalls is not asked less. One that finds every connection taken waits for one.
With a `rate` of null it is closed: every connection asks again as soon as it was answered.
"""

import asyncio
import itertools
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import uvloop

from benchmarks.traffic.connection import Broken, Connection

_SHED = 503
_LIMITED = 429


class Generator:
    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._idle: asyncio.Queue[Connection | None] = asyncio.Queue()
        for _ in range(plan["connections"]):
            self._idle.put_nowait(None)
        self._latencies: defaultdict[str, list[float]] = defaultdict(list)
        self._outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._timeline: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._requests = self._endless()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def run(self) -> dict[str, Any]:
        """Until every request has been answered or given up."""
        if self._plan["rate"]:
            await self._run_open(self._plan["rate"])
        else:
            await asyncio.gather(*(self._run_closed() for _ in range(self._plan["connections"])))
        return self._found()

    async def _run_open(self, rate: float) -> None:
        asked = set()
        for number in range(int(rate * self._plan["seconds"])):
            due = self._began + number / rate
            if (wait := due - self._loop.time()) > 0:
                await asyncio.sleep(wait)
            task = self._loop.create_task(self._ask(*next(self._requests), due))
            asked.add(task)
            task.add_done_callback(asked.discard)
            if number % 100 == 0:  # who is late lets answers come in
                await asyncio.sleep(0)
        if asked:
            await asyncio.wait(asked)

    async def _run_closed(self) -> None:
        while (now := self._loop.time()) < self._began + self._plan["seconds"]:
            await self._ask(*next(self._requests), now)

    def _endless(self) -> Iterator[tuple[str, bytes]]:
        """The same sequence each time."""
        kinds = self._plan["kinds"]
        names, shares = list(kinds), [kind["share"] for kind in kinds.values()]
        texts = {
            name: itertools.cycle([text.encode() for text in kind["requests"]])
            for name, kind in kinds.items()
        }
        dice = random.Random(7)  # noqa: S311 - a load that can be repeated
        while True:
            name = dice.choices(names, shares)[0]
            yield name, next(texts[name])

    async def _ask(self, kind: str, request: bytes, due: float) -> None:
        outcome = "error"
        connection = await self._idle.get()
        try:
            if connection is None or not connection.is_open:
                where = self._plan["host"], self._plan["port"]
                async with asyncio.timeout(self._plan["timeout"]):
                    _, connection = await self._loop.create_connection(Connection, *where)
            status = await connection.ask(request, self._plan["timeout"])
            outcome = _outcome(status)
        except (Broken, OSError, TimeoutError):
            connection = None
        finally:
            self._idle.put_nowait(connection)
        now = self._loop.time()
        self._outcomes[kind][outcome] += 1
        self._timeline[int(now - self._began)][outcome] += 1
        self._latencies[f"{kind} {outcome}"].append(now - due)

    def _found(self) -> dict[str, Any]:
        kinds = {
            name: {**outcomes, **_quantiles(self._latencies[f"{name} good"])}
            for name, outcomes in self._outcomes.items()
        }
        shed = [seconds for name in self._outcomes for seconds in self._latencies[f"{name} shed"]]
        return {
            "seconds": self._loop.time() - self._began,
            "kinds": kinds,
            "shed": _quantiles(shed),
            "timeline": [dict(self._timeline[at]) for at in range(max(self._timeline, default=0))],
        }


def _outcome(status: int) -> str:
    if status == _SHED:
        return "shed"
    if status == _LIMITED:
        return "limited"
    return "good" if status < 400 else "error"


def _quantiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    return {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


async def _main() -> None:
    plan = json.loads(sys.stdin.readline())
    print(json.dumps(await Generator(plan).run()))


if __name__ == "__main__":
    uvloop.run(_main())
