"""E4: deliveries created = delivered + dead-lettered + waiting, for every event.

The relay notes on each event how many deliveries it makes; the deliveries are counted by what
became of them. The two numbers come from different tables and different moments. Events that were
not relayed yet wait as a whole; what retention forgets, it forgets from both sides at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection, transaction

from monitoring.equations import Difference

_SHOWN = 100


class KindAccount(NamedTuple):
    """Of one kind of event: events that wait for the relay, and deliveries."""

    kind: str
    waiting_events: int
    created: int
    delivered: int
    dead: int
    waiting: int


@dataclass
class OutboxReport:
    kinds: list[KindAccount] = field(default_factory=list)
    # The first hundred of them.
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.differences

    @property
    def total(self) -> KindAccount:
        sums = [sum(numbers) for numbers in zip(*(kind[1:] for kind in self.kinds), strict=True)]
        return KindAccount("all", *(sums or [0] * 5))


_COUNTED = """
WITH counted AS (
    SELECT event_id, count(*) AS made,
           count(*) FILTER (WHERE state = 'delivered') AS delivered,
           count(*) FILTER (WHERE state = 'dead') AS dead,
           count(*) FILTER (WHERE state = 'waiting') AS waiting
    FROM quests_delivery GROUP BY event_id
)
"""
_KINDS = f"""
{_COUNTED}
SELECT kind, count(*) FILTER (WHERE relayed_at IS NULL),
       coalesce(sum(deliveries_made), 0)::bigint, coalesce(sum(delivered), 0)::bigint,
       coalesce(sum(dead), 0)::bigint, coalesce(sum(waiting), 0)::bigint
FROM quests_outboxevent event LEFT JOIN counted ON counted.event_id = event.id
GROUP BY kind ORDER BY kind
"""  # noqa: S608 - no value of anybody's in it
_DIFFERENCES = f"""
{_COUNTED}
SELECT kind || ' ' || public_id, coalesce(deliveries_made, 0), coalesce(made, 0)
FROM quests_outboxevent event LEFT JOIN counted ON counted.event_id = event.id
WHERE coalesce(deliveries_made, 0) <> coalesce(made, 0)
ORDER BY event.id LIMIT {_SHOWN}
"""  # noqa: S608 - no value of anybody's in it


@transaction.atomic
def account_for_outbox() -> OutboxReport:
    """Count on the running system: relay, sender and retention change both sides in one commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # sums over everything may take long
    return OutboxReport(
        kinds=[KindAccount(*row) for row in _rows(_KINDS)],
        differences=[Difference("E4", *row) for row in _rows(_DIFFERENCES)],
    )


def _rows(statement: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        yield from cursor.fetchall()
