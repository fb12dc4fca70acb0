"""What is sent to people who may be connected, without waiting for it: a queue, and one thread a
process that sends what has gathered in it as one message of Channels' layer.

`async_to_sync` makes an event loop and a connection to Redis for each call; this thread keeps its
own. What waits is lost when the process ends, or forks: see `flush`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from threading import Condition, Thread
from typing import Any

import structlog

from monitoring.redis_clients import AWAY

log = structlog.get_logger("rallypoint.rooms")

MOST_WAITING = 10_000
GATHERED_FOR = 0.02
TOGETHER = 200
# One is sent, whatever its size.
BYTES_TOGETHER = 256 * 1024

# As the layer carries it: "type" says to whom, "frame" what.
Post = dict[str, Any]


class Posts:
    """`deliver(posts)` raises what is in AWAY when they could not be sent: they are lost then."""

    def __init__(self, deliver: Callable[[list[Post]], Awaitable[None]]) -> None:
        self._deliver = deliver
        self.forget()

    def forget(self) -> None:
        """All that waits, and the thread: in a process that was forked they are its parent's."""
        self._changed = Condition()
        self._waiting: deque[Post] = deque()
        self._thread: Thread | None = None
        self._put = self._done = self.lost = 0
        self._is_away = self._is_full = False

    def put(self, post: Post) -> None:
        """At once. Beyond MOST_WAITING the oldest is lost."""
        with self._changed:
            self._waiting.append(post)
            self._put += 1
            if len(self._waiting) > MOST_WAITING:
                self._lose_oldest()
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="rooms-posts", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Whether what was put before is sent, or lost, within so many seconds."""
        with self._changed:
            last = self._put
            return self._changed.wait_for(lambda: self._done >= last, seconds)

    def _lose_oldest(self) -> None:
        if not self._is_full:
            log.warning("posts_too_many")
        self._is_full = True
        self._waiting.popleft()
        self._done += 1
        self.lost += 1

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            while True:
                with self._changed:
                    self._is_full = False
                    self._changed.wait_for(lambda: self._waiting)
                time.sleep(GATHERED_FOR)
                while batch := self._take():
                    was_sent = runner.run(self._send(batch))
                    with self._changed:
                        self._done += len(batch)
                        self.lost += 0 if was_sent else len(batch)
                        self._changed.notify_all()

    def _take(self) -> list[Post]:
        """The oldest."""
        with self._changed:
            count = size = 0
            for post in islice(self._waiting, TOGETHER):
                size += len(post["frame"])
                if count and size > BYTES_TOGETHER:
                    break
                count += 1
            return [self._waiting.popleft() for _ in range(count)]

    async def _send(self, batch: list[Post]) -> bool:
        try:
            await self._deliver(batch)
        except AWAY as error:
            if not self._is_away:
                log.warning("posts_not_sent", error=type(error).__name__)
            self._is_away = True
        except Exception:
            log.exception("posts_not_sent")
        else:
            if self._is_away:
                log.info("posts_sent_again", lost=self.lost)
            self._is_away = False
            return True
        return False
