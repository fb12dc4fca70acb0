"""The geometry that the link page draws."""

from datetime import UTC, datetime, timedelta

import pytest

from links.charts import axis_labels, breakdown, nice_ticks, time_chart
from links.clicks.statistics import Counts, Interval


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (37, [0, 10, 20, 30, 40]),
        (100, [0, 50, 100]),
        (101, [0, 50, 100, 150]),
        (1_234_567, [0, 500_000, 1_000_000, 1_500_000]),
    ],
)
def test_ticks_are_round_numbers_that_hold_the_highest(highest: int, ticks: list[int]) -> None:
    assert nice_ticks(highest) == ticks


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0, 2_500, 5_000], ["0", "2,500", "5,000"]),
        ([0, 5_000, 10_000], ["0", "5k", "10k"]),
        ([0, 5_000_000, 10_000_000], ["0", "5m", "10m"]),
    ],
)
def test_an_axis_speaks_in_one_unit(ticks: list[int], labels: list[str]) -> None:
    assert axis_labels(ticks) == labels


def series(number: int, step: timedelta, clicks: int = 1) -> list[tuple[datetime, Counts]]:
    start = datetime(2031, 3, 1, 5, tzinfo=UTC)
    return [(start + place * step, Counts(clicks)) for place in range(number)]


def test_bars_stand_on_the_line_and_reach_as_high_as_they_count() -> None:
    start = datetime(2031, 3, 1, tzinfo=UTC)
    (bar,) = time_chart([(start, Counts(clicks=100, bots=25))], Interval.DAY).bars
    assert (bar.humans_y, bar.humans_height) == (50, 150)
    assert (bar.bots_y, bar.bots_height) == (0, 50)
    assert (bar.slot_x, bar.slot_width) == ("0.000%", "100.000%")


@pytest.mark.parametrize(
    ("interval", "step", "number"),
    [
        (Interval.HOUR, timedelta(hours=1), 24),
        (Interval.HOUR, timedelta(hours=1), 72),
        (Interval.DAY, timedelta(days=1), 7),
        (Interval.DAY, timedelta(days=1), 30),
        (Interval.DAY, timedelta(days=1), 120),
        (Interval.WEEK, timedelta(weeks=1), 105),
        (Interval.MONTH, timedelta(days=31), 1200),
    ],
)
def test_labels_fit_a_desk_and_fewer_a_phone(
    interval: Interval, step: timedelta, number: int
) -> None:
    marks = time_chart(series(number, step), interval).marks
    assert 2 <= len(marks) <= 13
    assert 2 <= len([mark for mark in marks if not mark.only_wide]) <= 6


def test_hours_are_labelled_from_midnight_on() -> None:
    marks = time_chart(series(24, timedelta(hours=1)), Interval.HOUR).marks
    assert [mark.label for mark in marks if not mark.only_wide] == [
        "06:00",
        "12:00",
        "18:00",
        "2 Mar",
    ]


def test_a_long_breakdown_is_folded_but_never_for_a_single_line() -> None:
    values = [(f"v{place:02}", Counts(clicks=100 - place)) for place in range(8)]
    assert len(breakdown("x", "X", values, unknown="?").rest) == 0
    folded = breakdown("x", "X", [*values, ("", Counts(1)), ("bots", Counts(5, 5))], unknown="?")
    assert (len(folded.first), [share.label for share in folded.rest]) == (7, ["v07", "?"])
    assert (folded.rest[-1].percent, folded.first[0].width) == ("<1%", "100.000%")


def test_the_many_small_ones_are_one_line_so_that_the_sum_stays_right() -> None:
    values = [(f"v{place:03}", Counts(clicks=200 - place)) for place in range(100)]
    shares = breakdown("x", "X", values, unknown="?")
    lines = [*shares.first, *shares.rest]
    assert (len(lines), lines[-1].label) == (26, "75 others")
    assert sum(line.clicks for line in lines) == sum(counts.clicks for _, counts in values)
