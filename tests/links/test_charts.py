"""What the charts of a link's page say."""

from datetime import UTC, datetime, timedelta

import pytest

from links.charts import breakdown, time_chart
from links.clicks.statistics import Counts, Interval

START = datetime(2031, 3, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "step", "marks"),
    [
        (Interval.HOUR, timedelta(hours=1), ["22:00", "23:00", "2 Mar", "01:00"]),
        (Interval.DAY, timedelta(days=1), ["1 Mar", "2 Mar", "3 Mar", "4 Mar"]),
        (Interval.WEEK, timedelta(weeks=1), ["1 Mar", "8 Mar", "15 Mar", "22 Mar"]),
        (Interval.MONTH, timedelta(days=31), ["Mar 2031", "Apr 2031", "May 2031", "Jun 2031"]),
    ],
)
def test_marks_are_short_and_midnight_is_a_day(
    interval: Interval, step: timedelta, marks: list[str]
) -> None:
    chart = time_chart([(START + place * step, Counts(1)) for place in range(4)], interval)
    assert [point.mark for point in chart.points] == marks


def test_bots_stand_apart_from_people() -> None:
    chart = time_chart([(START, Counts(clicks=100, bots=25))], Interval.DAY)
    assert (chart.data["people"], chart.data["bots"]) == ([75], [25])


def test_a_chart_has_eight_bars_and_the_table_all() -> None:
    values = [(f"v{place:02}", Counts(clicks=100 - place)) for place in range(9)]
    shown = breakdown("x", "X", [*values, ("", Counts(1)), ("bots", Counts(5, 5))], unknown="?")
    assert len(shown.data["people"]) == 8
    assert [share.label for share in shown.shares[-2:]] == ["v08", "?"]
    assert shown.shares[-1].percent == "<1%"


def test_the_many_small_ones_are_one_line_so_that_the_sum_stays_right() -> None:
    values = [(f"v{place:03}", Counts(clicks=200 - place)) for place in range(100)]
    lines = breakdown("x", "X", values, unknown="?").shares
    assert (len(lines), lines[-1].label) == (26, "75 others")
    assert sum(line.clicks for line in lines) == sum(counts.clicks for _, counts in values)
