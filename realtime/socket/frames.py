"""What is said over the socket.

A client's frame is one of the structs here: `{"event": "message:send", "ref": "7", "data": {...}}`.
The answer to a ref is an `ack` or an `error` that bears it.
"""

import re
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from realtime.words import ONE_LINE

MAX_BYTES = 64 * 1024
SUBPROTOCOL = "rallypoint.v1"

Ref = Annotated[str, msgspec.Meta(max_length=64)]
# `$` alone would let a line end follow.
Slug = Annotated[str, msgspec.Meta(pattern=r"^[-\w]{1,80}$(?!\n)")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Body = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
ClientId = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,64}$(?!\n)")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=200)]
UserId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)")]
# Nothing that would show on another line, or in another order.
Note = Annotated[str, msgspec.Meta(max_length=100, pattern=rf"^{ONE_LINE}$(?!\n)")]


class _Data(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    pass


class _Frame(msgspec.Struct, forbid_unknown_fields=True, tag_field="event"):
    pass


class _Referring(msgspec.Struct):
    """Of any frame, right or wrong."""

    ref: Ref | None = None


class TokenData(_Data):
    token: Annotated[str, msgspec.Meta(max_length=4_096)]


class JoinData(_Data):
    room: Slug
    after: Seq | None = None


class RoomData(_Data):
    room: Slug


class SendData(_Data):
    room: Slug
    body: Body
    client_id: ClientId


class EditData(_Data):
    room: Slug
    seq: Seq
    body: Body


class DeleteData(_Data):
    room: Slug
    seq: Seq


class DirectData(_Data):
    to: UserId
    body: Body
    client_id: ClientId


class StatusData(_Data):
    status: Literal["online", "away", "busy"]
    note: Note = ""


class PeopleData(_Data):
    room: Slug
    after: UserId | None = None
    limit: Limit = 50


class HistoryData(_Data):
    room: Slug
    before: Seq | None = None
    limit: Limit = 50


class ReceiptData(_Data):
    room: Slug
    seq: Seq


class Auth(_Frame, tag="auth"):
    data: TokenData
    ref: Ref | None = None


class AuthRefresh(_Frame, tag="auth:refresh"):
    data: TokenData
    ref: Ref | None = None


class JoinRoom(_Frame, tag="join:room"):
    data: JoinData
    ref: Ref | None = None


class LeaveRoom(_Frame, tag="leave:room"):
    data: RoomData
    ref: Ref | None = None


class SendMessage(_Frame, tag="message:send"):
    data: SendData
    ref: Ref | None = None


class EditMessage(_Frame, tag="message:edit"):
    data: EditData
    ref: Ref | None = None


class DeleteMessage(_Frame, tag="message:delete"):
    data: DeleteData
    ref: Ref | None = None


class SendDirect(_Frame, tag="direct:send"):
    data: DirectData
    ref: Ref | None = None


class UpdatePresence(_Frame, tag="presence:update"):
    data: StatusData
    ref: Ref | None = None


class ListPresence(_Frame, tag="presence:list"):
    data: PeopleData
    ref: Ref | None = None


class StartTyping(_Frame, tag="typing:start"):
    data: RoomData
    ref: Ref | None = None


class StopTyping(_Frame, tag="typing:stop"):
    data: RoomData
    ref: Ref | None = None


class GetHistory(_Frame, tag="history:get"):
    data: HistoryData
    ref: Ref | None = None


class ReadReceipt(_Frame, tag="receipt:read"):
    data: ReceiptData
    ref: Ref | None = None


class Ping(_Frame, tag="ping"):
    ref: Ref | None = None


ClientFrame = (
    Auth
    | AuthRefresh
    | JoinRoom
    | LeaveRoom
    | SendMessage
    | EditMessage
    | DeleteMessage
    | SendDirect
    | UpdatePresence
    | ListPresence
    | StartTyping
    | StopTyping
    | GetHistory
    | ReadReceipt
    | Ping
)


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """An `error` frame: the connection goes on."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def flood() -> Refusal:
    return Refusal("flooding", "Too many frames. Slow down.")


FAULT = Refusal("internal", "Something went wrong on our side.")

_decode = msgspec.json.Decoder(ClientFrame).decode
_decode_ref = msgspec.json.Decoder(_Referring).decode
# What a person should not have to read.
_FORM = re.compile(r"matching regex '.*'(?= - at|$)")


def decode(text: str) -> ClientFrame:
    """Refusal `frame_invalid` tells what is wrong and where, and nothing of what was sent."""
    try:
        frame: ClientFrame = _decode(text)
    except msgspec.ValidationError as error:
        raise Refusal("frame_invalid", _FORM.sub("of another form", str(error))[:200]) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise Refusal("frame_invalid", "This is no JSON object.") from None
    return frame


def ref_of(text: str) -> str | None:
    """Of a frame that is otherwise wrong, so that its sender knows which one it was."""
    try:
        return _decode_ref(text).ref
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


class Frame:
    """A server's frame, made once for all who get it: `data` is its JSON, `wire` the same as it
    stands on the wire (RFC 6455, 5.2: one final text frame, not masked)."""

    __slots__ = ("data", "wire")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.wire = _head(len(data)) + data

    @property
    def parts(self) -> "tuple[Frame, ...]":
        return (self,)


class Frames:
    """Several that go out together: a transport takes twenty at once for the price of one."""

    __slots__ = ("parts", "wire")

    def __init__(self, parts: Sequence[Frame]) -> None:
        self.parts = tuple(parts)
        self.wire = b"".join(part.wire for part in parts)


def _head(length: int) -> bytes:
    if length < 126:
        return bytes((0x81, length))
    if length < 2**16:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


def encode(event: str, data: Any = None, ref: str | None = None) -> Frame:
    frame: dict[str, Any] = {"event": event}
    if ref is not None:
        frame["ref"] = ref
    if data is not None:
        frame["data"] = data
    return Frame(msgspec.json.encode(frame))
