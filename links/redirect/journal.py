"""Group commit: the clicks of many requests become one stream entry, acknowledged as one.

While a flush is under way the next batch fills; soon after it ends, that batch goes. A click waits
two round trips at most, and everybody who waits shares the cost of Redis. A 302 is sent only after
its batch is safe: acknowledged by Redis or, while Redis is away, fsynced to the spool.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence

import structlog

from links.redirect.availability import FAILURES, StreamAvailability
from links.redirect.click import ClickBatch, ClickEvent, encode_batch
from links.redirect.delivery import SEND_TIMEOUT, Delivery, Send
from links.redirect.networks import NOBODY, NetworkGate, Tally
from links.redirect.spool import Spool, SpoolFullError

log = structlog.get_logger(__name__)

MAX_ORPHANS = 1000
MAX_LOOKERS = 10_000
# Turns of the event loop between two batches: those just answered write, whoever asks next is read,
# and their clicks go along. Under load that makes batches twice as big, and fewer of them.
TURNS = 3

Count = Callable[[bytes, Tally], Awaitable[Sequence[int]]]


class ClickJournal:
    """Takes the clicks of one process, in one event loop, and makes them durable.

    The open batch needs no bound of its own: each of its clicks is a request that waits, and the
    server bounds those (`worker_connections`). With a `gate`, networks are counted before their
    clicks are, by `count`: it stores a payload as `send` does, when nobody in it is over her rate.
    """

    def __init__(
        self,
        send: Send,
        spool: Spool,
        stream: StreamAvailability,
        gate: NetworkGate | None = None,
        count: Count | None = None,
    ) -> None:
        self._delivery = Delivery(send, spool, stream)
        self._gate, self._count = gate, count
        self._issuer = uuid.uuid4().bytes
        self.issued = 0
        self.dropped = 0
        self._told_dropped = 0
        self._orphans: dict[str, int] = {}
        self._events: list[ClickEvent] = []
        # A future a request and not one a batch: a client that hangs up cancels what it awaits.
        self._waiting: list[asyncio.Future[int]] = []
        # Of the open batch: the network of each click, and of whoever only looked.
        self._networks: list[str] = []
        self._lookers: list[str] = []
        self._flusher: asyncio.Task[None] | None = None

    def record(self, event: ClickEvent, network: str = NOBODY) -> asyncio.Future[int]:
        """Add a click to the open batch. The future ends when that batch is safe, with 0, or with
        the seconds that this network has to wait: then the click is not counted."""
        loop = asyncio.get_running_loop()
        safe = loop.create_future()
        if self._gate and (wait := self._gate.wait_of(network)):
            safe.set_result(wait)
            return safe
        self._events.append(event)
        self._networks.append(network)
        self._waiting.append(safe)
        self.issued += 1
        if self._flusher is None:
            self._flusher = loop.create_task(self._flush_while_filled())
        return safe

    def wait_of(self, network: str) -> int:
        """Seconds that a network has to wait already, or 0."""
        return self._gate.wait_of(network) if self._gate else 0

    def note_look(self, network: str) -> None:
        """Count a request that is no click for its network, with the next batch."""
        if self._gate and len(self._lookers) < MAX_LOOKERS:
            self._lookers.append(network)

    def note_orphan(self, address: str) -> None:
        """Count a visit to an address that no link has; bounded, so a scanner costs no memory.

        Sent along with the next batch, or by `flush`."""
        if address in self._orphans or len(self._orphans) < MAX_ORPHANS:
            self._orphans[address] = self._orphans.get(address, 0) + 1

    async def flush(self) -> None:
        """Send what is left, orphans and losses included: at the process's end, and now and then
        before."""
        is_untold = self.dropped > self._told_dropped
        is_filled = self._events or self._orphans or self._lookers or not self._delivery.is_clear
        if self._flusher is None and (is_filled or is_untold):
            self._flusher = asyncio.get_running_loop().create_task(self._flush_while_filled())
        if self._flusher is not None:
            # Shielded: whoever waits here may be cancelled, the clicks may not.
            await asyncio.shield(self._flusher)

    async def close(self) -> None:
        """At the process's end: what nobody takes now is lost, and is said to be."""
        await self.flush()
        if lost := self._delivery.give_up():
            self.dropped += lost
            log.error("clicks_dropped", clicks=lost, error="neither Redis nor the disk took them")

    async def _flush_while_filled(self) -> None:
        try:
            await self._flush_batch()
            while self._events or self._orphans:
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                await self._flush_batch()
        finally:
            self._flusher = None

    async def _flush_batch(self) -> None:
        await self._delivery.clear_up()
        waiting, self._waiting = self._waiting, []
        events, self._events = self._events, []
        orphans, self._orphans = self._orphans, {}
        callers = [*self._networks, *self._lookers]
        self._networks, self._lookers = [], []
        batch = ClickBatch(self._issuer, self.issued, self.dropped, events, orphans)
        waits: list[int] = []
        may_be_stored = self._delivery.stream.up
        try:
            waits, is_safe = await self._judge(batch, callers)
            if any(waits):
                batch = self._without(batch, waits)
            if not is_safe:
                await self._delivery.make_safe(encode_batch(batch))
        except (OSError, SpoolFullError) as error:
            self._give_up(batch, error, may_be_stored=may_be_stored)
        except Exception as error:
            self.dropped += len(batch.events)
            log.exception("clicks_dropped", clicks=len(batch.events))
            _fail(waiting, error)
            return
        else:
            self._told_dropped = batch.dropped
        _end(waiting, waits)

    def _give_up(self, batch: ClickBatch, error: Exception, *, may_be_stored: bool) -> None:
        """The visitors are still sent on."""
        if may_be_stored:
            self._delivery.keep(encode_batch(batch), len(batch.events), error)
            return
        # The loss is counted and shown, not hidden.
        self.dropped += len(batch.events)
        log.error("clicks_dropped", clicks=len(batch.events), error=str(error))

    async def _judge(self, batch: ClickBatch, callers: list[str]) -> tuple[list[int], bool]:
        """Seconds that each of them has to wait, nothing when all may pass; and whether the batch
        is safe already, because Redis stored what it counted."""
        if self._gate is None or self._count is None:
            return [], False
        if (tally := self._gate.tally(callers)) is None:
            return [], False
        if not self._delivery.stream.up:
            return self._gate.judge_here(tally, callers), False
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                counts = await self._count(encode_batch(batch), tally)
        except FAILURES as error:
            self._delivery.lose(error)
            # It may have been stored: then no click of it can be taken back.
            return [], False
        waits = self._gate.judge(tally, counts, callers)
        return waits, not waits

    def _without(self, batch: ClickBatch, waits: list[int]) -> ClickBatch:
        """Who has to wait was never issued."""
        passed = [event for event, wait in zip(batch.events, waits, strict=False) if not wait]
        refused = len(batch.events) - len(passed)
        self.issued -= refused
        issued = batch.issued - refused
        return ClickBatch(batch.issuer, issued, batch.dropped, passed, batch.orphans)


def _end(waiting: list[asyncio.Future[int]], waits: list[int]) -> None:
    """`waits` is empty when nobody has to."""
    for number, future in enumerate(waiting):
        if not future.done():
            future.set_result(waits[number] if waits else 0)


def _fail(waiting: list[asyncio.Future[int]], error: Exception) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
