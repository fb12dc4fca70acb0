"""Who is present: people, not connections; told once, whatever processes and Redis do."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings
from redis.asyncio import Redis

from monitoring.redis_clients import asynchronous
from realtime.presence.attendance import Attendance
from realtime.presence.register import EVERYWHERE, LEASE, PREFIX, Register
from realtime.presence.telling import BURST, Teller
from realtime.socket.frames import Frame

# This process' own: channels are shared by all databases of a Redis, and so by tests side by side.
ROOM = 1_000_000 + os.getpid()


class Process:
    """One that serves sockets, seen from its presence."""

    def __init__(self, redis: "Redis", name: str) -> None:
        self.register = Register(redis, name)
        self.attendance = Attendance(self.register, lambda: b"{}")
        self.running = asyncio.create_task(self.attendance.run())

    async def come(self, *users: str, room: int = ROOM) -> None:
        for user in users:
            person = json.dumps({"user": {"id": user}, "status": "online", "note": ""})
            self.attendance.come(room, user, person.encode())
        await self.attendance.settled()

    async def go(self, *users: str, room: int = ROOM) -> None:
        for user in users:
            self.attendance.go(room, user)
        await self.attendance.settled()

    async def kill(self) -> None:
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    async def beat(self) -> None:
        """Now, instead of when it is due."""
        self.attendance._beat_at = 0.0
        self.attendance._wake.set()
        await until(lambda: self.attendance._beat_at > 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@pytest.fixture
async def redis() -> AsyncIterator["Redis"]:
    client = asynchronous(settings.REDIS_URL)
    yield client
    await client.aclose()


@pytest.fixture
async def begin(redis: "Redis") -> AsyncIterator[Callable[[str], Process]]:
    processes: list[Process] = []

    def make(name: str) -> Process:
        processes.append(Process(redis, name))
        return processes[-1]

    yield make
    for process in processes:
        await process.kill()


class News:
    """What is told of the room."""

    def __init__(self, redis: "Redis") -> None:
        self._subscription = redis.pubsub(ignore_subscribe_messages=True)

    async def listen(self) -> "News":
        await self._subscription.subscribe(f"rallypoint:room:{ROOM}")
        await self.heard()
        return self

    async def heard(self) -> list[tuple[str, str, int]]:
        """All until now: (user, joined or left or shown, how many are present)."""
        found = []
        while message := await self._subscription.get_message(timeout=0.2):
            change = json.loads(message["data"])
            kind = next((word for word in ("joined", "left") if change.get(word)), "shown")
            found.append((change["user"]["id"], kind, change["present"]))
        return found


@pytest.fixture
async def news(redis: "Redis") -> News:
    return await News(redis).listen()


async def expire(redis: "Redis", process: str) -> None:
    await redis.zadd(f"{PREFIX}processes", {process: 1})


async def present(process: Process) -> list[str]:
    page = await process.register.page(ROOM)
    found = [json.loads(bytes(person))["user"]["id"] for person in page.people]
    assert page.present == len(found)
    return found


async def test_two_tabs_and_a_phone_join_once_and_leave_once(begin: Any, news: News) -> None:
    here, there = begin("a"), begin("b")
    await here.come("ann")
    await here.come("ann")
    await there.come("ann")
    assert await news.heard() == [("ann", "joined", 1)]
    await here.go("ann")
    await there.go("ann")
    assert await news.heard() == []
    assert await present(here) == ["ann"]
    await here.go("ann")
    assert await news.heard() == [("ann", "left", 0)]
    assert await present(there) == []


async def test_who_goes_and_comes_back_at_once_has_not_left(begin: Any, news: News) -> None:
    here = begin("a")
    await here.come("ann")
    here.attendance.go(ROOM, "ann")
    await here.come("ann")
    assert await news.heard() == [("ann", "joined", 1)]


async def test_people_of_a_dead_process_leave_once_unless_they_are_elsewhere_too(
    begin: Any, redis: "Redis", news: News
) -> None:
    dead, here, there = begin("dead"), begin("a"), begin("b")
    await dead.come("ann", "ben", "cy")
    await here.come("ben")
    await there.come("dan")
    await news.heard()
    await dead.kill()
    await expire(redis, "dead")
    reaped = await asyncio.gather(*(process.register.reap() for process in (here, there)))
    assert sum(reaped) == 3
    told = await news.heard()
    assert sorted((user, kind) for user, kind, _ in told) == [("ann", "left"), ("cy", "left")]
    assert await present(here) == ["ben", "dan"]
    assert await here.register.reap() == 0


async def test_a_process_waits_before_it_declares_others_dead(
    begin: Any, redis: "Redis", news: News
) -> None:
    """After trouble with Redis every lease has run out."""
    other, here = begin("other"), begin("a")
    await other.come("ann")
    await expire(redis, "other")
    await here.beat()
    assert await present(here) == ["ann"]
    here.attendance._steady_since = -1_000.0
    await here.beat()
    assert await present(here) == []


async def test_a_restart_within_the_lease_is_not_seen(begin: Any, news: News) -> None:
    old, new = begin("old"), begin("new")
    await old.come("ann")
    await old.attendance.farewell()
    old.attendance.go(ROOM, "ann")
    await new.come("ann")
    assert await news.heard() == [("ann", "joined", 1)]
    assert await present(new) == ["ann"]


async def test_an_emptied_redis_is_filled_again_without_a_word(
    begin: Any, redis: "Redis", news: News
) -> None:
    here, there = begin("a"), begin("b")
    await here.come("ann")
    await there.come("ben")
    await news.heard()
    await redis.flushdb()
    await here.beat()
    await there.beat()
    assert await present(here) == ["ann", "ben"]
    assert await news.heard() == []


async def test_who_was_taken_for_dead_and_lives_comes_back(
    begin: Any, redis: "Redis", news: News
) -> None:
    stopped, here = begin("stopped"), begin("a")
    await stopped.come("ann")
    await expire(redis, "stopped")
    assert await here.register.reap() == 1
    await stopped.beat()
    assert await present(here) == ["ann"]
    heard = [(user, kind) for user, kind, _ in await news.heard()]
    assert heard == [("ann", "joined"), ("ann", "left"), ("ann", "joined")]


async def test_what_redis_missed_while_it_was_away_is_told_afterwards(
    begin: Any, redis: "Redis", news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = begin("a")
    await here.come("ann", "ben")
    await news.heard()

    async def away(*_: Any, **__: Any) -> bool:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(here.register, "change", away)
        patch.setattr(here.register, "beat", away)
        await here.go("ann")
        await here.come("cy")
        assert here.attendance.page(ROOM, after="", limit=50).present == 2
    await until(lambda: not here.attendance._must_compare)
    assert await present(here) == ["ben", "cy"]
    heard = sorted((user, kind) for user, kind, _ in await news.heard())
    assert heard == [("ann", "left"), ("cy", "joined")]


async def test_a_status_is_seen_in_every_room_and_kept_by_the_next_connection(
    begin: Any, news: News
) -> None:
    here, there = begin("a"), begin("b")
    await here.come("ann", room=EVERYWHERE)
    await here.come("ann")
    busy = json.dumps({"user": {"id": "ann"}, "status": "busy", "note": "in a call"}).encode()
    await here.attendance.show("ann", busy)
    await there.come("ann")
    page = await there.register.page(ROOM)
    assert json.loads(bytes(page.people[0]))["status"] == "busy"
    assert await news.heard() == [("ann", "joined", 1), ("ann", "shown", 1)]


async def test_a_big_room_is_read_in_pages(begin: Any) -> None:
    here = begin("a")
    names = [f"u{number:04d}" for number in range(450)]
    await here.come(*names)
    seen: list[str] = []
    after = ""
    while True:
        page = await here.register.page(ROOM, after=after, limit=200)
        seen += [json.loads(bytes(person))["user"]["id"] for person in page.people]
        assert page.present == 450
        if page.next is None:
            break
        after = page.next
    assert seen == names


async def test_nobody_leaves_anything_behind_in_redis(begin: Any, redis: "Redis") -> None:
    here = begin("a")
    await here.come("ann", room=EVERYWHERE)
    await here.come("ann")
    await here.go("ann")
    await here.go("ann", room=EVERYWHERE)
    left = {key.decode().removeprefix(PREFIX) for key in await redis.keys(f"{PREFIX}*")}
    assert left == {"processes", "figures", "epoch"}
    assert here.attendance._people == {}
    score = await redis.zscore(f"{PREFIX}processes", "a")
    now, _ = await redis.time()
    assert 0 < score - now <= LEASE


# --- What a room hears ----------------------------------------------------------------------------
def change(present: int) -> bytes:
    return json.dumps({"user": {"id": "ann"}, "present": present, "joined": True}).encode()


async def test_a_small_room_hears_of_everybody_and_a_big_one_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("realtime.presence.telling.TOGETHER", 0.05)
    monkeypatch.setattr("realtime.presence.telling.FRAMES_A_SECOND", 1e6)
    heard: list[Any] = []

    def tell(_: int, frame: Frame) -> None:
        heard.append(json.loads(frame.data))

    small, big = Teller(tell, lambda _: 10), Teller(tell, lambda _: int(BURST) + 1)
    for number in range(20):
        small.change(ROOM, "lobby", change(number))
    assert [frame["data"]["present"] for frame in heard] == list(range(20))
    assert heard[0]["event"] == "presence:updated"
    assert heard[0]["data"] == {
        "room": "lobby", "user": {"id": "ann"}, "present": 0, "joined": True,
    }  # fmt: skip
    heard.clear()
    for number in range(1_000):
        big.change(ROOM, "lobby", change(number))
    await until(lambda: bool(heard))
    assert heard == [{"event": "presence:summary", "data": {"room": "lobby", "present": 999}}]
    big.forget(ROOM)
