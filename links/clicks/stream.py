"""Reading a click stream. Nothing is taken out of it here: that is the drain's business.

It is read from its beginning, not from where the last drain came to. What has been stored was taken
out, so the two are the same, unless Redis is another one than it was: emptied, restored from an
older file, or with a clock that went back. Then new entries have smaller numbers than that place,
and who looked behind it would see none of them. Event ids tell what is stored already.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import msgspec
import structlog
from redis import Redis

from links.redirect.click import FIELD, ClickBatch, decode_batch

log = structlog.get_logger(__name__)

_PAGE = 200

Entry = tuple[bytes, dict[bytes, bytes]]


@dataclass
class Part:
    """A stretch of the stream. An entry that is no batch of clicks has an id here and no batch."""

    ids: list[str] = field(default_factory=list)
    events: int = 0
    batches: list[ClickBatch] = field(default_factory=list)


def read_entries(
    redis: Redis, name: str, *, count: int = _PAGE
) -> Iterator[tuple[str, ClickBatch | None]]:
    """Everything, oldest first, `count` entries a round trip; None stands for an entry that cannot
    be read: it is said, and must not hold up those behind it."""
    last_id = "0-0"
    while True:
        page = cast("list[Entry]", redis.xrange(name, min=f"({last_id}", count=count))
        for entry_id, fields in page:
            last_id = entry_id.decode()
            yield last_id, _decode(last_id, fields)
        if len(page) < count:
            return


def read_part(redis: Redis, name: str, max_events: int) -> Part:
    """What is there, up to about `max_events` events; whole entries only."""
    part = Part()
    for entry_id, batch in read_entries(redis, name):
        part.ids.append(entry_id)
        if batch is not None:
            part.batches.append(batch)
            part.events += len(batch.events)
        if part.events >= max_events:
            break
    return part


def take_out(redis: Redis, name: str, part: Part) -> None:
    """These entries and no others: after a failover there may be new ones with smaller numbers."""
    redis.xdel(name, *part.ids)


def waiting_batches(redis: Redis, names: Iterable[str]) -> Iterator[ClickBatch]:
    """Every batch of these streams that is there; for accounts."""
    for name in names:
        yield from (batch for _, batch in read_entries(redis, name) if batch is not None)


def _decode(entry_id: str, fields: dict[bytes, bytes]) -> ClickBatch | None:
    try:
        return decode_batch(fields[FIELD])
    except (KeyError, msgspec.MsgspecError) as error:
        log.error("click_entry_unreadable", entry=entry_id, error=str(error))  # noqa: TRY400 - the sentence says it
        return None
