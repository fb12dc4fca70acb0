"""`python -m benchmarks.rooms.crowd`: a process full of clients. A line of JSON on its standard
input asks for something, a line on its standard output answers; all connections end with it."""

import asyncio
import gc
import json
import os
import sys
import time
import traceback
from typing import Any

import uvloop

from benchmarks.rooms.gathering import Gathering
from benchmarks.rooms.guests import Guest, Venue, all_come, invite
from benchmarks.rooms.saying import Saying
from benchmarks.rooms.shouting import Shouting

_LOBBY = "lobby"


class Crowd:
    guests: list[Guest]
    gathering: Gathering

    async def come(self, **how: Any) -> dict[str, int]:
        self.guests = _invite(**how)
        await all_come(self.guests)
        return {"guests": len(self.guests)}

    async def shout(self, *, senders: int, under_way: int, **times: float) -> dict[str, float]:
        work = Shouting(self.guests, _LOBBY, senders=senders, under_way=under_way)
        return await work.measure(**times)

    async def say(self, *, under_way: int, **times: float) -> dict[str, float]:
        return await Saying(self.guests, _LOBBY, under_way=under_way).measure(**times)

    async def gather(self, **how: Any) -> dict[str, float]:
        started = time.perf_counter()
        self.guests = _invite(**how)
        self.gathering = Gathering(self.guests)
        await self.gathering.come()
        gc.freeze()
        return {"seconds": time.perf_counter() - started}

    async def talk(self, **how: float) -> dict[str, float]:
        return await self.gathering.talk(**how)

    async def storm(self, *, pid: int, **how: float) -> dict[str, float]:
        return await self.gathering.storm(pid=pid, **how)


def _invite(
    *, url: str, dialect: str, tokens: str, clients: int, small_rooms: int = 0
) -> list[Guest]:
    return invite(Venue.at(url, dialect), tokens, clients, [_LOBBY], small_rooms)


def _fail(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a frame showed to be wrong ends the process: nobody awaits it."""
    traceback.print_exception(context.get("exception") or RuntimeError(context["message"]))
    os._exit(1)


async def main() -> None:
    crowd = Crowd()
    asyncio.get_running_loop().set_exception_handler(_fail)
    gc.set_threshold(100_000, 50, 50)
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked: dict[str, Any] = json.loads(line)
        answer = await getattr(crowd, asked.pop("do"))(**asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
