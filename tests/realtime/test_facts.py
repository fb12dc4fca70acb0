"""What rooms observe is announced: after the commit, by whichever way it came, to whoever asked."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections, transaction
from django.dispatch import Signal
from psycopg.conninfo import make_conninfo
from pytest_django import DjangoCaptureOnCommitCallbacks
from structlog.testing import capture_logs

from accounts.models import User
from realtime import facts
from realtime.facts import Announcer, message_changed, message_posted, presence_observed
from realtime.messages.editing import delete_message, edit_message
from realtime.messages.posting import post_message
from realtime.models import Message, Room, Stay
from realtime.rooms import direct_room
from realtime.socket.frames import Frame
from realtime.socket.identity import Person
from realtime.socket.runtime import Rooms
from realtime.socket.session import Session
from realtime.socket.writer import Said
from tests.realtime.conftest import MakeRoom

Listen = Callable[[Signal], list[Any]]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`listen(signal)`: the ids that it tells, in a list that grows."""
    connected = []

    def connect(signal: Signal) -> list[Any]:
        told: list[Any] = []

        def hear(ids: list[Any], **_: Any) -> None:
            assert len(ids) <= facts.TOGETHER
            told.extend(ids)

        signal.connect(hear, weak=False)
        connected.append((signal, hear))
        return told

    yield connect
    for signal, receiver in connected:
        signal.disconnect(receiver)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


