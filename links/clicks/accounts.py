"""The accounts behind E1: what each issuer says it issued, against what arrived; and the visits to
addresses that no link has, which travel in the same batches."""

from collections import Counter
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from links.redirect.click import ClickBatch

_SETTLE = """
INSERT INTO links_clickissuer AS known (issuer, issued, stored, dropped, first_seen, last_seen)
SELECT issuer, issued, stored, dropped, now(), now()
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS seen (issuer, issued, stored, dropped)
ON CONFLICT (issuer) DO UPDATE SET
    issued = greatest(known.issued, excluded.issued),
    stored = known.stored + excluded.stored,
    dropped = greatest(known.dropped, excluded.dropped),
    last_seen = excluded.last_seen
"""

_ADD_ORPHANS = """
INSERT INTO links_orphanslug AS known (domain, slug, hits, first_seen, last_seen)
SELECT domain, slug, hits, %s, %s
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS seen (domain, slug, hits)
ON CONFLICT (domain, slug) DO UPDATE SET
    hits = known.hits + excluded.hits, last_seen = excluded.last_seen
"""


class _Account(NamedTuple):
    issued: int = 0
    stored: int = 0
    dropped: int = 0


def settle(batches: list[ClickBatch], new: set[bytes]) -> None:
    """Enter `batches` into their issuers' accounts; `new` are the event ids that were inserted."""
    if not batches:
        return
    seen: dict[bytes, _Account] = {}
    uncounted = set(new)
    for batch in batches:
        known = seen.get(batch.issuer, _Account())
        # An id is taken out once counted: the same event in two batches is one click.
        counted = {event.id for event in batch.events} & uncounted
        uncounted -= counted
        seen[batch.issuer] = _Account(
            max(known.issued, batch.issued),
            known.stored + len(counted),
            max(known.dropped, batch.dropped),
        )
    rows = [(issuer.hex(), *account) for issuer, account in sorted(seen.items())]
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [list(column) for column in zip(*rows, strict=True)])
    # A batch that was stored before brings nothing new at all.
    _add_orphans([b for b in batches if not b.events or any(e.id in new for e in b.events)])


def _add_orphans(batches: list[ClickBatch]) -> None:
    hits: Counter[tuple[str, str]] = Counter()
    for batch in batches:
        for address, number in batch.orphans.items():
            domain, _, slug = address.replace("\0", "").partition("/")
            hits[domain[:253], slug[:384]] += number
    if not hits:
        return
    rows = [(*address, hits[address]) for address in sorted(hits)]
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_ORPHANS, [now, now, *(list(column) for column in zip(*rows, strict=True))]
        )
