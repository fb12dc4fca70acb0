"""Group commit: the clicks of many requests become one stream entry, acknowledged as one.

While a flush is under way the next batch fills; soon after it ends, that batch goes. A click waits
two round trips at most, and everybody who waits shares the cost of Redis. A 302 is sent only after
its batch is safe: acknowledged by Redis or, while Redis is away, fsynced to the spool.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import structlog

from links.redirect.availability import FAILURES, Availability
from links.redirect.click import ClickBatch, ClickEvent, encode_batch
from links.redirect.spool import Spool, SpoolFullError

log = structlog.get_logger(__name__)

MAX_ORPHANS = 1000
# Longer than any healthy answer. Only the requests of the batch that meets a new outage wait it.
SEND_TIMEOUT = 0.1
# Turns of the event loop between two batches: those just answered write, whoever asks next is read,
# and their clicks go along. Under load that makes batches twice as big, and fewer of them.
TURNS = 3

Send = Callable[[bytes], Awaitable[object]]


class ClickJournal:
    """Takes the clicks of one process, in one event loop, and makes them durable.

    The open batch needs no bound of its own: each of its clicks is a request that waits, and the
    server bounds those (`worker_connections`).
    """

    def __init__(self, send: Send, spool: Spool, redis: Availability) -> None:
        self._send = send
        self._spool = spool
        self._redis = redis
        self._issuer = uuid.uuid4().bytes
        self.issued = 0
        self.dropped = 0
        self._told_dropped = 0
        self._orphans: dict[str, int] = {}
        self._events: list[ClickEvent] = []
        # A future a request and not one a batch: a client that hangs up cancels what it awaits.
        self._waiting: list[asyncio.Future[None]] = []
        self._flusher: asyncio.Task[None] | None = None

    def record(self, event: ClickEvent) -> asyncio.Future[None]:
        """Add a click to the open batch; the future ends when that batch is safe."""
        loop = asyncio.get_running_loop()
        safe = loop.create_future()
        self._events.append(event)
        self._waiting.append(safe)
        self.issued += 1
        if self._flusher is None:
            self._flusher = loop.create_task(self._flush_while_filled())
        return safe

    def note_orphan(self, address: str) -> None:
        """Count a visit to an address that no link has; bounded, so a scanner costs no memory.

        Sent along with the next batch, or by `flush`."""
        if address in self._orphans or len(self._orphans) < MAX_ORPHANS:
            self._orphans[address] = self._orphans.get(address, 0) + 1

    async def flush(self) -> None:
        """Send what is left, orphans and losses included: at the process's end, and now and then
        before."""
        is_untold = self.dropped > self._told_dropped
        if self._flusher is None and (self._events or self._orphans or is_untold):
            self._flusher = asyncio.get_running_loop().create_task(self._flush_while_filled())
        if self._flusher is not None:
            # Shielded: whoever waits here may be cancelled, the clicks may not.
            await asyncio.shield(self._flusher)

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
        waiting, self._waiting = self._waiting, []
        events, self._events = self._events, []
        orphans, self._orphans = self._orphans, {}
        batch = ClickBatch(self._issuer, self.issued, self.dropped, events, orphans)
        try:
            await self._make_safe(encode_batch(batch))
        except (OSError, SpoolFullError) as error:
            # The visitors are still sent on; the loss is counted and shown, not hidden.
            self.dropped += len(events)
            log.error("clicks_dropped", clicks=len(events), error=str(error))  # noqa: TRY400 - no traceback: the sentence says it
            _end(waiting)
        except Exception as error:
            self.dropped += len(events)
            log.exception("clicks_dropped", clicks=len(events))
            _end(waiting, error)
        else:
            self._told_dropped = batch.dropped
            _end(waiting)

    async def _make_safe(self, payload: bytes) -> None:
        """By Redis, or else by the spool; what the spool raises when neither takes it."""
        if self._redis.up:
            try:
                async with asyncio.timeout(SEND_TIMEOUT):
                    await self._send(payload)
            except FAILURES as error:
                # It may have been stored all the same: event ids make a second copy harmless.
                log.warning("click_stream_unavailable", error=type(error).__name__)
                self._redis.failed()
            else:
                return
        await asyncio.to_thread(self._spool.append, payload)


def _end(waiting: list[asyncio.Future[None]], error: Exception | None = None) -> None:
    for future in waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
