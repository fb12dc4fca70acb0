"""The hub of one process: each number once and in order, whatever Redis loses."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection

from accounts.events import announce_sign_ins_after_commit
from realtime import news
from realtime.news import News
from realtime.socket import subscription
from realtime.socket.frames import Frame, Frames
from realtime.socket.hub import Hub
from realtime.socket.local_room import LocalRoom

# This process' own: channels are shared by all databases of a Redis, and so by tests side by side.
ROOM = 1_000_000 + os.getpid()


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[int | None, str]] = []

    def hear(self, room: int, first: int | None, frames: Frame | Frames) -> None:
        assert room == ROOM
        assert frames.wire == b"".join(frame.wire for frame in frames.parts)
        for number, frame in enumerate(frames.parts):
            self.heard.append((None if first is None else first + number, frame.data.decode()))


def said(text: str) -> Frame:
    return Frame(text.encode())


class Stored:
    """What PostgreSQL has, from the number `first` on."""

    def __init__(self, newest: int = 0, first: int = 1) -> None:
        self.number, self.first, self.readings = newest, first, 0

    async def newest(self, _: int) -> int:
        return self.number

    async def read(self, _: int, after: int) -> list[tuple[int, Frame]]:
        self.readings += 1
        begin = max(after + 1, self.first)
        return [(seq, said(f"m{seq}")) for seq in range(begin, self.number + 1)][:2]


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing of the hub's is there to wait for
            await asyncio.sleep(0.01)


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
async def hub(stored: Stored) -> AsyncIterator[Hub]:
    made = Hub(settings.REDIS_URL, read=stored.read, newest=stored.newest)
    made.start()
    await until(lambda: not made.is_degraded)
    yield made
    await made.stop()


async def test_who_is_here_hears_what_is_said_from_then_on(hub: Hub, stored: Stored) -> None:
    stored.number = 4
    ear = Ear()
    assert await hub.enter(ROOM, ear) == 4
    await hub.publish(ROOM, 4, [said("old"), said("m5"), said("m6")])
    await hub.tell(ROOM, said("typing"))
    assert ear.heard == [(5, "m5"), (6, "m6"), (None, "typing")]
    hub.leave(ROOM, ear)
    await hub.let_go(ROOM)
    await hub.publish(ROOM, 7, [said("m7")])
    assert len(ear.heard) == 3


async def test_other_processes_hear_it_too_and_once(hub: Hub, stored: Stored) -> None:
    other = Hub(settings.REDIS_URL, read=stored.read, newest=stored.newest)
    other.start()
    await until(lambda: not other.is_degraded)
    here, there = Ear(), Ear()
    await hub.enter(ROOM, here)
    await other.enter(ROOM, there)
    await hub.publish(ROOM, 1, [said("m1")])
    # Nothing is stored here, so who had m2 first would take m1 for one that retention took.
    await until(lambda: there.heard == [(1, "m1")])
    await other.publish(ROOM, 2, [said("m2")])
    await until(lambda: here.heard == there.heard == [(1, "m1"), (2, "m2")])
    await hub.tell(ROOM, said("typing"))
    await until(lambda: here.heard[-1] == there.heard[-1] == (None, "typing"))
    await other.stop()


async def test_a_number_that_is_missing_is_read(hub: Hub, stored: Stored) -> None:
    ear = Ear()
    await hub.enter(ROOM, ear)
    stored.number = 5
    await hub.publish(ROOM, 5, [said("m5")])
    await until(lambda: len(ear.heard) == 5)
    await hub.publish(ROOM, 3, [said("m3")])
    await hub.publish(ROOM, 6, [said("m6")])
    assert ear.heard == [(seq, f"m{seq}") for seq in range(1, 7)]


async def test_numbers_that_retention_took_are_passed_over(hub: Hub, stored: Stored) -> None:
    ear = Ear()
    await hub.enter(ROOM, ear)
    stored.number, stored.first = 5, 4
    await hub.publish(ROOM, 5, [said("m5")])
    await until(lambda: ear.heard == [(4, "m4"), (5, "m5")])
    stored.number, stored.first = 9, 10
    hub._take(ROOM, news.encode(News("another", 9, [])))
    await until(lambda: hub._rooms[ROOM].seq == 9)


async def test_what_could_not_be_published_is_looked_for_once_redis_is_back(
    hub: Hub, stored: Stored
) -> None:
    other = Hub(settings.REDIS_URL, read=stored.read, newest=stored.newest)
    other.start()
    await until(lambda: not other.is_degraded)
    there = Ear()
    await other.enter(ROOM, there)

    hub._note_away(ConnectionError())
    stored.number = 1
    await hub.publish(ROOM, 1, [said("m1")])

    await until(lambda: there.heard == [(1, "m1")])
    await other.stop()


async def test_a_room_that_nobody_is_in_is_forgotten(hub: Hub) -> None:
    ears = [Ear(), Ear()]
    for ear in ears:
        await hub.enter(ROOM, ear)
    for ear in ears:
        assert isinstance(hub._rooms[ROOM], LocalRoom)
        hub.leave(ROOM, ear)
        await hub.let_go(ROOM)
    assert not hub._rooms


async def test_what_is_said_at_once_goes_out_together_and_before_what_comes_later(
    hub: Hub,
) -> None:
    ear = Ear()
    await hub.enter(ROOM, ear)
    for words in ("typing", "still typing"):
        hub.tell_here(ROOM, said(words))
    assert ear.heard == []
    await hub.publish(ROOM, 1, [said("m1")])
    assert ear.heard == [(None, "typing"), (None, "still typing"), (1, "m1")]


async def test_without_redis_a_room_is_local(stored: Stored) -> None:
    alone = Hub("redis://127.0.0.1:1/0", read=stored.read, newest=stored.newest)
    alone.start()
    ear = Ear()
    await alone.enter(ROOM, ear)
    await alone.publish(ROOM, 1, [said("m1")])
    await alone.tell(ROOM, said("typing"))
    await until(lambda: ear.heard == [(1, "m1"), (None, "typing")])
    assert alone.is_degraded
    await alone.stop()


def announce(*people: int) -> None:
    announce_sign_ins_after_commit(*people)
    connection.close()  # that of a thread, which nobody else closes


@pytest.mark.django_db(transaction=True)
async def test_whose_sign_ins_may_have_ended_is_heard(stored: Stored) -> None:
    heard: list[int | None] = []
    hub = Hub(settings.REDIS_URL, read=stored.read, newest=stored.newest, on_sign_ins=heard.append)
    hub.start()
    await until(lambda: heard == [None])
    await sync_to_async(announce)(5, 6)
    await until(lambda: heard == [None, 5, 6])
    await hub.stop()


async def test_what_is_said_while_somebody_enters_is_not_lost(stored: Stored) -> None:
    """It came after the number was read, and before anybody was there to hear it."""
    hub = Hub(settings.REDIS_URL, read=stored.read, newest=stored.newest)

    async def newest(room: int) -> int:
        number = await Stored.newest(stored, room)
        stored.number = 1
        hub._take(ROOM, news.encode(News("another", 1, [b"m1"])))
        return number

    hub._newest = newest
    ear = Ear()
    assert await hub.enter(ROOM, ear) == 1
    hub._take(ROOM, news.encode(News("another", 2, [b"m2"])))
    assert ear.heard == [(2, "m2")]
    await hub.stop()


async def test_a_room_entered_while_redis_comes_back_hears_the_others(
    hub: Hub, stored: Stored
) -> None:
    late = Hub(settings.REDIS_URL, read=stored.read, newest=stored.newest)
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def newest(_: int) -> int:
        reading.set()
        await go_on.wait()
        return stored.number

    late._newest = newest
    ear = Ear()
    entering = asyncio.create_task(late.enter(ROOM, ear))
    await reading.wait()
    late.start()
    await until(lambda: not late.is_degraded)
    go_on.set()
    await entering
    stored.number = 1
    await hub.publish(ROOM, 1, [said("m1")])
    await until(lambda: ear.heard == [(1, "m1")])
    await late.stop()


async def test_who_enters_while_redis_is_coming_back_hears_the_other_processes(
    hub: Hub, stored: Stored
) -> None:
    late, ear = Hub(settings.REDIS_URL, read=stored.read, newest=stored.newest), Ear()
    asked, go_on, ping = asyncio.Event(), asyncio.Event(), late._shards._publishers[0].ping

    async def slow_ping() -> Any:
        asked.set()
        await go_on.wait()
        return await ping()

    late._shards._publishers[0].ping = slow_ping  # type: ignore[method-assign]
    late.start()
    await asked.wait()
    await late.enter(ROOM, ear)
    go_on.set()
    await until(lambda: not late.is_degraded)
    stored.number = 1
    await hub.publish(ROOM, 1, [said("m1")])
    await until(lambda: ear.heard == [(1, "m1")])
    await late.stop()


async def test_a_gap_that_could_not_be_read_is_read_later(
    hub: Hub, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.socket.hub.FILL_AGAIN_AFTER", 0.05)
    ear, tries = Ear(), []

    async def read(room: int, after: int) -> list[tuple[int, Frame]]:
        tries.append(after)
        if len(tries) < 3:
            raise OSError
        return await stored.read(room, after)

    await hub.enter(ROOM, ear)
    hub._read = read
    stored.number = 1
    hub._take(ROOM, news.encode(News("another", 1, [])))
    await until(lambda: ear.heard == [(1, "m1")])


async def test_of_two_that_are_only_told_of_the_second_is_read_too(
    hub: Hub, stored: Stored
) -> None:
    ear = Ear()
    await hub.enter(ROOM, ear)
    stored.number = 1
    hub._take(ROOM, news.encode(News("", 1, [])))
    stored.number = 2
    hub._take(ROOM, news.encode(News("", 2, [])))
    await until(lambda: ear.heard == [(1, "m1"), (2, "m2")])


async def test_who_was_not_told_is_reminded_by_a_repeat(hub: Hub, stored: Stored) -> None:
    ear = Ear()
    await hub.enter(ROOM, ear)
    stored.number = 1
    await hub.remind(ROOM, 1)
    await until(lambda: ear.heard == [(1, "m1")])


async def test_news_that_nobody_understands_stops_nothing(hub: Hub, stored: Stored) -> None:
    ear = Ear()
    await hub.enter(ROOM, ear)
    channel = f"rallypoint:room:{ROOM}"
    publisher = hub._shards._publishers[0]
    await publisher.publish(channel, b"\x93nonsense")
    await publisher.publish(channel, news.encode(News("another", None, [b"typing"])))
    await until(lambda: ear.heard == [(None, "typing")])
    assert not hub.is_degraded
    hub.leave(ROOM, ear)
    await hub.let_go(ROOM)


async def test_what_comes_while_a_gap_is_read_is_heard_once(hub: Hub, stored: Stored) -> None:
    ear = Ear()
    await hub.enter(ROOM, ear)

    async def read(room: int, after: int) -> list[tuple[int, Frame]]:
        found = await Stored.read(stored, room, after)
        hub._take(ROOM, news.encode(News("another", 1, [b"m1"])))
        return found

    hub._read = read
    stored.number = 2
    hub._take(ROOM, news.encode(News("another", 2, [])))
    await until(lambda: len(ear.heard) >= 2)
    assert ear.heard == [(1, "m1"), (2, "m2")]


async def test_a_connection_cut_off_in_silence_is_noticed(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "PING_AFTER", 0.1)
    monkeypatch.setattr(subscription, "SILENT_AFTER", 1.0)
    changes: list[bool] = []
    async with swallowing(settings.REDIS_URL) as (url, swallow):
        hub = Hub(url, read=stored.read, newest=stored.newest)
        hub._on_degraded = lambda: changes.append(hub.is_degraded)
        hub.start()
        await until(lambda: changes == [False])
        swallow()
        await until(lambda: changes == [False, True])
        await hub.stop()


@asynccontextmanager
async def swallowing(url: str) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """A way to Redis on which, from the call on, nothing arrives and nothing is closed."""
    is_open = asyncio.Event()
    is_open.set()
    parts = urlsplit(url)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await is_open.wait()
                writer.write(data)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await _connect_to(parts)
        async with asyncio.TaskGroup() as both:
            both.create_task(pass_on(reader, back))
            both.create_task(pass_on(there, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield f"redis://:{parts.password or ''}@127.0.0.1:{port}{parts.path}", is_open.clear
    server.close()


async def _connect_to(url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if url.scheme == "unix":
        return await asyncio.open_unix_connection(url.path)
    return await asyncio.open_connection(url.hostname, url.port)
