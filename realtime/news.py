"""What processes tell each other of a room, by Redis."""

import msgspec

CHANNEL = "rallypoint:room:"
EVERYBODY = 0


class News(msgspec.Struct, array_like=True):
    """`frames` have the numbers from `first` on; there are none when there was no telling them in
    time: whoever lacks that number reads it. `first` is None for what has no number. With `gone`,
    the id of a user or EVERYBODY, it tells who is not in the room any more, and `reason` why."""

    origin: str
    first: int | None
    frames: list[bytes]
    gone: int | None = None
    reason: str = ""


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(News).decode
