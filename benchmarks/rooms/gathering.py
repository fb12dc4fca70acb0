"""Thousands of people in a lobby and in small rooms, who talk a little, and come back by the rules
when they are sent away: after the time that they were told, with the number that they saw last.

Every number is looked at: what comes twice, late or never ends the run.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from statistics import quantiles

import msgspec

from benchmarks.rooms.client import Client, LostError
from benchmarks.rooms.dialects import JOINED
from benchmarks.rooms.guests import Guest, all_come, until

_MESSAGE, _DRAINING = b'"message:received"', b'"server:draining"'
_HEARTBEAT = 25.0
_SLICES = 100
_HEARD_WITHIN = 20.0
_BACK_WITHIN = 120.0
_NOT_TOLD = 3.0


class _Data(msgspec.Struct, rename="camel"):
    """Of the three events that are looked into."""

    room: str = ""
    seq: int = 0
    body: str = ""
    recovered: bool = False
    messages: Sequence["_Data"] = ()
    reconnect_after_ms: int = 0


class _Frame(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Frame).decode


class Gathering:
    def __init__(self, guests: Sequence[Guest]) -> None:
        self._guests = guests
        self._latencies: list[float] = []
        self._newest: dict[str, int] = {}
        self._dropped = self._cut = 0
        self._storm_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def come(self) -> None:
        for guest in self._guests:
            guest.heard, guest.lost = partial(self._hear, guest), partial(self._lose, guest)
        self._spawn(self._live())
        await all_come(self._guests)

    # --- Talking ----------------------------------------------------------------------------------
    async def talk(self, *, seconds: float, rate: float) -> dict[str, float]:
        """Milliseconds from sending to hearing, of all who heard it but its sender."""
        self._latencies.clear()
        sent = await self._say(seconds, rate)
        expected = sent * (len(self._guests) // len(self._small_rooms()) - 1)
        await until(lambda: len(self._latencies) >= expected, _HEARD_WITHIN)
        assert len(self._latencies) == expected, f"{len(self._latencies)} of {expected} heard"
        assert not self._dropped, f"{self._dropped} connections were dropped"
        cuts = quantiles(self._latencies, n=100)
        return {"p50": cuts[49], "p99": cuts[98], "sent": sent, "heard": expected}

    async def _say(self, seconds: float, rate: float) -> int:
        started, sent = time.perf_counter(), 0
        while (now := time.perf_counter() - started) < seconds:
            while sent < now * rate:
                guest = random.choice(self._guests)  # noqa: S311 - no secret
                if not guest.is_away:
                    self._send(guest, sent)
                sent += 1
            await asyncio.sleep(0.5 / rate)
        return sent

    def _send(self, guest: Guest, number: int) -> None:
        room = list(guest.seqs)[-1]
        now = time.perf_counter_ns()
        data = {"room": room, "body": f"{guest.number} {now}", "clientId": f"{now}-{number}"}
        guest.client.send(guest.venue.dialect.frame("message:send", data, number))

    def _small_rooms(self) -> set[str]:
        return {list(guest.seqs)[-1] for guest in self._guests}

    # --- Hearing ----------------------------------------------------------------------------------
    def _hear(self, guest: Guest, _: Client, payload: bytes) -> None:
        if _MESSAGE in payload:
            self._hear_message(guest, _decode(payload).data)
        elif JOINED in payload:
            self._catch_up(guest, _decode(payload).data)
        elif _DRAINING in payload:
            guest.told_to_wait = _decode(payload).data.reconnect_after_ms / 1000
        elif b'"unavailable"' not in payload:
            assert not payload.startswith(guest.venue.dialect.error), payload

    def _hear_message(self, guest: Guest, message: _Data) -> None:
        sender, sent_at = message.body.split()
        self._note(guest, message.room, message.seq)
        if int(sender) != guest.number:
            self._latencies.append((time.perf_counter_ns() - int(sent_at)) / 1e6)

    def _catch_up(self, guest: Guest, joined: _Data) -> None:
        """Who has been here before gets exactly what she missed."""
        if guest.has_been_here:
            assert joined.recovered, joined
            for message in joined.messages:
                self._note(guest, joined.room, message.seq)
        else:
            guest.seqs[joined.room] = joined.seq
        assert guest.seqs[joined.room] == joined.seq, joined

    def _note(self, guest: Guest, room: str, seq: int) -> None:
        assert seq == guest.seqs[room] + 1, f"{seq} after {guest.seqs[room]} in {room}"
        guest.seqs[room] = seq
        self._newest[room] = max(seq, self._newest.get(room, 0))

    # --- Being sent away --------------------------------------------------------------------------
    async def storm(self, *, pid: int, seconds: float, rate: float) -> dict[str, float]:
        """That worker is told to go, while people talk on. Seconds until all were back, and until
        everybody had seen everything."""
        self._storm_at = time.perf_counter()
        os.kill(pid, signal.SIGTERM)
        await self._say(seconds, rate)
        await until(lambda: not any(guest.is_away for guest in self._guests), _BACK_WITHIN)
        back = max(guest.back_at for guest in self._guests) - self._storm_at
        await until(self._all_have_seen_all, _HEARD_WITHIN)
        away = sum(guest.is_away for guest in self._guests)
        assert self._cut, "nobody was sent away"
        assert not away, f"{away} are not back"
        assert self._all_have_seen_all(), "somebody lacks a message"
        refused = sum(guest.refused for guest in self._guests)
        return {"cut": self._cut, "back": back, "refused": refused}

    def _all_have_seen_all(self) -> bool:
        return all(
            seq == self._newest.get(room, seq)
            for guest in self._guests
            for room, seq in guest.seqs.items()
        )

    def _lose(self, guest: Guest, _: Client) -> None:
        if guest.is_away:  # lost again on her way back
            return
        guest.is_away, guest.has_been_here = True, True
        if not self._storm_at:
            self._dropped += 1
            return
        self._cut += 1
        self._spawn(self._bring_back(guest))

    async def _bring_back(self, guest: Guest) -> None:
        wait = guest.told_to_wait
        if wait is None:
            wait = random.uniform(0, _NOT_TOLD)  # noqa: S311 - no secret
        while guest.is_away:
            await asyncio.sleep(wait)
            try:
                await guest.enter()
            except (OSError, TimeoutError, LostError):
                guest.client.abandon()
                wait = random.uniform(0.5, 1.5)  # noqa: S311 - same
            else:
                guest.back_at = time.perf_counter()

    # --- Living -----------------------------------------------------------------------------------
    async def _live(self) -> None:
        """Everybody sends a ping once a heartbeat."""
        slices = [self._guests[start::_SLICES] for start in range(_SLICES)]
        while True:
            for some in slices:
                await asyncio.sleep(_HEARTBEAT / _SLICES)
                for guest in some:
                    if not guest.is_away:
                        guest.client.send(b'{"event":"ping"}')

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
