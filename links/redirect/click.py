"""The shape in which clicks travel from the redirect to the drain, and their event ids."""

from typing import Annotated

import msgspec
from uuid_utils import uuid7

STREAM = "rallypoint:clicks"
# The one field of a stream entry.
FIELD = b"b"

_Text = Annotated[str, msgspec.Meta(max_length=512)]


class ClickEvent(msgspec.Struct, array_like=True, gc=False):
    """One counted redirect. `private` clicks (DNT, GPC) are counted and not profiled: of
    them no more is kept than the mark, which whoever opens her own address wants to leave.

    `id` is a UUIDv7 in bytes; its first 48 bits are the click's moment in Unix milliseconds.
    """

    id: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    link: int
    agent: _Text = ""
    referrer: _Text = ""
    language: _Text = ""
    country: Annotated[str, msgspec.Meta(max_length=2)] = ""
    visitor: bytes = b""
    rule: _Text = ""
    variant: _Text = ""
    private: bool = False
    # Of a personal address: see links.redirect.marks. The last field, and it must stay behind those
    # above: batches without it may wait in the stream, or in a spool.
    mark: _Text = ""


class ClickBatch(msgspec.Struct, array_like=True):
    """What one flush sends. `issued` and `dropped` are running totals of the issuer, this batch
    included, so that batches may arrive late or twice without confusing the account."""

    issuer: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    issued: int
    dropped: int
    events: list[ClickEvent]
    orphans: dict[str, int] = {}


def stream_name(number: int) -> str:
    """Of the streams that share the clicks."""
    return f"{STREAM}:{number}" if number else STREAM


def new_event_id() -> bytes:
    return uuid7().bytes


def moment_of(event_id: bytes) -> int:
    """Unix milliseconds inside a UUIDv7."""
    return int.from_bytes(event_id[:6])


def shares(batch: ClickBatch, streams: int) -> dict[str, ClickBatch]:
    """What each stream gets of it: a link's clicks are always in the same one, so that those who
    drain side by side want different rows. The issuer's totals travel with each, and orphans, which
    belong to no link, with the first."""
    events: dict[int, list[ClickEvent]] = {}
    for event in batch.events:
        events.setdefault(event.link % streams, []).append(event)
    orphans, found = batch.orphans, {}
    for number in sorted(events) or [0]:
        own = events.get(number, [])
        found[stream_name(number)] = msgspec.structs.replace(batch, events=own, orphans=orphans)
        orphans = {}
    return found


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ClickBatch)


def encode_batch(batch: ClickBatch) -> bytes:
    return _encoder.encode(batch)


def decode_batch(data: bytes) -> ClickBatch:
    """The batch in a stream entry or a spool frame; msgspec.ValidationError for anything else."""
    return _decoder.decode(data)


def entries(payload: bytes, streams: int) -> dict[str, bytes]:
    """An encoded batch by the streams that it goes to. Read again where there are several: who has
    one pays nothing for it."""
    if streams == 1:
        return {STREAM: payload}
    parts = shares(decode_batch(payload), streams)
    return {name: encode_batch(part) for name, part in parts.items()}
