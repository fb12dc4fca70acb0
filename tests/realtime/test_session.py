"""One connection: what waits for it is bounded, and goes out in order."""

import asyncio

from realtime.socket.session import BEHIND, BURST, MOST_FRAMES, Bucket, Session

ROOM = 7


class Wire:
    """A client; while `blocked` it does not read."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.blocked = asyncio.Event()
        self.blocked.set()

    async def send(self, frame: str) -> None:
        await self.blocked.wait()
        self.sent.append(frame)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


async def test_frames_go_out_in_order_and_the_close_last() -> None:
    wire = Wire()
    session = Session(wire.send, wire.close, "s")
    for number in range(5):
        session.push(str(number))
    session.end(4408, "idle")
    session.push("too late")
    session.end(4409, "replaced")
    await asyncio.wait_for(session.write(), 5)
    assert (wire.sent, wire.closed) == (["0", "1", "2", "3", "4"], (4408, "idle"))


async def test_who_does_not_read_is_let_go_and_what_waited_is_given_up() -> None:
    wire = Wire()
    wire.blocked.clear()
    session = Session(wire.send, wire.close, "s")
    writing = asyncio.create_task(session.write())
    session.push("first")
    await asyncio.sleep(0)
    for number in range(MOST_FRAMES + 1):
        session.push(str(number))
    wire.blocked.set()
    await asyncio.wait_for(writing, 5)
    assert wire.sent == ["first"]
    assert wire.closed is not None
    assert wire.closed[0] == BEHIND


async def test_large_frames_count_by_their_size() -> None:
    wire = Wire()
    session = Session(wire.send, wire.close, "s")
    for _ in range(30):
        session.push("x" * 50_000)
    await asyncio.wait_for(session.write(), 5)
    assert (len(wire.sent), wire.closed is not None) == (0, True)


async def test_what_is_heard_while_she_is_told_the_past_comes_after_it() -> None:
    wire = Wire()
    session = Session(wire.send, wire.close, "s")
    session.hold(ROOM)
    for seq in (3, 4, None, 5):
        session.hear(ROOM, seq, f"m{seq}")
    session.push("joined")
    session.release(ROOM, after=4)
    session.hear(ROOM, 6, "m6")
    session.end(1000, "")
    await asyncio.wait_for(session.write(), 5)
    assert wire.sent == ["joined", "mNone", "m5", "m6"]


def test_a_bucket_gives_its_burst_and_counts_who_asks_on() -> None:
    bucket = Bucket()
    given = [bucket.take() for _ in range(int(BURST) + 20)]
    assert sum(given) in {int(BURST), int(BURST) + 1}
    assert bucket.refused >= 19
