"""Charts: exact in every time zone, without holes, and at a cost that clicks do not raise."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from links.clicks import statistics
from links.clicks.drain import drain_once
from links.clicks.statistics import Interval, Period
from links.models import Dimension, Link
from links.redirect.click import new_event_id
from monitoring.redis import durable
from tests.links.conftest import MakeLink, event, send

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


def click_at(link: Link, *moments: str) -> None:
    clicks = []
    for moment in moments:
        click = event(link, country="DE")
        at = datetime.fromisoformat(moment).timestamp() * 1000
        click.id = round(at).to_bytes(6) + new_event_id()[6:]
        clicks.append(click)
    send(*clicks)
    drain_once(durable())


def period(start: str, end: str, zone: str = "UTC") -> Period:
    return Period.between(
        datetime.fromisoformat(start), datetime.fromisoformat(end), ZoneInfo(zone)
    )


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", [2, 2]),
        ("Asia/Kathmandu", [1, 3]),  # +05:45: its midnight lies inside an hour of UTC
        ("America/St_Johns", [3, 1]),  # -03:30
    ],
)
def test_a_day_is_the_readers_day(make_link: MakeLink, zone: str, expected: list[int]) -> None:
    link = make_link()
    click_at(link, "2031-03-01T18:14:00Z", "2031-03-01T18:15:00Z", "2031-03-02T01:00:00Z",
             "2031-03-02T10:00:00Z")  # fmt: skip
    days = [datetime(2031, 3, day, tzinfo=ZoneInfo(zone)) for day in (1, 2, 3)]
    range_ = Period.between(days[0], days[2], ZoneInfo(zone))

    points = statistics.series([link.pk], range_, Interval.DAY)

    assert [counts.clicks for _, counts in points] == expected
    assert [start for start, _ in points] == days[:2]
    assert statistics.totals([link.pk], range_).clicks == 4


def test_summer_time_neither_loses_nor_doubles_an_hour(make_link: MakeLink) -> None:
    link = make_link()
    # Berlin, 27 October 2030: from 3:00 back to 2:00.
    click_at(link, "2030-10-27T00:30:00Z", "2030-10-27T01:30:00Z")
    day = period("2030-10-27T00:00:00+02:00", "2030-10-28T00:00:00+01:00", "Europe/Berlin")

    hours = statistics.series([link.pk], day, Interval.HOUR)

    assert len(hours) == 25
    assert [counts.clicks for _, counts in hours][2:4] == [1, 1]


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2031-04-06", "Australia/Lord_Howe", 25),  # at 2:00 back to 1:30
        ("2031-10-05", "Australia/Lord_Howe", 24),  # from 2:00 to 2:30
        ("2031-11-02", "America/Havana", 25),  # at 1:00 back to 0:00: midnight comes twice
        ("2031-03-09", "America/Havana", 23),  # from 0:00 to 1:00: there is no midnight
        ("2031-03-30", "Antarctica/Troll", 22),  # from 1:00 to 3:00
    ],
)
def test_each_click_of_a_day_with_a_change_of_clocks_is_in_its_step(
    make_link: MakeLink, day: str, zone: str, hours: int
) -> None:
    link, begin = make_link(), datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = (begin + timedelta(days=1)).astimezone(UTC)
    many = (end - begin.astimezone(UTC)) // timedelta(minutes=15)
    quarters = [begin.astimezone(UTC) + timedelta(minutes=15) * n for n in range(many)]
    click_at(link, *(quarter.isoformat() for quarter in quarters))
    whole = Period.between(begin, end, ZoneInfo(zone))

    assert [counts.clicks for _, counts in statistics.series([link.pk], whole, Interval.DAY)] == [
        many
    ]
    found = statistics.series([link.pk], whole, Interval.HOUR)
    assert len(found) == hours
    starts = [start.astimezone(UTC) for start, _ in found]
    for (_, counts), since, until in zip(found, starts, [*starts[1:], end], strict=True):
        assert counts.clicks == sum(since <= quarter < until for quarter in quarters)


def test_a_series_has_no_holes(make_link: MakeLink) -> None:
    link = make_link()
    click_at(link, "2031-01-15T12:00:00Z")

    for interval, number in ((Interval.DAY, 31), (Interval.WEEK, 5), (Interval.MONTH, 1)):
        points = statistics.series(
            [link.pk], period("2031-01-01T00:00:00Z", "2031-02-01T00:00:00Z"), interval
        )
        assert len(points) == number
        assert sum(counts.clicks for _, counts in points) == 1


@pytest.mark.parametrize("offset", range(0, 48 * 60, 75))
def test_whole_days_and_edges_add_up_whatever_the_range(make_link: MakeLink, offset: int) -> None:
    link = make_link()
    moments = [datetime(2031, 1, 1, tzinfo=UTC) + timedelta(minutes=37 * n) for n in range(200)]
    click_at(link, *(moment.isoformat() for moment in moments))
    start = datetime(2031, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)

    for length in (timedelta(minutes=30), timedelta(hours=25), timedelta(days=3)):
        range_ = Period.between(start, start + length, ZoneInfo("UTC"))
        inside = sum(range_.start <= moment < range_.end for moment in moments)
        assert statistics.totals([link.pk], range_).clicks == inside
        country = dict(statistics.breakdown([link.pk], range_, Dimension.COUNTRY))
        assert sum(counts.clicks for counts in country.values()) == inside


def test_too_many_points_are_refused(api: Api, alice: User, make_link: MakeLink) -> None:
    address = f"/api/links/{make_link().public_id}/stats"

    answer = api(alice).get(f"{address}?from=2001-01-01&to=2031-01-01&interval=hour")

    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_points")


@pytest.mark.parametrize(
    "query",
    ["from=x", "from=2031-13-01", "tz=Mars/Base", "tz=localtime",
     "interval=second", "groupBy=moon", "bots=maybe",
     "from=2031-01-02&to=2031-01-01", "from=99999-01-01", "to=0001-01-01T00:00:00Z", "nope=1"],
)  # fmt: skip
def test_odd_questions_are_400(api: Api, alice: User, make_link: MakeLink, query: str) -> None:
    answer = api(alice).get(f"/api/links/{make_link().public_id}/stats?{query}")

    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"


def test_one_answer_costs_five_queries(
    api: Api, alice: User, make_link: MakeLink, django_assert_num_queries: Any
) -> None:
    client, link = api(alice), make_link()
    click_at(link, datetime.now(UTC).isoformat())

    with django_assert_num_queries(5):  # session, user, link, totals, series, eight break-downs
        body = client.get(f"/api/links/{link.public_id}/stats").json()

    assert body["totals"] == {"clicks": 1, "humans": 1, "bots": 0, "visitors": 0}
    assert body["breakdowns"]["country"][0]["value"] == "DE"


def test_single_clicks_come_newest_first_in_pages(
    api: Api, alice: User, make_link: MakeLink
) -> None:
    link = make_link()
    click_at(link, *(f"2031-01-0{day}T00:00:00Z" for day in range(1, 8)))
    client, seen, page = api(alice), [], f"/api/links/{link.public_id}/clicks?limit=3"

    while page:
        body = client.get(page).json()
        seen += [row["at"] for row in body["results"]]
        page = body["next"]

    assert seen == [f"2031-01-0{day}T00:00:00.000Z" for day in range(7, 0, -1)]


def test_the_overview_is_ones_own(api: Api, alice: User, bob: User, make_link: MakeLink) -> None:
    link = make_link()
    click_at(link, datetime.now(UTC).isoformat())

    assert api(alice).get("/api/stats/overview").json()["totals"]["clicks"] == 1
    assert api(bob).get("/api/stats/overview").json()["totals"]["clicks"] == 0
    assert api(alice).get("/api/stats/top-links?limit=1").json()[0]["slug"] == link.slug
