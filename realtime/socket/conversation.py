"""What somebody who is known says over her connection, and what she is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from monitoring.maintenance import notice as maintenance
from monitoring.wire.fields import instant
from realtime import doors
from realtime.messages.posting import REFUSALS
from realtime.socket import bridge, documents, frames
from realtime.socket.frames import Refusal, encode
from realtime.socket.identity import Person
from realtime.socket.runtime import Rooms
from realtime.socket.session import Session
from realtime.socket.typists import Typist
from realtime.socket.writer import Said
from realtime.words import is_sayable

ROOMS_AT_ONCE = 100
SENDING_AT_ONCE = 32
# Beyond the one token that every frame costs.
FOR_MUCH_WORK = 4.0
# In a bigger room every message would be followed by as many frames as people read it, to each.
RECEIPTS_UP_TO = 30


class Conversation:
    def __init__(self, rooms: Rooms, session: Session) -> None:
        self.rooms, self.session = rooms, session
        self.typist = Typist(self._tell_typing)
        self._sending: set[asyncio.Task[None]] = set()

    async def answer(self, frame: frames.ClientFrame) -> None:
        """Refusal: an error frame, and the conversation goes on."""
        if (notice := maintenance.current()).is_on and isinstance(frame, _WRITING):
            raise Refusal(maintenance.CODE, notice.text)
        await _ANSWERS[type(frame)](self, frame)

    async def end(self) -> None:
        await self.typist.stop_all()

    @property
    def person(self) -> Person:
        return cast("Person", self.session.person)

    def _room(self, slug: str) -> int:
        if (room := self.session.rooms.get(slug)) is None:
            raise Refusal("not_in_room", "Join the room first.")
        return room

    # --- Rooms ------------------------------------------------------------------------------------
    async def join(self, frame: frames.JoinRoom) -> None:
        slug, after = frame.data.room, frame.data.after
        if slug not in self.session.rooms and len(self.session.rooms) >= ROOMS_AT_ONCE:
            raise Refusal("too_many_rooms", f"At most {ROOMS_AT_ONCE} rooms at once.")
        arrival = await self.rooms.enter(self.session, slug, after)
        self.session.ack(frame.ref)
        joined = arrival.joined | {"messages": arrival.messages}
        self.session.push(encode("room:joined", joined))
        self.session.release(arrival.room, after=arrival.seq)

    async def leave(self, frame: frames.LeaveRoom) -> None:
        slug = frame.data.room
        self._room(slug)
        await self.typist.stop(slug)
        self.rooms.leave(self.session, slug)
        self.session.ack(frame.ref)
        self.session.push(encode("room:left", {"room": slug}))

    # --- Messages ---------------------------------------------------------------------------------
    async def send(self, frame: frames.SendMessage) -> None:
        data = frame.data
        said = self._said(data.body, data.client_id)
        self._room(data.room)
        await self.typist.stop(data.room)
        await self._store_soon(data.room, said, frame.ref)

    async def send_direct(self, frame: frames.SendDirect) -> None:
        self._pay_more()
        data = frame.data
        said = self._said(data.body, data.client_id)
        room = await bridge.ask(bridge.direct_room, self.person.id, data.to)
        self.rooms.name(room.pk, room.slug)
        await self._store_soon(room.slug, said, frame.ref, room=room.pk, to=data.to)

    def _said(self, body: str, client_id: str) -> Said:
        if not is_sayable(body):
            detail = "A message has words, and no control characters - at `$.data.body`"
            raise Refusal("frame_invalid", detail)
        person = self.person
        return Said(sender=person.id, body=body, client_id=client_id, person=person)

    async def _store_soon(
        self, slug: str, said: Said, ref: str | None, *, room: int | None = None, to: str = ""
    ) -> None:
        """In the order in which they came, up to SENDING_AT_ONCE waiting for their commit."""
        while len(self._sending) >= SENDING_AT_ONCE:
            await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
        work = self._store(slug, self._room(slug) if room is None else room, said, ref, to)
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _store(self, slug: str, room: int, said: Said, ref: str | None, to: str) -> None:
        try:
            stored = await self.rooms.writer.write(room, said)
        except Refusal as refusal:
            self.session.refuse(refusal, ref)
            return
        except Exception:  # noqa: BLE001 - logged where it happened; her connection goes on
            self.session.refuse(frames.FAULT, ref)
            return
        if stored.refusal or stored.created_at is None:
            code = stored.refusal or "room_closed"
            self.session.refuse(Refusal(code, REFUSALS[code][1]), ref)
            return
        if to and stored.is_new:
            direct = encode("direct:received", documents.told(slug, said, stored))
            await doors.tell_user(to, direct, unless_in=slug)
        at = instant(stored.created_at)
        self.session.ack(ref, room=slug, seq=stored.seq, id=stored.public_id, at=at)

    def _pay_more(self) -> None:
        """For what goes through Django, in a thread that all share, or reads a lot."""
        if not self.session.bucket.take(FOR_MUCH_WORK):
            raise frames.flood()

    async def edit(self, frame: frames.EditMessage) -> None:
        self._pay_more()
        room, data = self._room(frame.data.room), frame.data
        self._said(data.body, "")
        await bridge.ask(bridge.edit_message, room, data.seq, self.person.id, data.body)
        self.session.ack(frame.ref)

    async def delete(self, frame: frames.DeleteMessage) -> None:
        self._pay_more()
        room = self._room(frame.data.room)
        await bridge.ask(bridge.delete_message, room, frame.data.seq, self.person.id)
        self.session.ack(frame.ref)

    async def history(self, frame: frames.GetHistory) -> None:
        self._pay_more()
        room, data = self._room(frame.data.room), frame.data
        before = {} if data.before is None else {"before": data.before}
        rows = await self.rooms.store.messages(room, limit=data.limit, newest=True, **before)
        messages = [documents.message(data.room, row) for row in rows]
        self.session.ack(frame.ref, messages=messages)

    async def receipt(self, frame: frames.ReadReceipt) -> None:
        room = self._room(frame.data.room)
        reached = await self.rooms.store.mark_read(room, self.person.id, frame.data.seq)
        self.session.ack(frame.ref)
        if reached is not None and self.rooms.hub.listeners(room) <= RECEIPTS_UP_TO:
            user = documents.user_of(self.person)
            data = {"room": frame.data.room, "user": user, "seq": reached}
            await self.rooms.hub.tell(room, encode("receipt:updated", data))

    # --- Presence and typing ----------------------------------------------------------------------
    async def update_presence(self, frame: frames.UpdatePresence) -> None:
        await self.rooms.people.show(self.person, frame.data.status, frame.data.note)
        self.session.ack(frame.ref)

    async def list_presence(self, frame: frames.ListPresence) -> None:
        room, data = self._room(frame.data.room), frame.data
        page = await self.rooms.people.page(room, after=data.after or "", limit=data.limit)
        self.session.ack(frame.ref, present=page.present, people=page.people, next=page.next)

    async def start_typing(self, frame: frames.StartTyping) -> None:
        self._room(frame.data.room)
        self.session.ack(frame.ref)
        await self.typist.start(frame.data.room)

    async def stop_typing(self, frame: frames.StopTyping) -> None:
        self._room(frame.data.room)
        self.session.ack(frame.ref)
        await self.typist.stop(frame.data.room)

    async def _tell_typing(self, event: str, slug: str) -> None:
        if (room := self.session.rooms.get(slug)) is not None:
            data = {"room": slug, "user": documents.user_of(self.person)}
            await self.rooms.hub.tell(room, encode(event, data))


_WRITING = (
    frames.SendMessage,
    frames.EditMessage,
    frames.DeleteMessage,
    frames.SendDirect,
    frames.ReadReceipt,
)
_ANSWERS: dict[type, Callable[[Conversation, Any], Awaitable[None]]] = {
    frames.JoinRoom: Conversation.join,
    frames.LeaveRoom: Conversation.leave,
    frames.SendMessage: Conversation.send,
    frames.EditMessage: Conversation.edit,
    frames.DeleteMessage: Conversation.delete,
    frames.SendDirect: Conversation.send_direct,
    frames.GetHistory: Conversation.history,
    frames.ReadReceipt: Conversation.receipt,
    frames.UpdatePresence: Conversation.update_presence,
    frames.ListPresence: Conversation.list_presence,
    frames.StartTyping: Conversation.start_typing,
    frames.StopTyping: Conversation.stop_typing,
}