# --- From where there is no event loop ------------------------------------------------------------
@pytest.mark.django_db
def test_a_message_is_announced_after_the_commit_and_once(
    alice: User,
    make_room: MakeRoom,
    listen: Listen,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    room, posted = make_room(), listen(message_posted)
    with django_capture_on_commit_callbacks(execute=True):
        message, _ = post_message(room=room, sender=alice, body="Hi", client_id="a")
        post_message(room=room, sender=alice, body="Hi", client_id="a")
        assert posted == []
    assert posted == [str(message.public_id)]


@pytest.mark.django_db
def test_a_message_that_was_not_committed_is_not_announced(
    alice: User,
    make_room: MakeRoom,
    listen: Listen,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    room, posted = make_room(), listen(message_posted)
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        post_message(room=room, sender=alice, body="Hi")
        transaction.set_rollback(True)
    assert posted == []


@pytest.mark.django_db
def test_what_was_edited_or_deleted_is_announced(
    alice: User,
    make_room: MakeRoom,
    listen: Listen,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    message, _ = post_message(room=make_room(), sender=alice, body="Hi")
    changed = listen(message_changed)
    with django_capture_on_commit_callbacks(execute=True):
        edit_message(message=message, editor=alice, body="Hello")
        assert changed == []
    assert changed == [str(message.public_id)]
    with django_capture_on_commit_callbacks(execute=True):
        delete_message(message=message, actor=alice)
        delete_message(message=message, actor=alice)
    assert changed == [str(message.public_id)] * 2


@pytest.mark.django_db
def test_what_two_people_say_to_each_other_is_nobodys_business(
    alice: User,
    bob: User,
    listen: Listen,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    posted, changed = listen(message_posted), listen(message_changed)
    room, _ = direct_room(one=alice, other=bob)
    with django_capture_on_commit_callbacks(execute=True):
        message, _ = post_message(room=room, sender=alice, body="Hi")
        edit_message(message=message, editor=alice, body="Hello")
        delete_message(message=message, actor=alice)
    assert (posted, changed) == ([], [])


@pytest.mark.django_db
def test_a_receiver_that_fails_stops_neither_the_message_nor_the_others(
    alice: User,
    make_room: MakeRoom,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    message_posted.connect(fail)
    posted = listen(message_posted)
    with django_capture_on_commit_callbacks(execute=True):
        post_message(room=make_room(), sender=alice, body="Hi")
    assert len(posted) == 1
    assert "test_a_receiver_that_fails" in caplog.text
    message_posted.disconnect(fail)


# --- From an event loop ---------------------------------------------------------------------------
async def test_receivers_may_block_and_hear_together_what_gathered_meanwhile() -> None:
    """They are called on a thread: the loop goes on while one of them waits for it."""
    signal, heard, may_go_on = Signal(), [], threading.Event()

    def hear(ids: list[Any], **_: Any) -> None:
        heard.append(ids)
        assert may_go_on.wait(10)

    signal.connect(hear)
    announcer = Announcer()
    running = asyncio.create_task(announcer.run())
    announcer.announce(signal, [1])
    announcer.announce(signal, [2, 1])
    await until(lambda: bool(heard))
    for number in range(3, 1_203):
        announcer.announce(signal, [number])
    may_go_on.set()
    await until(lambda: len(heard) == 4)
    assert [len(ids) for ids in heard] == [2, 500, 500, 200]
    assert [one for ids in heard for one in ids] == list(range(1, 1_203))
    running.cancel()
    await announcer.close()


async def test_what_waits_for_slow_receivers_is_bounded_and_the_oldest_is_dropped(
    monkeypatch: pytest.MonkeyPatch, listen: Listen
) -> None:
    monkeypatch.setattr(facts, "MOST_WAITING", 3)
    signal = Signal()
    posted, announcer = listen(signal), Announcer()
    for number in range(5):
        announcer.announce(signal, [number])
    with capture_logs() as logged:
        await announcer.close()
    assert (posted, announcer.dropped) == ([2, 3, 4], 2)
    assert [(line["event"], line["count"]) for line in logged] == [("facts_dropped", 2)]


async def test_where_nobody_listens_nothing_waits() -> None:
    announcer = Announcer()
    announcer.announce(Signal(), range(10))
    assert announcer._waiting == {}
    await announcer.close()


# --- What is said over the socket -----------------------------------------------------------------
class Line:
    """To a client who reads everything."""

    def write(self, frame: Frame) -> None: ...

    def waiting(self) -> int:
        return 0

    def stop(self) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


def database_url() -> str:
    given = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    return make_conninfo(**{name: given[name] for name in names if name in given})


@asynccontextmanager
async def serving() -> AsyncIterator[Rooms]:
    rooms = Rooms(database_url=database_url(), redis_url=settings.REDIS_URL)
    await rooms.start()
    try:
        yield rooms
    finally:
        await rooms.stop()
        await sync_to_async(connections.close_all)()


def person_of(user: User) -> Person:
    return Person(user.pk, user.public_id, user.username, 0.0, "")


async def enter(rooms: Rooms, user: User, slug: str) -> tuple[Session, int]:
    """A connection of hers that has joined the room."""
    session = Session(user.username, Line())
    rooms.welcome(session)
    rooms.admit(session, person_of(user))
    arrival = await rooms.enter(session, slug, None)
    return session, arrival.room


def said(user: User, body: str) -> Said:
    return Said(sender=user.pk, body=body, client_id=body, person=person_of(user))


@pytest.mark.django_db(transaction=True)
async def test_the_socket_announces_messages_and_stays_but_nothing_of_direct_rooms(
    alice: User, bob: User, make_room: MakeRoom, listen: Listen
) -> None:
    await sync_to_async(make_room)(bob)
    direct, _ = await sync_to_async(direct_room)(one=alice, other=bob)
    posted, observed = listen(message_posted), listen(presence_observed)
    async with serving() as rooms:
        session, room = await enter(rooms, alice, "lobby")
        _, private = await enter(rooms, bob, direct.slug)
        stored = await rooms.writer.write(room, said(alice, "Hi"))
        await rooms.writer.write(room, said(alice, "Hi"))
        await rooms.writer.write(private, said(bob, "Psst"))
        await until(lambda: bool(posted))
        assert posted == [str(stored.public_id)]
        rooms.forget(session)
        await until(lambda: bool(observed))
    kept = await sync_to_async(lambda: list(Stay.objects.all()))()
    assert [(one.room_id, one.user_id) for one in kept] == [(room, alice.pk)]
    assert set(observed) == {one.pk for one in kept}
    assert await Message.objects.acount() == 2
    assert await Room.objects.acount() == 2
    await sync_to_async(connections.close_all)()
