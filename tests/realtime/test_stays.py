"""Who was in which room is kept: what was seen, no more than that, and whatever breaks."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from realtime.models import Room, Stay
from realtime.presence import retention, stays
from realtime.presence.retention import KEPT
from realtime.presence.selectors import merged_stays
from realtime.presence.stays import Stays
from realtime.tasks import forget_stays
from tests.realtime.conftest import MakeRoom

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _rows(query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def _numbers(array: str) -> list[int]:
    return [int(one) for one in array.strip("{}").split(",")]


class Process:
    """One that people are connected to, with a clock on the wall and one to measure with."""

    def __init__(self, name: str = "a") -> None:
        self.wall = self.measured = 0.0
        self.is_away = False
        self.statements = 0
        self.seen: list[int] = []
        self.stays = Stays(
            name,
            self._ask,
            self.seen.extend,
            now=lambda: at(self.wall).timestamp(),
            measure=lambda: 1_000 + self.measured,
        )

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.measured += seconds

    async def _ask(self, query: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        if self.is_away:
            raise OperationalError
        self.statements += 1
        return await sync_to_async(_rows)(query, values)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """In an event loop, whose questions to PostgreSQL are part of the test's transaction."""
    async_to_sync(scene)()


def kept(user: User, room: Room) -> list[tuple[float, float]]:
    """In seconds after noon."""
    found = merged_stays(user_id=user.pk, room_id=room.pk, since=at(-3600), until=at(3600))
    return [((a - NOON).total_seconds(), (b - NOON).total_seconds()) for a, b in found]


# --- What one process sees ------------------------------------------------------------------------
def test_two_tabs_are_one_stay_until_the_last_one_is_closed(
    alice: User, make_room: MakeRoom
) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        process.stays.come(room.pk, alice.pk)
        process.wait(10)
        process.stays.come(room.pk, alice.pk)
        process.wait(10)
        process.stays.go(room.pk, alice.pk)
        process.wait(10)
        process.stays.go(room.pk, alice.pk)
        assert await process.stays.write()
        assert len(process.seen) == 1

    play(scene)
    assert kept(alice, room) == [(0, 30)]
    assert Stay.objects.count() == 1


def test_who_comes_and_goes_all_the_time_has_only_the_time_that_she_was_there(
    alice: User, make_room: MakeRoom
) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        for _ in range(5):
            process.stays.come(room.pk, alice.pk)
            process.wait(1)
            process.stays.go(room.pk, alice.pk)
            process.wait(9)
        await process.stays.write()

    play(scene)
    assert kept(alice, room) == [(n * 10, n * 10 + 1) for n in range(5)]


def test_a_process_that_is_killed_loses_what_came_after_it_last_wrote(
    alice: User, make_room: MakeRoom
) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        process.stays.come(room.pk, alice.pk)
        for _ in range(3):
            process.wait(5)
            await process.stays.write()
        process.wait(4)

    play(scene)
    assert kept(alice, room) == [(0, 15)]


def test_a_process_that_ends_writes_what_it_has(alice: User, make_room: MakeRoom) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        process.stays.come(room.pk, alice.pk)
        process.wait(2)
        await process.stays.write()
        process.wait(1)
        await process.stays.close()
        process.stays.go(room.pk, alice.pk)  # her connection is closed by the server, later

    play(scene)
    assert kept(alice, room) == [(0, 3)]


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_a_clock_that_is_set_makes_nothing_longer_or_shorter(
    alice: User, make_room: MakeRoom, jump: float
) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        process.stays.come(room.pk, alice.pk)
        process.wait(5)
        await process.stays.write()
        process.wall += jump
        process.wait(5)
        process.stays.go(room.pk, alice.pk)
        await process.stays.write()

    play(scene)
    assert kept(alice, room) == [(0, 10)]


def test_what_goes_on_is_written_every_few_seconds_and_what_ends_soon(
    alice: User, bob: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)

    async def scene() -> None:
        process = Process()
        for user in (alice, bob):
            process.stays.come(room.pk, user.pk)
        await process.stays.write()
        process.wait(1)
        process.stays.go(room.pk, bob.pk)
        process.seen.clear()
        await process.stays.write()
        assert (len(process.seen), process.statements) == (1, 2)

    play(scene)
    assert (kept(alice, room), kept(bob, room)) == ([], [(0, 1)])


def test_who_leaves_while_it_is_written_is_written_again(alice: User, make_room: MakeRoom) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        process.stays.come(room.pk, alice.pk)
        process.wait(5)
        writing = asyncio.create_task(process.stays.write())
        await asyncio.sleep(0)
        process.wait(1)
        process.stays.go(room.pk, alice.pk)
        await writing
        await process.stays.write()

    play(scene)
    assert kept(alice, room) == [(0, 6)]


