"""What processes tell each other of a room, by Redis."""

import msgspec

CHANNEL = "rallypoint:room:"
EVERYBODY = 0


class News(msgspec.Struct, array_like=True):
    """`seq` is None for what has no number, and the frame is empty when there was no telling it in
    time: whoever lacks that number reads it. With `gone`, the id of a user or EVERYBODY, it tells
    who is not in the room any more; the frame is why."""

    origin: str
    seq: int | None
    frame: bytes
    gone: int | None = None


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(News).decode
