"""The rooms of one process: one subscription a room, a frame encoded once, sent to all in it.

Messages are numbered, and each socket gets each number once, in order. A message that another
process stored comes by Redis; one that never came (Redis restarted, a publish lost) is noticed by
its number and read from PostgreSQL. Everything else, such as typing, is sent and forgotten.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from weakref import WeakValueDictionary

import structlog

from accounts.events import SIGN_INS
from monitoring.redis_clients import AWAY
from realtime import news
from realtime.news import CHANNEL, News
from realtime.socket.frames import Frame
from realtime.socket.local_room import Ear, LocalRoom, Newest, Read
from realtime.socket.shards import Shards
from realtime.socket.subscription import Subscription

log = structlog.get_logger("rallypoint.rooms")

PUBLISHED_WITHIN = 0.5
REACHED_WITHIN = 2.0
RECONNECT_PAUSE = 0.5
FILL_AGAIN_AFTER = 1.0
# How soon trouble that a publisher had is seen by who listens.
LOOK_UP_EVERY = 0.5
# One reading of what is missing; a longer gap takes several.
FILLED_AT_ONCE = 200


class Hub:
    """`read` is asked for what is missing, `newest` for the number at which a room begins here.

    `on_presence(room, change)` hears of who comes and goes, a JSON object; `on_gone(room, user,
    reason)` takes people out; `on_degraded()` hears when `is_degraded` has changed.
    `on_sign_ins(user)` hears whose sign-ins may have ended; None after a time in which nothing was
    heard: anybody's.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        channel_urls: Sequence[str] = (),
        read: Read,
        newest: Newest,
        on_presence: Callable[[int, bytes], None] = lambda *_: None,
        on_gone: Callable[[int, int, str], None] = lambda *_: None,
        on_degraded: Callable[[], None] = lambda: None,
        on_sign_ins: Callable[[int | None], None] = lambda _: None,
    ) -> None:
        self.name = secrets.token_hex(8)
        # Nothing is heard from other processes for now.
        self.is_degraded = True
        self._read, self._newest = read, newest
        self._on_presence, self._on_gone = on_presence, on_gone
        self._on_degraded, self._on_sign_ins = on_degraded, on_sign_ins
        self._rooms: dict[int, LocalRoom] = {}
        # A lock is there for as long as somebody holds it or waits for it.
        self._entering: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._untold: dict[int, int] = {}
        self._shards = Shards(redis_url, channel_urls, published_within=PUBLISHED_WITHIN)
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        tasks = [room.filling for room in self._rooms.values() if room.filling]
        for task in [*tasks, *([self._listening] if self._listening else [])]:
            task.cancel()
        await asyncio.gather(*tasks, *filter(None, [self._listening]), return_exceptions=True)
        await self._shards.close()

    # --- Who is here ------------------------------------------------------------------------------
    async def enter(self, room_id: int, ear: Ear) -> int:
        """From the number that this gives on, `ear` hears every message of the room."""
        async with self._entering.setdefault(room_id, asyncio.Lock()):
            room = self._rooms.get(room_id) or await self._open(room_id)
            room.ears.add(ear)
            return room.seq or 0

    async def _open(self, room_id: int) -> LocalRoom:
        """It is there before anything is waited for: what is heard meanwhile waits in it, and
        whoever subscribes anew takes it along."""
        room = self._rooms[room_id] = LocalRoom(room_id)
        try:
            was_away = self.is_degraded
            await self._subscribe(room_id)
            # Read after the subscription: what is stored from now on is heard of.
            room.begin(await self._newest(room_id))
        except BaseException:
            del self._rooms[room_id]
            await self._unsubscribe(room_id)
            raise
        if was_away or room.lacks:
            self._look(room)
        return room

    async def reach(self, room_id: int, seq: int) -> int:
        """The number up to which it has passed on everything, at least `seq` if there is that."""
        room = self._rooms[room_id]
        room.take(seq, ())
        if room.lacks:
            self._look(room)
        if room.filling:
            await asyncio.wait([room.filling], timeout=REACHED_WITHIN)
        return room.seq or 0

    def remind(self, room_id: int, seq: int) -> Awaitable[bool]:
        """There is such a number: whoever was not told reads it."""
        self._deliver(room_id, seq, ())
        return self._send(room_id, News(self.name, seq, []))

    def leave(self, room_id: int, ear: Ear) -> None:
        """At once: it hears nothing more. `let_go` is for afterwards."""
        if room := self._rooms.get(room_id):
            room.ears.discard(ear)

    async def let_go(self, room_id: int) -> None:
        """Of the room, if nobody is in it here."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        async with self._entering.setdefault(room_id, asyncio.Lock()):
            if not room.ears and self._rooms.get(room_id) is room:
                del self._rooms[room_id]
                if room.filling:
                    room.filling.cancel()
                await self._unsubscribe(room_id)

    # --- What is said -----------------------------------------------------------------------------
    async def publish(self, room_id: int, first: int, frames: Sequence[Frame]) -> None:
        """Messages that this process has stored under the numbers from `first` on: to those who are
        here, then to other processes."""
        self._deliver(room_id, first, frames)
        if not await self._send(room_id, News(self.name, first, [one.data for one in frames])):
            newest = first + len(frames) - 1
            self._untold[room_id] = max(self._untold.get(room_id, 0), newest)

    async def tell(self, room_id: int, frame: Frame) -> None:
        """What has no number."""
        self.tell_here(room_id, frame)
        await self._send(room_id, News(self.name, None, [frame.data]))

    def tell_here(self, room_id: int, frame: Frame) -> None:
        """To those in this process."""
        if room := self._rooms.get(room_id):
            room.say(frame)

    @property
    def rooms(self) -> int:
        """How many have somebody in them here."""
        return len(self._rooms)

    def listeners(self, room_id: int) -> int:
        """How many are in it here."""
        room = self._rooms.get(room_id)
        return len(room.ears) if room else 0

    async def _send(self, room_id: int, item: News) -> bool:
        """Without waiting for Redis while it is known to be away."""
        if self.is_degraded:
            return False
        try:
            await self._shards.publish(room_id, news.encode(item))
        except AWAY as error:
            self._note_away(error)
            return False
        return True

    def _deliver(self, room_id: int, first: int, frames: Iterable[Frame]) -> None:
        if (room := self._rooms.get(room_id)) is None:
            return
        room.take(first, frames)
        if room.lacks:
            self._look(room)

    def _look(self, room: LocalRoom) -> None:
        if room.filling is None:
            room.filling = asyncio.create_task(self._fill(room))

    async def _fill(self, room: LocalRoom) -> None:
        """Again and again, as long as somebody is here: no other message may come to remind us."""
        try:
            while not await self._is_filled(room):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(FILL_AGAIN_AFTER)
        finally:
            room.filling = None

    async def _is_filled(self, room: LocalRoom) -> bool:
        try:
            await room.fill(self._newest, self._read)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            log.warning("room_gap_not_filled", room=room.id, error=type(error).__name__)
            return False
        return True

    # --- Redis ------------------------------------------------------------------------------------
    async def _subscribe(self, room_id: int) -> None:
        """While Redis is away the room is local; `_begin` takes all along."""
        if not self.is_degraded:
            try:
                await self._shards.add(room_id)
            except AWAY as error:
                self._note_away(error)

    async def _unsubscribe(self, room_id: int) -> None:
        if not self.is_degraded:
            try:
                await self._shards.remove(room_id)
            except AWAY as error:
                self._note_away(error)

    async def _listen(self) -> None:
        while True:
            try:
                await self._begin()
                async with asyncio.TaskGroup() as group:
                    for line in self._shards.lines:
                        group.create_task(self._attend(line))
            except AWAY as error:
                self._note_away(error)
            except Exception as error:
                log.exception("rooms_not_heard")
                self._note_away(error)
            await asyncio.sleep(RECONNECT_PAUSE)

    async def _attend(self, line: Subscription) -> None:
        """Until somebody finds that Redis is away, on whichever line."""
        try:
            while not self.is_degraded:
                if heard := await line.hear(LOOK_UP_EVERY):
                    self._hear(*heard)
        except AWAY as error:
            self._note_away(error)
        except Exception as error:
            # A fault of ours: the others' lines go on being heard once all are begun anew.
            log.exception("rooms_not_heard")
            self._note_away(error)

    async def _begin(self) -> None:
        """Subscribe to every room that is here, and look at what was said while nobody heard.

        From the last look at who is here until Redis counts as back nothing is waited for: a room
        that is entered before is subscribed to here, one entered after by `_open`.
        """
        await self._shards.begin(SIGN_INS, self._rooms.keys)
        self.is_degraded = False
        log.info("rooms_connected")
        self._on_degraded()
        untold, self._untold = self._untold, {}
        for room_id, seq in untold.items():
            if not await self._send(room_id, News(self.name, seq, [])):
                self._untold[room_id] = max(self._untold.get(room_id, 0), seq)
        for room in self._rooms.values():
            if room.seq is not None:
                self._look(room)
        self._on_sign_ins(None)

    def _hear(self, channel: str, data: bytes) -> None:
        try:
            if channel == SIGN_INS:
                self._on_sign_ins(int(data))
            else:
                self._take(int(channel.removeprefix(CHANNEL)), data)
        except Exception:
            # Said by a process of another release, perhaps; the next one may be good.
            log.exception("room_news_not_understood")

    def _take(self, room_id: int, data: bytes) -> None:
        if data.startswith(b"{"):  # said by the script of presence, which makes no msgpack
            self._on_presence(room_id, data)
            return
        told = news.decode(data)
        if told.origin == self.name:
            return
        frames = map(Frame, told.frames)
        if told.first is not None:
            self._deliver(room_id, told.first, frames)
        elif told.gone is not None:
            self._on_gone(room_id, told.gone, told.reason)
        else:
            for frame in frames:
                self.tell_here(room_id, frame)

    def _note_away(self, error: BaseException) -> None:
        if not self.is_degraded:
            self.is_degraded = True
            log.warning("rooms_degraded", error=type(error).__name__)
            self._on_degraded()
