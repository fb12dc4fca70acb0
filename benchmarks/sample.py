"""Realistic clicks: the real ones of the tests' sample, again and again, as new events.

What matters to the drain is kept: how clicks are spread over links, and how varied their agents,
referrers, languages and countries are.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import blake2b
from itertools import cycle, islice
from typing import Any

from benchmarks import PROJECT
from links.redirect.click import ClickBatch, ClickEvent
from links.slugs import slug_key

SAMPLE = PROJECT / "tests" / "data" / "clicks_sample.jsonl"
# As many clicks as share a flush when 32 clients ask at once.
BATCH = 16
PER_SECOND = 1_000
# Out of ten clicks so many are of visitors that were not seen before.
NEW_VISITORS = 6


@cache
def rows() -> tuple[dict[str, Any], ...]:
    with SAMPLE.open(encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


def targets() -> dict[str, str]:
    return {row["g"]: row["u"] for row in rows()}


def batches(clicks: int, links: Mapping[str, int]) -> Iterator[ClickBatch]:
    """`clicks` in batches of one issuer; their moments end now. `links` are ids by slug key."""
    issuer, issued = os.urandom(16), 0
    made = events(clicks, links)
    while batch := list(islice(made, BATCH)):
        issued += len(batch)
        yield ClickBatch(issuer, issued, 0, batch)


def events(clicks: int, links: Mapping[str, int]) -> Iterator[ClickEvent]:
    begin = time.time_ns() // 1_000_000 - clicks * 1000 // PER_SECOND
    for number, row in zip(range(clicks), cycle(rows())):
        referrer = row.get("r") or ""
        yield ClickEvent(
            id=event_id(begin + number * 1000 // PER_SECOND),
            link=links[slug_key(row["g"])],
            agent=(row.get("a") or "")[:512],
            referrer="" if referrer == "direct" else referrer[:512],
            language=(row.get("al") or "")[:200],
            country=(row.get("c") or "")[:2],
            visitor=_visitor(number),
        )


def event_id(milliseconds: int) -> bytes:
    """A UUIDv7 of that moment."""
    random = bytearray(os.urandom(10))
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    return milliseconds.to_bytes(6) + bytes(random)


def _visitor(number: int) -> bytes:
    """The rest of ten come back: as one of a few thousand regulars."""
    if number % 10 < NEW_VISITORS:
        return os.urandom(8)
    return blake2b(str(number % 7919).encode(), digest_size=8).digest()
