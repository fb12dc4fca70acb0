"""What the server says over the socket, for its AsyncAPI document. The tests read every frame that
they hear by these, strictly, so that what is written here is what is on the wire."""

from typing import Annotated, Any, Literal

import msgspec

from realtime.socket.frames import Ref

Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")]
Slug = str
Status = Literal["online", "away", "busy"]


class _Data(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    pass


class _Frame(msgspec.Struct, forbid_unknown_fields=True, tag_field="event"):
    pass


class User(_Data):
    id: str
    username: str


class Person(_Data):
    user: User
    status: Status
    note: str


class People(_Data):
    """`present` counts everybody, `people` are a page; `next` is the `after` of the next one."""

    present: int
    people: list[Person]
    next: str | None


class Message(_Data):
    """`from` is null when the person has been forgotten; `body` is empty when it was deleted."""

    room: Slug
    seq: int
    id: str
    sender: User | None = msgspec.field(name="from")
    body: str
    at: Time
    edited_at: Time | None = None
    deleted_at: Time | None = None


class ReadyData(_Data):
    user_id: str
    username: str
    session_id: str
    heartbeat_ms: int


class ExpiringData(_Data):
    in_ms: int


class JoinedData(_Data):
    room: Slug
    seq: int
    role: Literal["owner", "moderator", "member"]
    recovered: bool
    messages: list[Message]
    presence: People
    degraded: bool


class LeftData(_Data):
    room: Slug
    reason: str | None = None


class EditedData(_Data):
    room: Slug
    seq: int
    id: str
    body: str
    edited_at: Time


class DeletedData(_Data):
    room: Slug
    seq: int
    id: str
    deleted_at: Time


class TypingData(_Data):
    room: Slug
    user: User


class ReceiptData(_Data):
    room: Slug
    user: User
    seq: int


class PresenceData(_Data):
    room: Slug
    user: User
    status: Status
    note: str
    present: int
    joined: Literal[True] | None = None
    left: Literal[True] | None = None


class SummaryData(_Data):
    room: Slug
    present: int


class DegradedData(_Data):
    degraded: bool


class DrainingData(_Data):
    reconnect_after_ms: int


class ErrorData(_Data):
    code: str
    detail: str


class Ready(_Frame, tag="ready"):
    """She is known; `ping` at least every `heartbeatMs`."""

    data: ReadyData


class Expiring(_Frame, tag="auth:expiring"):
    """Her token ends soon: `auth:refresh`."""

    data: ExpiringData


class Joined(_Frame, tag="room:joined"):
    """From `seq` on she hears every message of the room."""

    data: JoinedData


class Left(_Frame, tag="room:left"):
    """She hears no more of it; `reason` when it was not her wish."""

    data: LeftData


class Received(_Frame, tag="message:received"):
    """Each number once, in order."""

    data: Message


class Edited(_Frame, tag="message:edited"):
    """What was said under this number reads otherwise now."""

    data: EditedData


class Deleted(_Frame, tag="message:deleted"):
    """What was said under this number was taken back."""

    data: DeletedData


class Direct(_Frame, tag="direct:received"):
    """Said to her alone; on connections that have not joined that room."""

    data: Message


class TypingStarted(_Frame, tag="typing:started"):
    """Ends by itself after 6 s."""

    data: TypingData


class TypingStopped(_Frame, tag="typing:stopped"):
    """By itself, by a message, or by leaving."""

    data: TypingData


class Receipt(_Frame, tag="receipt:updated"):
    """She has read everything up to `seq`."""

    data: ReceiptData


class Presence(_Frame, tag="presence:updated"):
    """Somebody came, went or shows something else of herself."""

    data: PresenceData


class Summary(_Frame, tag="presence:summary"):
    """So many came and went that they are not told one by one."""

    data: SummaryData


class Degraded(_Frame, tag="server:degraded"):
    """While true, what is said at other processes comes late."""

    data: DegradedData


class Draining(_Frame, tag="server:draining"):
    """This process ends; come back after so long."""

    data: DrainingData


class Pong(_Frame, tag="pong"):
    """The answer to `ping`."""

    ref: Ref | None = None


class Ack(_Frame, tag="ack"):
    """Done; what `data` has depends on what was asked."""

    ref: Ref
    data: dict[str, Any]


class Error(_Frame, tag="error"):
    """Not done. `code` is stable; `detail` is for people."""

    data: ErrorData
    ref: Ref | None = None


ServerFrame = (
    Ready
    | Expiring
    | Joined
    | Left
    | Received
    | Edited
    | Deleted
    | Direct
    | TypingStarted
    | TypingStopped
    | Receipt
    | Presence
    | Summary
    | Degraded
    | Draining
    | Pong
    | Ack
    | Error
)