async def test_it_writes_by_itself_and_soon_after_somebody_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who leaves waits half a second for others who do; here nobody."""
    monkeypatch.setattr(stays, "WRITE_ENDED_AFTER", 0.0)
    written: asyncio.Queue[int] = asyncio.Queue()

    async def ask(_: str, values: dict[str, Any]) -> list[tuple[None]]:
        written.put_nowait(len(_numbers(values["users"])))
        return [(None,)]

    recorder = Stays("a", ask, lambda _: None)
    running = asyncio.create_task(recorder.run())
    async with asyncio.timeout(5):
        recorder.come(1, 1)
        recorder.come(1, 2)
        recorder.go(1, 2)
        assert await written.get() == 2
        recorder.go(1, 1)
        assert await written.get() == 1
    running.cancel()


# --- Trouble --------------------------------------------------------------------------------------
def test_while_postgresql_is_away_nothing_is_lost(alice: User, make_room: MakeRoom) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        process.stays.come(room.pk, alice.pk)
        process.wait(5)
        process.is_away = True
        assert not await process.stays.write()
        process.stays.go(room.pk, alice.pk)
        process.wait(5)
        process.stays.come(room.pk, alice.pk)
        process.wait(5)
        assert not await process.stays.write()
        process.is_away = False
        assert await process.stays.write()
        assert process.statements == 1

    play(scene)
    assert kept(alice, room) == [(0, 5), (10, 15)]


async def test_what_waits_for_postgresql_is_bounded_and_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And no statement is too big."""
    monkeypatch.setattr(stays, "MOST_ENDED", 10)
    monkeypatch.setattr(stays, "AT_ONCE", 4)
    asked: list[list[int]] = []

    async def ask(_: str, values: dict[str, Any]) -> list[tuple[None]]:
        asked.append(_numbers(values["users"]))
        return [(None,)]

    recorder = Stays("a", ask, lambda _: None)
    for user in range(12):
        recorder.come(1, user)
        recorder.go(1, user)
    await recorder.write()
    assert (recorder.dropped, asked) == (2, [[2, 3, 4, 5], [6, 7, 8, 9], [10, 11]])


def test_a_room_or_a_person_that_is_gone_keeps_nobody_elses_stay_away(
    alice: User, make_room: MakeRoom
) -> None:
    room = make_room()

    async def scene() -> None:
        process = Process()
        for place, user in ((room.pk, alice.pk), (room.pk, 10**9), (10**9, alice.pk)):
            process.stays.come(place, user)
        process.wait(5)
        assert await process.stays.write()

    play(scene)
    assert kept(alice, room) == [(0, 5)]
    alice.delete()
    assert not Stay.objects.exists()


# --- Reading --------------------------------------------------------------------------------------
@pytest.fixture
def stay(alice: User, make_room: MakeRoom) -> Callable[..., Stay]:
    """`stay(0, 10)`: Alice, in the lobby."""
    room = make_room()

    def make(began: float, seen: float, *, process: str = "a", **fields: Any) -> Stay:
        known = {"room": room, "user": alice} | fields
        return Stay.objects.create(process=process, began_at=at(began), seen_at=at(seen), **known)

    return make


def test_stays_through_several_processes_are_merged_by_one_query(
    stay: Any, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    stay(0, 10)
    stay(5, 20, process="b")
    stay(20, 25)
    stay(40, 50)
    stay(42, 45, process="b")
    hers = stay(60, 60)  # no time at all
    stay(0, 3600, user=bob)
    with django_assert_num_queries(1):
        assert kept(hers.user, hers.room) == [(0, 25), (40, 50)]


def test_stays_are_clipped_to_what_was_asked_for(stay: Any) -> None:
    stay(0, 10)
    hers = stay(20, 30)

    def between(since: float, until: float) -> list[tuple[datetime, datetime]]:
        return merged_stays(
            user_id=hers.user_id, room_id=hers.room_id, since=at(since), until=at(until)
        )

    assert between(5, 25) == [(at(5), at(10)), (at(20), at(25))]
    assert between(10, 20) == between(25, 25) == between(25, 5) == []


def test_a_stay_does_not_end_before_it_began(stay: Any) -> None:
    with pytest.raises(IntegrityError, match="stay_ends_after_it_begins"):
        stay(10, 5)


def test_stays_are_forgotten_after_their_time(stay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    past = (timezone.now() - KEPT - NOON).total_seconds()
    went_on = stay(past - 9_000, past + 60)
    for number in range(4):
        stay(past - 1_000 + number, past - 60)
    lately = stay(past, past + 120)
    assert forget_stays() == 4
    assert set(Stay.objects.all()) == {went_on, lately}
    assert forget_stays() == 0
