"""Links on the operators' first page: clicks by day, of the daily roll-up, and how far the drain
is behind."""

from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum
from redis.exceptions import RedisError

from links.health import LAG_SECONDS, stream_lag
from links.models import ClicksByDay, Dimension
from monitoring.cache import cacheable
from monitoring.overview import REDIS_AWAY, UNKNOWN, Chart, Figure, Line, Source
from monitoring.postgresql.replicas import read_aged

DAYS = 21
_CLICKS, _STREAM = "links.view_click", "links.view_clickstream"
_PAGE = "admin:links_link_clicks"


@cacheable(ttl=10)
def clicks_by_day() -> list[tuple[date, int, int]]:
    """(day of UTC, people, bots) of all links, the oldest first; each of the last DAYS."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    found = read_aged(lambda using: _sums_since(days[0], using))
    return [(day, *found.get(day, (0, 0))) for day in days]


def _sums_since(day: date, using: str) -> dict[date, tuple[int, int]]:
    rows = ClicksByDay.objects.using(using).filter(dimension=Dimension.TOTAL, start__gte=day)
    sums = rows.values("start").annotate(all=Sum("clicks"), bot=Sum("bots"))
    return {row["start"]: (row["all"] - row["bot"], row["bot"]) for row in sums}


def click_figures() -> list[Figure]:
    days = clicks_by_day()
    (then, people_then, _), (_, people, bots) = days[-8], days[-1]
    note = f"{bots:,} more by bots; {people_then:,} on all of {then:%A} a week ago"
    return [Figure("Clicks today", f"{people:,}", _CLICKS, _PAGE, note=note)]


def stream_figures() -> list[Figure]:
    page = "admin:links_clickstream_changelist"
    try:
        waiting, seconds = stream_lag()
    except (RedisError, OSError):
        return [Figure("Click stream lag", UNKNOWN, _STREAM, page, note=REDIS_AWAY, tone="warn")]
    tone = "warn" if seconds > LAG_SECONDS else "good"
    note = f"{waiting:,} batches wait" if waiting else "nothing waits"
    return [Figure("Click stream lag", f"{seconds:.0f} s", _STREAM, page, note=note, tone=tone)]


def click_charts() -> list[Chart]:
    days = clicks_by_day()
    return [
        Chart(
            f"Clicks a day, {DAYS} days", _CLICKS, _PAGE, "bar",
            [f"{day.day} {day:%b}" for day, _, _ in days],
            [Line("People", [row[1] for row in days]), Line("Bots", [row[2] for row in days])],
        )
    ]  # fmt: skip


SOURCES = (Source((_CLICKS,), click_figures), Source((_STREAM,), stream_figures))
CHARTS = (Source((_CLICKS,), click_charts),)
