"""Messages and people as they are on the wire."""

from typing import Any
from uuid import UUID

import msgspec

from monitoring.wire.fields import instant
from realtime.messages.statement import Stored
from realtime.socket.frames import Frame, encode
from realtime.socket.identity import Person
from realtime.socket.writer import Said


def user_of(person: Person) -> dict[str, Any]:
    return {"id": person.public_id, "username": person.username}


def presence_of(person: Person, *, status: str = "online", note: str = "") -> bytes:
    """What the world sees of somebody who is connected."""
    return msgspec.json.encode({"user": user_of(person), "status": status, "note": note})


def received(slug: str, said: Said, stored: Stored) -> Frame:
    return encode("message:received", told(slug, said, stored))


def told(slug: str, said: Said, stored: Stored) -> dict[str, Any]:
    """What has just been said, without reading it again."""
    person = said.person
    row = (
        stored.seq, stored.public_id, person.public_id, person.username, said.body,
        stored.created_at, None, None,
    )  # fmt: skip
    return message(slug, row)


def message(slug: str, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of `Store.messages`."""
    seq, public_id, sender_id, username, body, created_at, edited_at, deleted_at = row
    sender: dict[str, UUID | str] | None = None
    if sender_id is not None:
        sender = {"id": sender_id, "username": username}
    document = {
        "room": slug,
        "seq": seq,
        "id": public_id,
        "from": sender,
        "body": body,
        "at": instant(created_at),
    }
    if edited_at:
        document["editedAt"] = instant(edited_at)
    if deleted_at:
        document["deletedAt"] = instant(deleted_at)
    return document
