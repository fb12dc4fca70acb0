"""Messages in one room by all who are in it: each with several under way, and none more often than
a connection may send."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.rooms.client import Client
from benchmarks.rooms.guests import Guest, until

_MARK = b'"message:received"'
_NUMBERED = b'"seq":'
_BODY = "What is said in a room is a sentence or two, about as long as this one is."
# A little under the socket's own limits, whose clock starts earlier than ours.
_PER_SECOND, _BURST = 19.5, 38.0
_ACKED_WITHIN = 30.0


class _Sender:
    """The socket's token bucket, seen from outside."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.under_way = self.sent = 0
        self.waits = False
        self._tokens, self._at = _BURST, time.monotonic()

    def wait(self) -> float:
        """Take a token, or say how long there is none."""
        now = time.monotonic()
        self._tokens = min(_BURST, self._tokens + (now - self._at) * _PER_SECOND)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / _PER_SECOND
        self._tokens -= 1
        return 0.0


class Saying:
    def __init__(self, guests: Sequence[Guest], room: str, *, under_way: int) -> None:
        self._room, self._under_way = room, under_way
        self._dialect = guests[0].venue.dialect
        self._senders = {guest.client: _Sender(guest) for guest in guests}
        self._acked = self._heard = 0
        self._stopping = False
        self._run = time.time_ns()

    async def measure(self, *, warm_up: float, seconds: float) -> dict[str, float]:
        for client, sender in self._senders.items():
            client.heard, client.count = self._hear, 0
            self._send(sender)
        await asyncio.sleep(warm_up)
        acked, heard, started = self._acked, self._heard, time.perf_counter()
        used = time.process_time()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - started
        acked, heard = self._acked - acked, self._heard - heard
        used = time.process_time() - used
        await self._prove()
        return {
            "acked": acked, "deliveries": heard, "seconds": took, "all": self._acked,
            "busy": used / took,
        }  # fmt: skip

    def _hear(self, client: Client, payload: bytes) -> None:
        if _MARK in payload:
            client.count += 1
            self._heard += 1
        elif payload.startswith(self._dialect.ack):
            assert _NUMBERED in payload, payload
            self._acked += 1
            sender = self._senders[client]
            sender.under_way -= 1
            self._send(sender)
        else:
            assert not payload.startswith(self._dialect.error), payload

    def _send(self, sender: _Sender) -> None:
        while sender.under_way < self._under_way and not (self._stopping or sender.waits):
            if wait := sender.wait():
                sender.waits = True
                asyncio.get_running_loop().call_later(wait, self._send_later, sender)
                return
            self._say(sender)

    def _send_later(self, sender: _Sender) -> None:
        sender.waits = False
        self._send(sender)

    def _say(self, sender: _Sender) -> None:
        client_id = f"{self._run}-{sender.guest.number}-{sender.sent}"
        data = {"room": self._room, "body": _BODY, "clientId": client_id}
        sender.guest.client.send(self._dialect.frame("message:send", data, sender.sent))
        sender.sent += 1
        sender.under_way += 1

    async def _prove(self) -> None:
        """Each one sent is acknowledged, and everybody has heard each."""
        self._stopping = True
        sent = sum(sender.sent for sender in self._senders.values())
        expected = (sent, sent * len(self._senders))
        await until(lambda: (self._acked, self._heard) == expected, _ACKED_WITHIN)
        assert self._acked == sent, f"{sent} messages were sent and {self._acked} acknowledged"
        counts = {client.count for client in self._senders}
        assert counts == {sent}, f"{sent} messages were sent; heard: {sorted(counts)}"
