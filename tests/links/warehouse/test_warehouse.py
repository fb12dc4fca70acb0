"""Clicks in ClickHouse: all of them, each once, and the same numbers come out."""

import http.client
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from links.clicks import statistics
from links.clicks.drain import drain_once
from links.clicks.statistics import Interval, Period
from links.health import check_clickhouse
from links.models import Click, Dimension, Link
from links.redirect.click import ClickEvent, new_event_id
from links.tasks import copy_all_clicks, copy_clicks
from links.warehouse import reading, state, table
from monitoring.health.report import Status
from monitoring.redis import durable
from tests.links.conftest import CHROME, GOOGLEBOT, IPHONE, MakeLink, event, send
from tests.links.warehouse.conftest import Engine

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()
YESTERDAY = NOW - timedelta(days=1)


def clicks(link: Link, many: int, *, begin: datetime, every: timedelta) -> list[ClickEvent]:
    """Of few visitors from several places, some of them bots."""
    chance, events = random.Random(many), []
    for number in range(many):
        visitor = chance.randrange(1, 9)
        found = event(
            link,
            agent=chance.choice((CHROME, IPHONE, GOOGLEBOT)),
            country=chance.choice(("DE", "FR", "")),
            visitor=visitor.to_bytes(8),
            referrer=chance.choice(("https://news.example/a", "")),
        )
        at = round((begin + every * number).timestamp() * 1000)
        found.id = at.to_bytes(6) + new_event_id()[6:]
        events.append(found)
    return events


def stored(*events: ClickEvent) -> None:
    send(*events)
    drain_once(durable())


def test_every_number_is_the_one_of_the_roll_ups(engine: Engine, make_link: MakeLink) -> None:
    link, other = make_link(), make_link()
    begin = NOW - timedelta(days=3)
    stored(*clicks(link, 300, begin=begin, every=timedelta(minutes=13)))
    stored(*clicks(other, 40, begin=begin, every=timedelta(hours=1)))
    assert copy_all_clicks() == 340

    for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"):
        for hours in (5, 24, 61):
            start = begin + timedelta(hours=7)
            period = Period.between(start, start + timedelta(hours=hours), ZoneInfo(zone))
            assert_the_same([link.pk, other.pk], period)


def assert_the_same(links: list[int], period: Period) -> None:
    """As it is read now, and as it is while there is no copy to be read."""
    bounds = (period.start, period.end)
    assert reading.sums(links, *bounds, [Dimension.TOTAL], limit=1) is not None

    def all_numbers() -> tuple[object, object]:
        sums = statistics.breakdowns(links, period, list(Dimension))
        series = {each: statistics.series(links, period, each) for each in Interval}
        return {each: dict(found) for each, found in sums.items()}, series

    read = all_numbers()
    whole = durable().getdel("rallypoint:{clickhouse}:whole")
    assert reading.sums(links, *bounds, [Dimension.TOTAL], limit=1) is None
    assert all_numbers() == read
    durable().set("rallypoint:{clickhouse}:whole", whole)


def test_what_is_there_is_not_brought_again(engine: Engine, make_link: MakeLink) -> None:
    link = make_link()
    stored(*clicks(link, 10, begin=YESTERDAY, every=timedelta(seconds=1)))
    assert copy_clicks() == 10
    assert copy_clicks() == 0

    stored(*clicks(link, 7, begin=NOW, every=timedelta(milliseconds=1)))
    assert copy_clicks() == 7
    assert sum(table.counts().values()) == 17


def test_the_command_copies_and_compares(
    engine: Engine, make_link: MakeLink, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(*clicks(make_link(), 9, begin=YESTERDAY, every=timedelta(seconds=1)))
    with pytest.raises(CommandError, match="1 days differ"):
        call_command("clickhouse", "status")
    call_command("clickhouse", "copy")
    call_command("clickhouse", "status")
    said = capsys.readouterr().out
    assert "9 clicks copied" in said
    assert "9 clicks of 1 days: all equal" in said


def test_clicks_that_come_late_are_brought_too(engine: Engine, make_link: MakeLink) -> None:
    """From a spool: long before the newest that is known."""
    link = make_link()
    stored(*clicks(link, 3, begin=NOW, every=timedelta(milliseconds=1)))
    copy_clicks()
    stored(*clicks(link, 5, begin=YESTERDAY, every=timedelta(seconds=1)))
    midnight = NOW.replace(hour=0, minute=0, second=0)
    stored(*clicks(link, 2, begin=midnight, every=timedelta(milliseconds=1)))

    assert copy_clicks() == 7
    assert sum(table.counts().values()) == Click.objects.count() == 10


def test_what_came_twice_counts_once_and_is_not_read_before(
    engine: Engine, make_link: MakeLink
) -> None:
    """As after a time-out: nobody knew that it had arrived."""
    link = make_link()
    stored(*clicks(link, 10, begin=YESTERDAY, every=timedelta(seconds=1)))
    copy_all_clicks()
    columns = "event_id, at, link_id, is_bot, visitor"
    again = [
        (*row[:4], bytes(row[4] or b""), *row[5:])
        for row in Click.objects.values_list(*table.COLUMNS)[:4]
    ]
    assert len(again[0]) > len(columns.split(", "))
    table.add(again)
    assert sum(table.counts().values()) == 14

    assert copy_clicks() == 0
    assert sum(table.counts().values()) == 10
    assert state.whole_since() is not None


def test_without_clickhouse_statistics_go_on(engine: Engine, make_link: MakeLink) -> None:
    link = make_link()
    stored(*clicks(link, 10, begin=YESTERDAY, every=timedelta(seconds=1)))
    copy_all_clicks()
    period = Period.between(YESTERDAY, NOW, ZoneInfo("UTC"))
    before = statistics.totals([link.pk], period)
    engine.kill()
    try:
        assert statistics.totals([link.pk], period) == before
        with pytest.raises(CommandError, match="ClickHouse") as refused:
            call_command("clickhouse", "status")
        assert "secret" not in str(refused.value)
    finally:
        engine.start()


def test_days_that_are_gone_here_are_not_read_there(engine: Engine, make_link: MakeLink) -> None:
    """ClickHouse came later than some days went."""
    link = make_link()
    stored(*clicks(link, 4, begin=NOW - timedelta(days=5), every=timedelta(seconds=1)))
    stored(*clicks(link, 6, begin=YESTERDAY, every=timedelta(seconds=1)))
    Click.objects.filter(at__lt=NOW - timedelta(days=2)).delete()
    copy_all_clicks()

    assert state.whole_since() == TODAY - timedelta(days=4)
    long = Period.between(NOW - timedelta(days=6), NOW, ZoneInfo("UTC"))
    assert statistics.totals([link.pk], long).clicks == 10
    with pytest.raises(CommandError, match="1 days differ"):
        call_command("clickhouse", "status")


def test_the_driver_changes_nothing_for_others(engine: Engine) -> None:
    """Who fetches the pages of strangers counts on a hundred headers at most."""
    assert table.counts() == {}
    assert http.client._MAXHEADERS == 100


def test_a_copy_that_is_not_whole_degrades(engine: Engine, make_link: MakeLink) -> None:
    assert check_clickhouse().status is Status.DEGRADED
    stored(*clicks(make_link(), 4, begin=YESTERDAY, every=timedelta(seconds=1)))
    copy_all_clicks()
    found = check_clickhouse()
    assert found.status is Status.HEALTHY
    assert date.fromisoformat(str((found.details or {})["wholeSince"])) <= TODAY
