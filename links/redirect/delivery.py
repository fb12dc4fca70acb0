"""Making a batch of clicks safe: in Redis or, while it is away, on disk."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from links.redirect.availability import FAILURES, StreamAvailability
from links.redirect.spool import Spool, SpoolFullError

log = structlog.get_logger(__name__)

# Longer than any healthy answer. Only the requests of the batch that meets a new outage wait it.
SEND_TIMEOUT = 0.1

Send = Callable[[bytes], Awaitable[object]]


class Delivery:
    """One batch at a time. A batch that was asked of Redis and got no answer may be there: if no
    disk takes it either it is unclear, for counted as dropped it might be counted twice. It is
    offered again before the next one, so there is one at most."""

    def __init__(self, send: Send, spool: Spool, stream: StreamAvailability) -> None:
        self._send, self._spool = send, spool
        self.stream = stream
        self._unclear = b""
        self._unclear_clicks = 0

    @property
    def is_clear(self) -> bool:
        return not self._unclear

    async def make_safe(self, payload: bytes) -> None:
        """What the spool raises when neither takes it."""
        if not await self._is_sent(payload):
            await asyncio.to_thread(self._spool.append, payload)

    def keep(self, payload: bytes, clicks: int, error: Exception) -> None:
        """As unclear."""
        self._unclear, self._unclear_clicks = payload, clicks
        log.warning("clicks_unclear", clicks=clicks, error=str(error))

    async def clear_up(self) -> None:
        """Offers what is unclear again; event ids make a second copy harmless."""
        if self.is_clear:
            return
        try:
            await self.make_safe(self._unclear)
        except (OSError, SpoolFullError):
            return  # it stays
        except Exception:
            log.exception("clicks_unclear", clicks=self._unclear_clicks)
            return
        self._unclear, self._unclear_clicks = b"", 0

    def give_up(self) -> int:
        """Clicks that nobody took, and that nobody will be offered again."""
        lost, self._unclear, self._unclear_clicks = self._unclear_clicks, b"", 0
        return lost

    async def _is_sent(self, payload: bytes) -> bool:
        if not self.stream.up:
            return False
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._send(payload)
        except FAILURES as error:
            # It may have been stored all the same: event ids make a second copy harmless.
            self.lose(error)
            return False
        return True

    def lose(self, error: BaseException) -> None:
        """Somebody waited for Redis in vain."""
        log.warning("click_stream_unavailable", error=type(error).__name__)
        self.stream.failed(error)
