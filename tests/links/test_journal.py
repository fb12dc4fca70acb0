"""Group commit: who may be sent on, and when."""

import asyncio
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from links.redirect.availability import Availability, NotReplicatedError, StreamAvailability
from links.redirect.click import ClickEvent, decode_batch, new_event_id
from links.redirect.journal import ClickJournal
from links.redirect.spool import Spool


class Stream:
    """The network's edge: acknowledges when told to, or fails."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.acknowledge = asyncio.Event()
        self.acknowledge.set()
        self.error: Exception | None = None

    async def send(self, payload: bytes) -> None:
        await self.acknowledge.wait()
        if self.error:
            raise self.error
        self.payloads.append(payload)


@pytest.fixture
def stream() -> Stream:
    return Stream()


class Redis:
    """What is known of it."""

    def __init__(self) -> None:
        self.availability = Availability()
        self.stream = StreamAvailability(self.availability)

    def failed(self) -> None:
        self.availability.failed()

    def restored(self) -> None:
        self.availability.restored()
        self.stream.restored()


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, 10**6)


@pytest.fixture
def journal(stream: Stream, spool: Spool, redis: Redis) -> ClickJournal:
    return ClickJournal(stream.send, spool, redis.stream)


def click() -> ClickEvent:
    return ClickEvent(new_event_id(), 1)


async def test_clicks_that_come_together_are_one_entry(
    journal: ClickJournal, stream: Stream
) -> None:
    await asyncio.gather(*(journal.record(click()) for _ in range(50)))

    (payload,) = stream.payloads
    assert len(decode_batch(payload).events) == journal.issued == 50


async def test_nobody_is_sent_on_before_the_acknowledgement(
    journal: ClickJournal, stream: Stream
) -> None:
    stream.acknowledge.clear()
    waiting = journal.record(click())
    await asyncio.sleep(0)

    assert not waiting.done()
    stream.acknowledge.set()
    await waiting


async def test_a_client_that_hangs_up_takes_nobody_along(
    journal: ClickJournal, stream: Stream
) -> None:
    stream.acknowledge.clear()
    gone, waits = journal.record(click()), journal.record(click())
    gone.cancel()
    stream.acknowledge.set()

    await waits
    assert len(decode_batch(stream.payloads[0]).events) == 2


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        RedisConnectionError(),
        ResponseError("OOM command not allowed"),
        RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler"),
    ],
)
async def test_without_redis_clicks_go_to_disk_and_nobody_waits_twice(
    journal: ClickJournal, stream: Stream, spool: Spool, redis: Redis, error: Exception
) -> None:
    stream.error = error
    await journal.record(click())
    stream.error = None
    await journal.record(click())

    assert not redis.availability.up
    assert stream.payloads == []
    assert [decode_batch(frame).issued for frame in spool.frames()] == [1, 2]


async def test_what_neither_redis_nor_disk_takes_is_counted_as_dropped(
    stream: Stream, redis: Redis, tmp_path: Path
) -> None:
    redis.failed()
    journal = ClickJournal(stream.send, Spool(tmp_path, max_bytes=1), redis.stream)

    await journal.record(click())
    redis.restored()
    await journal.record(click())

    batch = decode_batch(stream.payloads[0])
    assert (batch.issued, batch.dropped, len(batch.events)) == (2, 1, 1)


async def test_what_redis_may_have_is_sent_again_and_not_counted_as_dropped(
    stream: Stream, redis: Redis, tmp_path: Path
) -> None:
    """It was asked, then no answer came, and no disk took the click."""
    stream.error = RedisConnectionError()
    journal = ClickJournal(stream.send, Spool(tmp_path, max_bytes=1), redis.stream)
    unclear = click()

    await journal.record(unclear)
    stream.error = None
    await journal.flush()  # in vain: Redis is away
    redis.restored()
    await journal.flush()

    (event,) = [event for payload in stream.payloads for event in decode_batch(payload).events]
    assert event.id == unclear.id
    assert journal.dropped == 0


async def test_a_redis_that_comes_and_goes_leaves_one_batch_unclear(
    stream: Stream, redis: Redis, tmp_path: Path
) -> None:
    stream.error = RedisConnectionError()
    journal = ClickJournal(stream.send, Spool(tmp_path, max_bytes=1), redis.stream)
    for _ in range(5):
        redis.restored()
        await journal.record(click())
    stream.error = None
    redis.restored()
    await journal.flush()

    batches = [decode_batch(payload) for payload in stream.payloads]
    assert sum(len(batch.events) for batch in batches) == 1
    assert (batches[-1].issued, batches[-1].dropped) == (5, 4)


async def test_what_is_unclear_goes_to_a_disk_that_has_room_again(
    stream: Stream, redis: Redis, tmp_path: Path
) -> None:
    """Redis stays away."""
    stream.error = RedisConnectionError()
    spool = Spool(tmp_path, max_bytes=1)
    journal = ClickJournal(stream.send, spool, redis.stream)
    unclear = click()
    await journal.record(unclear)
    spool._max_bytes = 10**6
    await journal.close()

    events = [event for frame in spool.frames() for event in decode_batch(frame).events]
    assert [event.id for event in events] == [unclear.id]
    assert journal.dropped == 0


async def test_what_is_unclear_to_the_end_is_said_to_be_lost(
    stream: Stream, redis: Redis, tmp_path: Path
) -> None:
    stream.error = RedisConnectionError()
    journal = ClickJournal(stream.send, Spool(tmp_path, max_bytes=1), redis.stream)
    await journal.record(click())
    await journal.close()
    assert journal.dropped == 1


async def test_a_fault_of_ours_while_clearing_up_holds_nobody_up(
    stream: Stream, redis: Redis, tmp_path: Path
) -> None:
    stream.error = RedisConnectionError()
    spool = Spool(tmp_path, max_bytes=1)
    journal = ClickJournal(stream.send, spool, redis.stream)
    await journal.record(click())
    redis.restored()
    stream.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(journal.record(click()), 2)
    stream.error = None
    await asyncio.wait_for(journal.record(click()), 2)
    assert journal.dropped == 1


async def test_without_its_replica_redis_is_there_for_all_else(
    journal: ClickJournal, stream: Stream, spool: Spool, redis: Redis
) -> None:
    stream.error = NotReplicatedError()
    await journal.record(click())
    assert redis.availability.up
    assert not redis.stream.up
    assert len(list(spool.frames())) == 1


async def test_a_loss_is_told_even_when_no_click_follows(
    stream: Stream, redis: Redis, tmp_path: Path
) -> None:
    redis.failed()
    journal = ClickJournal(stream.send, Spool(tmp_path, max_bytes=1), redis.stream)
    await journal.record(click())
    await journal.flush()  # in vain: neither takes it yet
    assert stream.payloads == []

    redis.restored()
    await journal.flush()
    await journal.flush()

    (payload,) = stream.payloads
    batch = decode_batch(payload)
    assert (batch.issued, batch.dropped, batch.events) == (1, 1, [])


async def test_unknown_addresses_travel_along_and_are_bounded(
    journal: ClickJournal, stream: Stream
) -> None:
    for number in range(2000):
        journal.note_orphan(f"/{number}")
    await journal.flush()

    assert len(decode_batch(stream.payloads[0]).orphans) == 1000
