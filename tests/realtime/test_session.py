"""One connection: what waits for it is bounded, and goes out in order."""

import asyncio
from typing import Any

from realtime.socket.frames import Frame
from realtime.socket.lines import Queued
from realtime.socket.session import BEHIND, BURST, MOST_WAITING, Bucket, Session

ROOM = 7


class Line:
    """To a client; what she has not read is counted."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.unread = 0
        self.closed: tuple[int, str] | None = None

    def write(self, frame: Frame) -> None:
        self.sent.append(frame.data.decode())

    def waiting(self) -> int:
        return self.unread

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def said(text: str) -> Frame:
    return Frame(text.encode())


async def test_frames_go_out_in_order_and_none_after_the_end() -> None:
    line = Line()
    session = Session("s", line)
    for number in range(5):
        session.push(said(str(number)))
    session.end(4408, "idle")
    session.push(said("too late"))
    session.end(4409, "replaced")
    await asyncio.sleep(0)
    assert (line.sent, line.closed) == (["0", "1", "2", "3", "4"], (4408, "idle"))


async def test_who_does_not_read_is_let_go() -> None:
    line = Line()
    session = Session("s", line)
    line.unread = MOST_WAITING - 10
    session.push(said("the last"))
    line.unread = MOST_WAITING - 5
    session.push(said("one too many"))
    await asyncio.sleep(0)
    assert line.sent == ["the last"]
    assert line.closed is not None
    assert line.closed[0] == BEHIND


async def test_who_has_read_everything_is_sent_a_frame_of_any_size() -> None:
    line = Line()
    session = Session("s", line)
    session.push(said("x" * (MOST_WAITING + 1)))
    await asyncio.sleep(0)
    assert (len(line.sent), line.closed) == (1, None)


async def test_what_is_heard_while_she_is_told_the_past_comes_after_it() -> None:
    line = Line()
    session = Session("s", line)
    session.hold(ROOM)
    for seq in (3, 4, None, 5):
        session.hear(ROOM, seq, said(f"m{seq}"))
    session.push(said("joined"))
    session.release(ROOM, after=4)
    session.hear(ROOM, 6, said("m6"))
    assert line.sent == ["joined", "mNone", "m5", "m6"]


async def test_a_server_without_transports_sends_one_after_the_other_and_closes_last() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    line = Queued(send)
    for number in range(3):
        line.write(said(str(number)))
    assert line.waiting() == 9  # bytes, with their heads
    await line.close(4408, "idle")
    assert [message.get("text", message["type"]) for message in sent] == [
        "0", "1", "2", "websocket.close",
    ]  # fmt: skip


def test_a_short_a_longer_and_a_long_frame_have_the_heads_of_rfc_6455() -> None:
    heads = {length: Frame(b"x" * length).wire[:-length].hex() for length in (5, 126, 65_536)}
    assert heads == {5: "8105", 126: "817e007e", 65_536: "817f0000000000010000"}


def test_a_bucket_gives_its_burst_and_counts_who_asks_on() -> None:
    bucket = Bucket()
    given = [bucket.take() for _ in range(int(BURST) + 20)]
    assert sum(given) in {int(BURST), int(BURST) + 1}
    assert bucket.refused >= 19
