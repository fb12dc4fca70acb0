"""Quests on the operators' first page: what was done and paid, and what waits for somebody."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from monitoring.cache import cacheable
from monitoring.overview import Chart, Figure, Line, Source

DAYS = 21
_DONE, _SEEN, _SENT = "quests.view_completion", "quests.view_evidence", "quests.view_delivery"
_COMPLETIONS = "admin:quests_completion_changelist"
_DELIVERIES = "admin:quests_delivery_changelist"
# Past this many, what waits for a review is not worth counting.
_MOST_REVIEWS = 1_000
_NEWEST_DELIVERIES = 10_000

# By the index of the newest completions: days that are past are read no further than DAYS.
_BY_DAY = """
SELECT (completed_at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE status <> 'reversed'),
    coalesce(sum(xp) FILTER (WHERE status = 'paid'), 0)::bigint,
    count(*) FILTER (WHERE status = 'held')
FROM quests_completion WHERE completed_at >= %s GROUP BY 1
"""
# Each by a partial index of its own, but for those that were given up: they are sought among the
# newest deliveries.
_WAITING = """
SELECT (SELECT count(*) FROM (
        SELECT FROM quests_evidence WHERE state = 'pending' LIMIT %(reviews)s) proofs),
    (SELECT count(*) FROM quests_outboxevent WHERE relayed_at IS NULL),
    (SELECT count(*) FROM quests_delivery WHERE state = 'waiting'),
    (SELECT count(*) FROM (
        SELECT state FROM quests_delivery ORDER BY id DESC LIMIT %(deliveries)s
    ) newest WHERE state = 'dead')
"""


class Day(NamedTuple):
    day: date
    completions: int
    xp: int
    held: int


class Waiting(NamedTuple):
    reviews: int
    events: int
    deliveries: int
    dead: int


@cacheable(ttl=10)
def completions_by_day() -> list[Day]:
    """Of each of the last DAYS, the oldest first; what was reversed counts no more."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, [datetime.combine(days[0], datetime.min.time(), UTC)])
        found = {row[0]: Day(*row) for row in cursor.fetchall()}
    return [found.get(day, Day(day, 0, 0, 0)) for day in days]


@cacheable(ttl=10)
def waiting() -> Waiting:
    with connection.cursor() as cursor:
        most = {"reviews": _MOST_REVIEWS + 1, "deliveries": _NEWEST_DELIVERIES}
        cursor.execute(_WAITING, most)
        return Waiting(*cursor.fetchone())


def completion_figures() -> list[Figure]:
    days = completions_by_day()
    today, held = days[-1], sum(day.held for day in days)
    return [
        Figure("Completions today", f"{today.completions:,}", _DONE, _COMPLETIONS,
               note=f"{days[-8].completions:,} on all of {days[-8].day:%A} a week ago"),
        Figure("XP today", f"{today.xp:,}", _DONE, _COMPLETIONS, note="paid for completions"),
        Figure("Held", f"{held:,}", _DONE, _COMPLETIONS, "status__exact=held",
               note=f"of the last {DAYS} days", tone="warn" if held else ""),
    ]  # fmt: skip


def review_figures() -> list[Figure]:
    reviews = waiting().reviews
    shown = f"{_MOST_REVIEWS:,}+" if reviews > _MOST_REVIEWS else f"{reviews:,}"
    tone = "warn" if reviews else ""
    return [Figure("Review queue", shown, _SEEN, "admin:quests_evidence_review", tone=tone)]


def webhook_figures() -> list[Figure]:
    found = waiting()
    note = f"{found.events:,} events not yet relayed" if found.events else ""
    dead = "of the newest 10,000 deliveries"
    return [
        Figure("Webhooks waiting", f"{found.deliveries:,}", _SENT, _DELIVERIES,
               "state__exact=waiting", note=note),
        Figure("Webhooks given up", f"{found.dead:,}", _SENT, _DELIVERIES, "state__exact=dead",
               note=dead, tone="bad" if found.dead else ""),
    ]  # fmt: skip


def completion_charts() -> list[Chart]:
    days = completions_by_day()
    labels = [f"{day.day.day} {day.day:%b}" for day in days]
    done = [Line("Completions", [day.completions for day in days])]
    xp = [Line("XP", [day.xp for day in days])]
    return [
        Chart(f"Completions a day, {DAYS} days", _DONE, _COMPLETIONS, "bar", labels, done),
        Chart(f"XP paid a day, {DAYS} days", _DONE, _COMPLETIONS, "bar", labels, xp),
    ]


SOURCES = (
    Source((_DONE,), completion_figures),
    Source((_SEEN,), review_figures),
    Source((_SENT,), webhook_figures),
)
CHARTS = (Source((_DONE,), completion_charts),)
