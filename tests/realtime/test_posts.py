"""What is posted goes together, in its order, to whom it is meant for, and costs nobody a wait."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's, which is no OSError
from structlog.testing import capture_logs

from realtime import doors, posts
from realtime.posts import Post, Posts
from realtime.socket.frames import Frame
from realtime.socket.identity import Person
from realtime.socket.mailbox import Mailbox
from realtime.socket.registry import Sessions
from realtime.socket.session import Session
from tests.stack import wait_until

# Processes beside this one hear what is sent by Redis; only what is said so is ours.
EVENT = f"test:p-{''.join(chr(97 + int(digit)) for digit in str(os.getpid()))}"
ROOM, OTHER = f"room-{os.getpid()}", f"other-{os.getpid()}"


class Line:
    """To a client; `heard` is what was sent to her by these tests."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def write(self, frame: Frame) -> None:
        said = json.loads(frame.data)
        if said["event"] == EVENT:
            self.heard.append(said["data"])

    def waiting(self) -> int:
        return 0

    async def close(self, code: int, reason: str) -> None: ...

    def stop(self) -> None: ...


class House:
    """The sockets of one process."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self.mailbox = asyncio.create_task(Mailbox(self.sessions).run())

    def connect(self, person: UUID | None, *rooms: str) -> Line:
        line = Line()
        session = Session(uuid4().hex, line)
        self.sessions.add(session)
        session.rooms |= {slug: number for number, slug in enumerate(rooms, 1)}
        if person:
            self.sessions.admit(session, Person(person.int % 2**31, person, "x", 0.0, ""))
        return line


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    witness = made.connect(uuid4())
    async with asyncio.timeout(10):
        while not witness.heard:  # the mailbox is open
            doors.post_broadcast(EVENT, "first")
            await asyncio.sleep(0.02)
    assert await asyncio.to_thread(doors.flush_posts)
    yield made
    made.mailbox.cancel()


async def test_each_is_heard_by_whom_it_is_meant_for_and_in_order(house: House) -> None:
    alice, bob = uuid4(), uuid4()
    tab, phone = house.connect(alice, ROOM), house.connect(alice)
    his, nobody = house.connect(bob, ROOM, OTHER), house.connect(None)
    for number in range(300):
        doors.post_to_user(str(alice), EVENT, number)
    doors.post_to_room(ROOM, EVENT, "room")
    doors.post_to_room(OTHER, EVENT, "other")
    doors.post_broadcast(EVENT, "all")
    assert await asyncio.to_thread(doors.flush_posts)
    await until(lambda: "all" in his.heard and "all" in tab.heard and "all" in phone.heard)
    hers = [one for one in tab.heard if one != "first"]
    assert hers == [*range(300), "room", "all"]
    assert [one for one in phone.heard if one != "first"] == [*range(300), "all"]
    assert [one for one in his.heard if one != "first"] == ["room", "other", "all"]
    assert nobody.heard == []


async def test_one_that_nobody_understands_keeps_no_other_away(house: House) -> None:
    line = house.connect(alice := uuid4())
    doors._posts.put({"type": "to.user", "user": None, "frame": b""})
    doors._posts.put({"type": "of.the.future", "frame": b"", "to": []})
    doors.post_to_user(str(alice), EVENT, 1)
    await until(lambda: 1 in line.heard)


@pytest.mark.parametrize(
    "event",
    ["quest:completed", "quest:progress", "quest:challenge", "quest:drop", "level:up",
     "leaderboard:changed"],
)  # fmt: skip
def test_news_of_quests_may_be_posted_and_the_sockets_own_words_not(event: str) -> None:
    doors.post_to_user(str(uuid4()), event, {})
    with pytest.raises(ValueError, match="socket's own"):
        doors.post_broadcast("message:received", {})
    assert doors.flush_posts()


def test_a_connection_to_a_redis_that_was_restarted_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []

    class Layer:
        is_old = True

        async def group_send(self, _: str, message: Any) -> None:
            if self.is_old:
                self.is_old = False
                raise ConnectionError
            sent.append(message)

    layer = Layer()
    monkeypatch.setattr(doors, "get_channel_layer", lambda: layer)
    lost = doors._posts.lost
    doors.post_broadcast(EVENT, 1)
    assert doors.flush_posts()
    assert [len(message["posts"]) for message in sent] == [1]
    assert doors._posts.lost == lost


# --- The queue ------------------------------------------------------------------------------------
class Layer:
    """Takes what it is given, in batches, as long as it `is_there`."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.is_there = True
        self.may_go_on = Event()
        self.may_go_on.set()

    async def deliver(self, batch: list[Post]) -> None:
        self.may_go_on.wait(10)
        if not self.is_there:
            raise ConnectionError
        self.batches.append([post["to"] for post in batch])


@pytest.fixture
def layer() -> Iterator[Layer]:
    made = Layer()
    yield made
    made.may_go_on.set()


def post(to: int, size: int = 1) -> Post:
    return {"type": "to.user", "to": to, "frame": b"x" * size}


def test_what_gathered_is_sent_together_within_bounds(
    layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "TOGETHER", 3)
    monkeypatch.setattr(posts, "BYTES_TOGETHER", 10)
    queue = Posts(layer.deliver)
    for to, size in enumerate((1, 1, 1, 1, 20, 6, 5)):
        queue.put(post(to, size))
    assert queue.flush(10)
    assert layer.batches == [[0, 1, 2], [3], [4], [5], [6]]


def test_what_is_lost_while_redis_is_away_is_logged_once(layer: Layer) -> None:
    queue = Posts(layer.deliver)
    with capture_logs() as logged:
        layer.is_there = False
        for to in range(3):
            queue.put(post(to))
            assert queue.flush(10)
        layer.is_there = True
        queue.put(post(3))
        assert queue.flush(10)
    assert (queue.lost, layer.batches) == (3, [[3]])
    assert [line["event"] for line in logged] == ["posts_not_sent", "posts_sent_again"]


def test_beyond_its_bound_the_oldest_are_lost(
    layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "MOST_WAITING", 5)
    monkeypatch.setattr(posts, "GATHERED_FOR", 0.0)
    queue = Posts(layer.deliver)
    layer.may_go_on.clear()
    queue.put(post(-1))
    wait_until(lambda: not queue._waiting)  # it is being sent
    for to in range(8):
        queue.put(post(to))
    assert not queue.flush(0.01)
    layer.may_go_on.set()
    assert queue.flush(10)
    assert (queue.lost, layer.batches) == (3, [[-1], [3, 4, 5, 6, 7]])


def test_a_process_that_was_forked_sends_for_itself() -> None:
    """As Celery's workers are: their parent's thread and what waits for it are not theirs."""
    doors.post_broadcast(EVENT, "of the parent")
    is_well = False
    if not (child := os.fork()):
        try:
            was_empty = not doors._posts._waiting
            doors.post_broadcast(EVENT, "of the child")
            is_well = was_empty and doors.flush_posts(5) and not doors._posts.lost
        finally:
            os._exit(0 if is_well else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert doors.flush_posts(5)
