"""A kept value with what is needed to judge it, and how it is written.

MessagePack of declared types, never pickle: whoever can write to Redis cannot make this process run
anything. What is of another version, too big, or of another type than the function gives is no
entry.
"""

import math
import random
import time
import zlib

import msgspec

# The first byte says how the rest is written, and changes with the fields of Entry.
_PLAIN, _DEFLATED = b"\x01", b"\x02"
COMPRESS_FROM = 1_024
# A small entry can be deflated from something that would fill the memory.
MAX_BYTES = 8 * 1024 * 1024


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """`until` is the soft end, Unix time; `cost` the seconds that computing took; `generations`
    those of its tags, in their order, from before it was computed."""

    until: float
    cost: float
    generations: list[bytes]
    value: msgspec.Raw


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def pack(entry: Entry) -> bytes:
    plain = _encode(entry)
    if len(plain) >= COMPRESS_FROM:
        small = zlib.compress(plain, 1)
        if len(small) < len(plain):
            return _DEFLATED + small
    return _PLAIN + plain


def unpack(raw: bytes | None) -> Entry | None:
    if not raw:
        return None
    try:
        return _decode(_inflate(raw) if raw[:1] == _DEFLATED else _plain(raw))
    except (msgspec.DecodeError, zlib.error):
        return None


def soft_end(seconds: float) -> float:
    """Up to a tenth early, so that what was computed together does not end together."""
    return time.time() + seconds * random.uniform(0.9, 1.0)  # noqa: S311 - no secret


def is_due(entry: Entry) -> bool:
    """Whether to compute it again before it ends: the rarer the further away its end is, and the
    earlier the longer it takes, so that few ever meet one that has ended (XFetch: Vattani,
    Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015)."""
    ahead = -entry.cost * math.log(1.0 - random.random())  # noqa: S311 - no secret
    return time.time() + ahead >= entry.until


def _plain(raw: bytes) -> bytes:
    if raw[:1] != _PLAIN:
        raise msgspec.DecodeError
    return raw[1:]


def _inflate(raw: bytes) -> bytes:
    inflating = zlib.decompressobj()
    plain = inflating.decompress(raw[1:], MAX_BYTES)
    if not inflating.eof:
        raise msgspec.DecodeError
    return plain
